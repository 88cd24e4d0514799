import {
  concentration,
  impermanentLoss,
  inRangeShare,
  type Offsets,
  rebalancingStep,
  value,
} from "../../risk/position.ts";
import type { Bar, RangeQuery } from "../../types.ts";

/** What happened to a range over its horizon; fractions of the position's starting value. */
export interface RangeOutcome {
  readonly il: number;
  readonly lvr: number;
  readonly inRange: number;
  /** NaN where the source has no fees. */
  readonly feeYield: number;
}

/** A range that is followed bar by bar. */
export interface FollowedRange {
  /** Takes the next bar; with fees told, those are counted in place of the bar's: value in the asset per unit of liquidity. */
  see(bar: Bar, feesPerLiquidity?: number): void;
  /** Null when the start, the end or more than a twentieth of the way is unknown. */
  end(): RangeOutcome | null;
}

/** Follows a range from a starting price (ln) on. */
export function followRange(
  { lowerOffset, upperOffset }: Pick<RangeQuery, "lowerOffset" | "upperOffset">,
  start: number,
): FollowedRange {
  const range: Offsets = { lower: lowerOffset, upper: upperOffset };
  const perLiquidity = Math.exp(start / 2) * value(range, 0);
  const perFullRange = concentration(range);
  let [inRange, fees, last, loss, known, bars, endsKnown] = [0, 0, 0, 0, 0, 0, false];
  return {
    see(bar, feesPerLiquidity) {
      bars++;
      endsKnown = !Number.isNaN(bar.close);
      if (!endsKnown) return;
      const x = bar.close - start;
      const low = Math.min(last, x, Number.isNaN(bar.low) ? x : bar.low - start);
      const high = Math.max(last, x, Number.isNaN(bar.high) ? x : bar.high - start);
      const share = inRangeShare(range, low, high);
      inRange += share;
      // Bars give fees per unit of value at their own price; our liquidity was bought at the starting price.
      fees +=
        feesPerLiquidity === undefined
          ? bar.feeYield * share * Math.exp(x / 2) * perFullRange
          : feesPerLiquidity / perLiquidity;
      loss += rebalancingStep(range, last, x);
      known++;
      last = x;
    },
    end() {
      if (Number.isNaN(start) || !endsKnown || known < 0.95 * bars) return null;
      return {
        il: impermanentLoss(range, last),
        lvr: loss / value(range, 0),
        inRange: inRange / known,
        feeYield: fees,
      };
    },
  };
}

/** Outcome of a range along bars, the first of which only gives the starting price. Null as in `FollowedRange.end`. */
export function rangeOutcome(bars: readonly Bar[], query: RangeQuery): RangeOutcome | null {
  const followed = followRange(query, bars[0]?.close ?? Number.NaN);
  for (let i = 1; i < bars.length; i++) followed.see(bars[i] as Bar);
  return followed.end();
}

/** Sum of squared close-to-close log returns, NaN when a close is missing. */
export function realisedVariance(bars: readonly Bar[]): number {
  let sum = 0;
  for (let i = 1; i < bars.length; i++) sum += ((bars[i] as Bar).close - (bars[i - 1] as Bar).close) ** 2;
  return sum;
}
