import { fullRangeValue } from "../data/bars.ts";
import { concentration, type Offsets } from "../risk/position.ts";
import type { Features, ModelSet, Numeraire, PoolHistory, Range, RangeRiskPrediction } from "../types.ts";
import { sqrtPriceX96ToLnPrice } from "../units.ts";
import { offsetsOf, otherShareOf } from "./cost.ts";

/** What is expected of a range at a history's price, whoever holds it. Fractions of a position's starting value. */
export interface RangeForecast {
  readonly range: Range;
  readonly offsets: Offsets;
  /** Part of a position's value at spot that is in the other token. */
  readonly otherShare: number;
  /** Liquidity that a unit of value buys, pool units per asset unit. */
  readonly liquidityPerValue: number;
  readonly inRange: number;
  readonly fees: number;
  readonly il: number;
  readonly lvr: number;
  /** The loss tail beyond what is expected: expected impermanent loss is expected LVR, which is counted already. */
  readonly tail: number;
}

export interface ForecastRangesParameters {
  readonly models: Pick<ModelSet, "il" | "yield">;
  readonly features: Features;
  readonly history: Pick<PoolHistory, "sqrtPriceX96">;
  readonly numeraire: Numeraire;
  readonly ranges: readonly Range[];
  readonly horizonSeconds: number;
}

/** Forecasts of ranges in one batch per model. Throws TypeError for an answer that is no finite number. */
export async function forecastRanges(parameters: ForecastRangesParameters): Promise<readonly RangeForecast[]> {
  const { models, features, history, numeraire, ranges, horizonSeconds } = parameters;
  const lnPrice = sqrtPriceX96ToLnPrice(history.sqrtPriceX96, numeraire);
  const spot = { numeraire, lnPrice };
  const offsets = ranges.map((range) => offsetsOf(range, spot));
  const queries = offsets.map(({ lower, upper }) => ({ lowerOffset: lower, upperOffset: upper, horizonSeconds }));
  const [risks, yields] = await Promise.all([
    models.il.predict(features, queries),
    models.yield.predict(features, queries),
  ]);
  const fullRange = fullRangeValue(1, lnPrice);
  return ranges.map((range, i) => {
    const own = offsets[i] as Offsets;
    const { il, lvr, inRange } = risks[i] as RangeRiskPrediction;
    const fees = (yields[i] as { mean: number }).mean;
    const tail = tailOf(il.q10, lvr.mean);
    // One of them is no number where their sum is none.
    if (!Number.isFinite(inRange + fees + il.mean + lvr.mean + tail)) throw notFinite(inRange, fees, il.mean, lvr.mean);
    return {
      range,
      offsets: own,
      otherShare: otherShareOf(own),
      // Per unit of value, from what the same value buys over all prices.
      liquidityPerValue: concentration(own) / fullRange,
      inRange,
      fees,
      il: il.mean,
      lvr: lvr.mean,
      tail,
    };
  });
}

/** NaN stays NaN. */
const tailOf = (ilQ10: number, lvrMean: number): number => Math.max(0, -ilQ10 - lvrMean);

function notFinite(...values: readonly number[]): TypeError {
  const bad = values.find((value) => !Number.isFinite(value)) ?? Number.NaN;
  return new TypeError(`candidate holds ${bad}, but every forecast must be finite`);
}
