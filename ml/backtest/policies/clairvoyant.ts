import type { Bar, Range } from "../../types.ts";
import { bpsToRatio, floorToSpacing, lnPriceToTick } from "../../units.ts";
import type { PolicyInput } from "../types.ts";
import { barEarnings } from "./barEarnings.ts";
import { depthOf, edgesOf, gasOf, otherShareAt, swapLoss } from "./costs.ts";
import { hold, moveTo, type PolicyDefinition } from "./definition.ts";
import { holdsOnly, rangeAround, ticksOfRatio } from "./place.ts";

const HOUR = 3600;
const WIDTHS_PERCENT = [0.5, 1, 2, 5, 10, 20, 50] as const;

/**
 * The best plan in hindsight, a bound and no competitor: a dynamic programme over the hours ahead chooses among idle and
 * ranges of ±0.5 to ±50 % on a lattice of half a half width, knowing each hour's fees (diluted by our size), LVR, and the
 * fee, impact and gas of every change. It bounds what such single ranges could earn under its hourly reckoning; the
 * market that carries its plan out reckons finer.
 */
export const clairvoyant: PolicyDefinition = {
  id: "clairvoyant",
  label: "clairvoyant bound",
  family: "clairvoyant",
  clairvoyant: true,
  source: "dynamic programme in hindsight, M4 of arXiv 2309.10129",
  start: (input) => {
    const plan = planAhead(input);
    return (context) => {
      const target = plan(context.atSeconds);
      const { positions, idle0, idle1 } = context.state;
      if (target === undefined) return hold("beyond the known future");
      if (target === null) {
        const other = context.numeraire === 0 ? idle1 : idle0;
        return positions.length === 0 && other === 0n
          ? hold("idle is best")
          : { kind: "idle", reason: "idle is best", sell: true };
      }
      return holdsOnly(context, target) ? hold("its range is best") : moveTo(target, "another range will be best");
    };
  },
};

/** Ranges of every width around every price that the bars reach, on the pool's spacing. */
export function latticeOf(bars: readonly Bar[], { pool, numeraire }: Pick<PolicyInput, "pool" | "numeraire">): Range[] {
  const ticks = bars.flatMap(({ low, high, open, close }) => [low, high, open, close]).filter((x) => !Number.isNaN(x));
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const lnPrice of ticks) {
    const tick = lnPriceToTick(lnPrice, numeraire);
    least = Math.min(least, tick);
    most = Math.max(most, tick);
  }
  const found = new Map<string, Range>();
  for (const percent of WIDTHS_PERCENT) {
    const half = ticksOfRatio(percent / 100);
    const step = Math.max(pool.tickSpacing, floorToSpacing(half / 2, pool.tickSpacing));
    for (let centre = floorToSpacing(least, step); centre <= most + step; centre += step) {
      const range = rangeAround(centre, half, half, pool);
      found.set(`${range.lowerTick} ${range.upperTick}`, range);
    }
  }
  return [...found.values()];
}

/** The plan: for a time, a range, null for idle, or undefined outside of the known future. */
export function planAhead(input: PolicyInput): (atSeconds: number) => Range | null | undefined {
  const bars = input.future.filter((bar) => !Number.isNaN(bar.open) && !Number.isNaN(bar.close));
  const ranges = latticeOf(bars, input);
  const stride = Math.max(1, Math.round(input.decisionSeconds / HOUR));
  const stages = Math.ceil(bars.length / stride);
  const count = ranges.length + 1; // the last state is idle
  const edges = ranges.map((range) => edgesOf(range, input.numeraire));
  const choice = new Int32Array(stages * count);
  // Value of being in a state at the end of a stage, in fractions of capital; backwards from 0 at the end.
  let ahead = new Float64Array(count);
  for (let stage = stages - 1; stage >= 0; stage--) {
    const inStage = bars.slice(stage * stride, (stage + 1) * stride);
    const open = inStage[0] as Bar;
    const after = Float64Array.from(ahead, (value, state) => {
      const range = edges[state];
      return value + (range === undefined ? 0 : inStage.reduce((sum, bar) => sum + earned(input, range, bar), 0));
    });
    const shares = Float64Array.from({ length: count }, (_, state) => {
      const range = edges[state];
      return range === undefined ? 0 : otherShareAt(range, open.open);
    });
    const price = Math.exp(open.open) * unitRatio(input);
    const gas = [gasOf(input.costs, 0, price) / input.capital, gasOf(input.costs, 1, price) / input.capital] as const;
    const terms = { pool: input.pool, costs: input.costs, depth: depthOf(open.liquidity, open.open) };
    const raw = input.capital * 10 ** assetDecimals(input);
    const [fixed, slope] = [swapLoss(0, terms), raw / terms.depth];
    const before = new Float64Array(count);
    for (let from = 0; from < count; from++) {
      let [best, pick] = [after[from] as number, from];
      for (let to = 0; to < count; to++) {
        const gain = after[to] as number;
        if (gain <= best) continue;
        const swapped = Math.abs((shares[to] as number) - (shares[from] as number));
        const net = gain - swapped * (fixed + slope * swapped) - (to === count - 1 ? gas[0] : gas[1]);
        if (net > best) [best, pick] = [net, to];
      }
      before[from] = best;
      choice[stage * count + from] = pick;
    }
    ahead = before;
  }
  const path = new Int32Array(stages);
  for (let stage = 0, state = count - 1; stage < stages; stage++) {
    state = choice[stage * count + state] as number;
    path[stage] = state;
  }
  return (atSeconds) => {
    const index = bars.findLastIndex((bar) => bar.startSeconds <= atSeconds);
    const bar = bars[index];
    if (bar === undefined || bar.endSeconds <= atSeconds) return undefined;
    return ranges[path[Math.floor(index / stride)] as number] ?? null;
  };
}

/** Fees − LVR of all of the capital over one bar, a fraction of it; our own liquidity dilutes the fees. */
function earned(input: PolicyInput, range: { lower: number; upper: number }, bar: Bar): number {
  const { fees, lvr } = barEarnings(range, bar);
  if (fees === 0) return -lvr;
  // A unit of value in this range is at least `fees / feeYield` units of full-range value: too little dilution keeps it a bound.
  const concentrated = bar.feeYield > 0 ? fees / bar.feeYield : 0;
  const own = (concentrated * input.capital * 10 ** assetDecimals(input)) / (2 * depthOf(bar.liquidity, bar.open));
  return (fees * (1 - bpsToRatio(input.costs.feeHaircutBps))) / (1 + own) - lvr;
}

const assetDecimals = ({ pool, numeraire }: PolicyInput) => (numeraire === 0 ? pool.token0 : pool.token1).decimals;

/** Turns a raw price into whole asset units per whole unit of the other token. */
const unitRatio = ({ pool, numeraire }: PolicyInput) => {
  const difference =
    numeraire === 0 ? pool.token1.decimals - pool.token0.decimals : pool.token0.decimals - pool.token1.decimals;
  return 10 ** difference;
};
