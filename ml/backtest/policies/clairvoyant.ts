import { delta, type Offsets, value } from "../../risk/position.ts";
import type { Bar, Range } from "../../types.ts";
import { bpsToRatio, floorToSpacing, lnPriceToTick } from "../../units.ts";
import type { PolicyInput } from "../types.ts";
import { barEarnings } from "./barEarnings.ts";
import { depthOf, edgesOf, gasOf, otherShareAt, swapLoss } from "./costs.ts";
import { hold, moveTo, type PolicyDefinition } from "./definition.ts";
import { holdsOnly, rangeAround, ticksOfRatio } from "./place.ts";

const WIDTHS_PERCENT = [0.5, 1, 2, 5, 10, 20, 50] as const;

/**
 * The best plan in hindsight, a bound and no competitor: a dynamic programme over the decisions ahead chooses among idle
 * and ranges of ±0.5 to ±50 % on a lattice of half a half width, knowing what each will earn in fees (diluted by our
 * size) and lose to LVR bar by bar, and the fee, impact and gas of every change. It bounds what single ranges of this
 * lattice could earn as far as the bars reckon like the market that then carries the plan out.
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
  const { future: bars, decisionSeconds, numeraire } = input;
  const [first, last] = [bars[0], bars.at(-1)];
  if (first === undefined || last === undefined) return () => undefined;
  const ranges = latticeOf(bars, input);
  const edges = ranges.map((range) => edgesOf(range, numeraire));
  const stages = stagesOf(bars, decisionSeconds);
  const count = ranges.length + 1; // the last state is idle
  const choice = new Int32Array(stages.length * count);
  const shares = new Float64Array(count);
  // Value of being in a state before a stage, fractions of capital; backwards from 0 at the end.
  let ahead = new Float64Array(count);
  for (let stage = stages.length - 1; stage >= 0; stage--) {
    const { lnPrice, liquidity, path } = stages[stage] as Stage;
    for (const [state, range] of edges.entries()) {
      ahead[state] = (ahead[state] as number) + earnedOver(input, range, lnPrice, path);
      shares[state] = otherShareAt(range, lnPrice);
    }
    const change = changeCost(input, lnPrice, liquidity);
    const before = new Float64Array(count);
    for (let from = 0; from < count; from++) {
      let [best, pick] = [ahead[from] as number, from];
      for (let to = 0; to < count; to++) {
        const gain = ahead[to] as number;
        if (gain <= best) continue;
        const net = gain - change(Math.abs((shares[to] as number) - (shares[from] as number)), to < count - 1 ? 1 : 0);
        if (net > best) [best, pick] = [net, to];
      }
      before[from] = best;
      choice[stage * count + from] = pick;
    }
    ahead = before;
  }
  const path = new Int32Array(stages.length);
  for (let stage = 0, state = count - 1; stage < stages.length; stage++) {
    state = choice[stage * count + state] as number;
    path[stage] = state;
  }
  return (atSeconds) => {
    if (atSeconds < first.startSeconds || atSeconds >= last.endSeconds) return undefined;
    return ranges[path[Math.floor((atSeconds - first.startSeconds) / decisionSeconds)] ?? count - 1] ?? null;
  };
}

/** What happens between two decisions. */
interface Stage {
  /** Price at its start, and the liquidity then in range. */
  readonly lnPrice: number;
  readonly liquidity: number;
  readonly path: readonly Bar[];
}

/** The bars by decision; each known bar is made to open where the last known one closed, as the price does. */
function stagesOf(bars: readonly Bar[], decisionSeconds: number): Stage[] {
  const start = (bars[0] as Bar).startSeconds;
  const stages: { lnPrice: number; liquidity: number; path: Bar[] }[] = [];
  let [close, liquidity] = [Number.NaN, Number.NaN];
  for (const bar of bars) {
    const stage = Math.floor((bar.startSeconds - start) / decisionSeconds);
    const known = !Number.isNaN(bar.open) && !Number.isNaN(bar.close);
    const open = Number.isNaN(close) ? bar.open : close;
    while (stages.length <= stage) stages.push({ lnPrice: open, liquidity, path: [] });
    if (!known) continue;
    stages[stage]?.path.push({ ...bar, open });
    [close, liquidity] = [bar.close, bar.liquidity];
  }
  // Until the first known bar nothing can be placed; its own price stands in.
  const firstKnown = stages.find(({ lnPrice }) => !Number.isNaN(lnPrice))?.lnPrice ?? 0;
  return stages.map((stage) => (Number.isNaN(stage.lnPrice) ? { ...stage, lnPrice: firstKnown } : stage));
}

/** Fees − LVR until the next decision of all of the capital put into a range now, a fraction of it. */
function earnedOver(input: PolicyInput, range: Offsets, lnPrice: number, bars: readonly Bar[]): number {
  const atStart = { lower: range.lower - lnPrice, upper: range.upper - lnPrice };
  // Per unit of value: liquidity in units of the starting price's square root.
  const owned = 1 / value(atStart, 0);
  const { costs, capital } = input;
  const raw = capital * 10 ** assetDecimals(input);
  let earned = 0;
  for (const bar of bars) {
    const low = Math.min(bar.open, bar.close, Number.isNaN(bar.low) ? bar.open : bar.low);
    const high = Math.max(bar.open, bar.close, Number.isNaN(bar.high) ? bar.open : bar.high);
    if (high <= range.lower || low >= range.upper) continue;
    const { fees } = barEarnings(range, bar);
    const [from, to] = [bar.open - lnPrice, bar.close - lnPrice];
    const held = delta(atStart, from) * (Math.exp(to) - Math.exp(from));
    const lvr = owned * (held - (value(atStart, to) - value(atStart, from)));
    if (fees > 0) {
      // Fees are per unit of value at the bar's open; the same liquidity is worth more or less there.
      const worth = owned * value(atStart, from);
      const own = (raw * owned * Math.exp(-lnPrice / 2)) / bar.liquidity;
      earned += (fees * worth * (1 - bpsToRatio(costs.feeHaircutBps))) / (bar.liquidity > 0 ? 1 + own : 1);
    }
    earned -= lvr;
  }
  return earned;
}

/** Cost of a change by the share of value that is swapped and the positions that are opened, a fraction of capital. */
function changeCost(input: PolicyInput, lnPrice: number, liquidity: number) {
  const { costs, capital, pool } = input;
  const price = Math.exp(lnPrice) * unitRatio(input);
  const gas = [0, 1].map((positions) => gasOf(costs, positions, price, input) / capital);
  const depth = depthOf(liquidity, lnPrice);
  const fixed = swapLoss(0, { pool, costs, depth });
  const slope = (capital * 10 ** assetDecimals(input)) / depth;
  return (swapped: number, positions: 0 | 1): number =>
    swapped * (fixed + slope * swapped) + (gas[positions] as number);
}

const assetDecimals = ({ pool, numeraire }: PolicyInput) => (numeraire === 0 ? pool.token0 : pool.token1).decimals;

/** Turns a raw price into whole asset units per whole unit of the other token. */
const unitRatio = ({ pool, numeraire }: PolicyInput) => {
  const difference =
    numeraire === 0 ? pool.token1.decimals - pool.token0.decimals : pool.token0.decimals - pool.token1.decimals;
  return 10 ** difference;
};
