import { fullRangeValue } from "../data/bars.ts";
import { concentration, type Offsets } from "../risk/position.ts";
import type {
  Features,
  ModelSet,
  Numeraire,
  PoolHistory,
  Range,
  RangeRiskColumns,
  RangeRiskPrediction,
} from "../types.ts";
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
    models.il.predictColumns?.(features, queries) ?? models.il.predict(features, queries).then(toColumns),
    models.yield.predictMeans?.(features, queries) ??
      models.yield.predict(features, queries).then((answers) => answers.map(({ mean }) => mean)),
  ]);
  const fullRange = fullRangeValue(1, lnPrice);
  return ranges.map((range, i) => {
    const own = offsets[i] as Offsets;
    // An answer that is not there is no number either.
    const il = risks.ilMean[i] ?? Number.NaN;
    const lvr = risks.lvrMean[i] ?? Number.NaN;
    const inRange = risks.inRange[i] ?? Number.NaN;
    const fees = yields[i] ?? Number.NaN;
    const tail = tailOf(risks.ilQ10[i] ?? Number.NaN, lvr);
    // One of them is no number where their sum is none.
    if (!Number.isFinite(inRange + fees + il + lvr + tail)) throw notFinite(inRange, fees, il, lvr);
    return {
      range,
      offsets: own,
      otherShare: otherShareOf(own),
      // Per unit of value, from what the same value buys over all prices.
      liquidityPerValue: concentration(own) / fullRange,
      inRange,
      fees,
      il,
      lvr,
      tail,
    };
  });
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
