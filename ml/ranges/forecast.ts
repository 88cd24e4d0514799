import { fullRangeValue } from "../data/bars.ts";
import { concentrationOf, value } from "../risk/position.ts";
import type {
  Features,
  ModelSet,
  Numeraire,
  PoolHistory,
  Range,
  RangeQuery,
  RangeRiskColumns,
  RangeRiskPrediction,
} from "../types.ts";
import { sqrtPriceX96ToLnPrice } from "../units.ts";
import { offsetsOf, otherShareOf } from "./cost.ts";

/**
 * What is expected of ranges at a history's price, whoever holds them: one column for each quantity, fractions of a
 * position's starting value. Thousands of objects would take longer to make than to weigh.
 */
export interface RangeForecasts {
  readonly ranges: readonly Range[];
  /** Log-price distances of the edges from spot, in the numeraire. */
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  /** Part of a position's value at spot that is in the other token. */
  readonly otherShare: Float64Array;
  /** Liquidity that a unit of value buys, pool units per asset unit. */
  readonly liquidityPerValue: Float64Array;
  readonly inRange: Float64Array;
  readonly fees: Float64Array;
  readonly il: Float64Array;
  readonly lvr: Float64Array;
  /** The loss tail beyond what is expected: expected impermanent loss is expected LVR, which is counted already. */
  readonly tail: Float64Array;
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
export async function forecastRanges(parameters: ForecastRangesParameters): Promise<RangeForecasts> {
  const { models, features, history, numeraire, ranges, horizonSeconds } = parameters;
  const lnPrice = sqrtPriceX96ToLnPrice(history.sqrtPriceX96, numeraire);
  const spot = { numeraire, lnPrice };
  const queries = ranges.map((range) => {
    const { lower, upper } = offsetsOf(range, spot);
    return { lowerOffset: lower, upperOffset: upper, horizonSeconds };
  });
  const [risks, yields] = await Promise.all([
    models.il.predictColumns?.(features, queries) ?? models.il.predict(features, queries).then(toColumns),
    models.yield.predictMeans?.(features, queries) ??
      models.yield.predict(features, queries).then((answers) => answers.map(({ mean }) => mean)),
  ]);
  const fullRange = fullRangeValue(1, lnPrice);
  const column = () => new Float64Array(ranges.length);
  const found = {
    ranges,
    ...{ lower: column(), upper: column(), otherShare: column(), liquidityPerValue: column() },
    ...{ inRange: column(), fees: column(), il: column(), lvr: column(), tail: column() },
  };
  for (let i = 0; i < ranges.length; i++) {
    const { lowerOffset: lower, upperOffset: upper } = queries[i] as RangeQuery;
    const own = { lower, upper };
    // An answer that is not there is no number either.
    const il = risks.ilMean[i] ?? Number.NaN;
    const lvr = risks.lvrMean[i] ?? Number.NaN;
    const inRange = risks.inRange[i] ?? Number.NaN;
    const fees = yields[i] ?? Number.NaN;
    const tail = tailOf(risks.ilQ10[i] ?? Number.NaN, lvr);
    // One of them is no number where their sum is none.
    if (!Number.isFinite(inRange + fees + il + lvr + tail)) throw notFinite(inRange, fees, il, lvr);
    found.lower[i] = lower;
    found.upper[i] = upper;
    const worth = value(own, 0);
    found.otherShare[i] = otherShareOf(own, worth);
    // Per unit of value, from what the same value buys over all prices.
    found.liquidityPerValue[i] = concentrationOf(worth) / fullRange;
    found.inRange[i] = inRange;
    found.fees[i] = fees;
    found.il[i] = il;
    found.lvr[i] = lvr;
    found.tail[i] = tail;
  }
  return found;
}

const toColumns = (answers: readonly RangeRiskPrediction[]): RangeRiskColumns => ({
  ilMean: answers.map(({ il }) => il.mean),
  ilQ10: answers.map(({ il }) => il.q10),
  lvrMean: answers.map(({ lvr }) => lvr.mean),
  inRange: answers.map(({ inRange }) => inRange),
});

/** NaN stays NaN. */
const tailOf = (ilQ10: number, lvrMean: number): number => Math.max(0, -ilQ10 - lvrMean);

function notFinite(...values: readonly number[]): TypeError {
  const bad = values.find((value) => !Number.isFinite(value)) ?? Number.NaN;
  return new TypeError(`candidate holds ${bad}, but every forecast must be finite`);
}
