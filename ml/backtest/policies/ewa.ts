import type { Offsets } from "../../risk/position.ts";
import type { Bar, Range } from "../../types.ts";
import type { PolicyAction, PolicyContext, PolicyInput } from "../types.ts";
import { barEarnings } from "./barEarnings.ts";
import { depthOf, gasOf, swapLoss } from "./costs.ts";
import { hold, type PolicyDefinition } from "./definition.ts";
import { centred, spotOf, ticksOfRatio } from "./place.ts";

const WIDTHS_PERCENT = [1, 2, 5, 10, 20, 50] as const;
/** Arms that weigh less are left out of what is held. */
const LEAST_WEIGHT = 0.05;
/** Held and wanted weights may differ by this much of NAV before the vault moves for it. */
const TOLERATED_DRIFT = 0.25;
/** Bars to learn from before the first move: all arms weigh alike at first, and that is no choice. */
const LEAST_BARS = 24;

/**
 * Exponentially weighted average over widths, and idle as one more arm ("EWA" of Zhang et al., arXiv 2309.10129; Hedge of
 * Freund and Schapire). Each arm is a width that recentres when left, its hourly gains reckoned with fees, LVR and the
 * cost of recentring whether or not it is held; weights are ∝ exp(η Σ gains) with η = √(8 ln K / Σ spread²), and NAV is
 * split by weight.
 */
export const ewa: PolicyDefinition = {
  id: "ewa",
  label: "EWA over widths",
  family: "ewa",
  clairvoyant: false,
  source: "Zhang, Chen and Yang, arXiv 2309.10129",
  start: (input) => {
    const bandit = startBandit(input);
    let held: readonly number[] = [];
    return (context) => {
      const weights = bandit(context);
      if (weights === null) return hold("too little history");
      const { positions } = context.state;
      const left = positions.some((position) => !contains(position, spotOf(context).tick));
      const drift = weights.reduce((sum, weight, arm) => sum + Math.abs(weight - (held[arm] ?? 0)), 0) / 2;
      if (!left && drift <= TOLERATED_DRIFT && (positions.length > 0 || held.length > 0))
        return hold("weights are near");
      const action = actionOf(context, weights, left ? "a range was left" : "weights changed");
      held = weights;
      return action;
    };
  },
};

const contains = ({ lowerTick, upperTick }: Range, tick: number) => lowerTick <= tick && tick < upperTick;

function actionOf(context: PolicyContext, weights: readonly number[], reason: string): PolicyAction {
  const ranges = new Map<string, Range & { weight: number }>();
  for (const [arm, percent] of WIDTHS_PERCENT.entries()) {
    const weight = weights[arm] ?? 0;
    if (weight === 0) continue;
    const range = centred(context, ticksOfRatio(percent / 100));
    const key = `${range.lowerTick} ${range.upperTick}`;
    ranges.set(key, { ...range, weight: weight + (ranges.get(key)?.weight ?? 0) });
  }
  if (ranges.size > 0) return { kind: "move", reason, ranges: [...ranges.values()], swap: "to-ratio" };
  if (context.state.positions.length > 0) return { kind: "idle", reason: "idle weighs most", sell: true };
  return hold("idle weighs most");
}

/** Learns from the bars that are new since the last call and returns the arms' weights, idle last, which sum to 1; null at first. */
function startBandit({ costs, pool, capital }: PolicyInput): (context: PolicyContext) => number[] | null {
  const arms = WIDTHS_PERCENT.map((percent) => ({
    half: Math.log1p(percent / 100),
    range: null as Offsets | null,
    sum: 0,
  }));
  let [seenUntil, squares, learnt] = [0, 0, 0];
  const learn = (bar: Bar, context: PolicyContext) => {
    // Half of the value changes hands when a range is put around a price that stands at its edge.
    const depth = depthOf(bar.liquidity, bar.open);
    const reset =
      0.5 * swapLoss(0.5 * Number(context.state.nav), { pool, costs, depth }) +
      gasOf(costs, 1, context.price, context) / capital;
    const gains = arms.map((arm) => {
      const stays = arm.range !== null && arm.range.lower <= bar.open && bar.open < arm.range.upper;
      if (!stays) arm.range = { lower: bar.open - arm.half, upper: bar.open + arm.half };
      const { fees, lvr } = barEarnings(arm.range as Offsets, bar);
      return fees - lvr - (stays ? 0 : reset);
    });
    for (const [index, arm] of arms.entries()) arm.sum += gains[index] as number;
    learnt++;
    squares += (Math.max(0, ...gains) - Math.min(0, ...gains)) ** 2;
  };
  return (context) => {
    for (const bar of context.bars) {
      if (bar.startSeconds < seenUntil) continue;
      seenUntil = bar.endSeconds;
      if (!Number.isNaN(bar.open) && !Number.isNaN(bar.close)) learn(bar, context);
    }
    return learnt < LEAST_BARS ? null : weigh([...arms.map(({ sum }) => sum), 0], squares);
  };
}

/** Hedge weights of the arms' total gains; small ones are dropped and the rest scaled up. */
export function weigh(sums: readonly number[], squares: number): number[] {
  const rate = squares > 0 ? Math.sqrt((8 * Math.log(sums.length)) / squares) : 0;
  const most = Math.max(...sums);
  const raw = sums.map((sum) => Math.exp(rate * (sum - most)));
  const total = raw.reduce((a, b) => a + b, 0);
  const kept = raw.map((weight) => (weight / total >= LEAST_WEIGHT ? weight : 0));
  const left = kept.reduce((a, b) => a + b, 0);
  return kept.map((weight) => weight / left);
}
