import { InvalidInputError } from "../errors.ts";
import { computeFeatures, FEATURE_NAMES, PRICE_FEATURES } from "../features/index.ts";
import { derivedSeed, seededRandom } from "../random.ts";
import { concentration, impermanentLoss, inRangeShare, lossVersusRebalancing, type Offsets } from "../risk/position.ts";
import type { Bar, ModelTask, RangeQuery } from "../types.ts";
import { flipBars } from "./bars.ts";

const HOUR = 3600;
const DAY = 86_400;

/** One market as the dataset sees it. */
export interface DatasetSeries {
  readonly name: string;
  /** Regular hourly bars: features come from these. */
  readonly hourly: readonly Bar[];
  /** The same span at the source's own resolution, which divides an hour: labels come from these. */
  readonly fine: readonly Bar[];
  readonly samples: SeriesSamples;
}

/** What to draw from a series; 0 draws nothing. */
export interface SeriesSamples {
  /** Hours between rows of the volatility table. */
  readonly volatilityStrideHours: number;
  /** Hours between times of the range tables. */
  readonly rangeStrideHours: number;
  /** Ranges per time in ranges.csv and in yield.csv. */
  readonly rangesPerTime: number;
  readonly yieldsPerTime: number;
  readonly horizonsSeconds: readonly number[];
  /** History before the first row. */
  readonly warmUpHours: number;
}

/** Rows of one table: series and unix time, then numbers; NaN = missing. */
export interface DatasetRow {
  readonly series: string;
  readonly at: number;
  readonly values: readonly number[];
}

export interface Dataset {
  readonly volatility: Iterable<DatasetRow>;
  readonly ranges: Iterable<DatasetRow>;
  readonly yields: Iterable<DatasetRow>;
}

const RANGE_COLUMNS = ["lower_offset", "upper_offset", "horizon_seconds"] as const;

/** Header of each table after `series` and `at`. */
export const DATASET_COLUMNS = {
  volatility: [...FEATURE_NAMES, "rv_24h"],
  ranges: [...FEATURE_NAMES, ...RANGE_COLUMNS, "il", "lvr", "in_range"],
  yield: [...FEATURE_NAMES, ...RANGE_COLUMNS, "fee_yield"],
} as const;

/**
 * The features that each task's model should take. The long exchange series have prices alone, so a volatility or loss
 * model fed with flow features would carry weights that nothing trained.
 */
export const DATASET_FIELDS: Readonly<Record<ModelTask, readonly string[]>> = {
  volatility: PRICE_FEATURES,
  il: PRICE_FEATURES,
  yield: FEATURE_NAMES.filter((name) => name !== "log_swaps_24h"),
};

/** The three training tables of these series, row by row. The same seed and series give the same rows. */
export function buildDataset(series: readonly DatasetSeries[], seed: number): Dataset {
  return {
    volatility: generate(series, volatilityRows),
    ranges: generate(series, (one) => rangeRows(one, "ranges", seededRandom(derivedSeed(seed, `ranges ${one.name}`)))),
    yields: generate(series, (one) => rangeRows(one, "yield", seededRandom(derivedSeed(seed, `yield ${one.name}`)))),
  };
}

const generate = (
  series: readonly DatasetSeries[],
  rows: (series: DatasetSeries) => Iterable<DatasetRow>,
): Iterable<DatasetRow> => ({
  *[Symbol.iterator]() {
    for (const one of series) yield* rows(one);
  },
});

function* volatilityRows({ name, hourly, samples }: DatasetSeries): Generator<DatasetRow> {
  const { volatilityStrideHours, warmUpHours } = samples;
  if (volatilityStrideHours === 0) return;
  for (let end = warmUpHours; end + 24 <= hourly.length; end += volatilityStrideHours) {
    const variance = realisedVariance(hourly.slice(end - 1, end + 24));
    // A day without one price change is a halted market, not a forecast to learn.
    if (!(variance > 0)) continue;
    const features = computeFeatures(hourly.slice(Math.max(0, end - 200), end));
    yield { series: name, at: features.atSeconds, values: [...features.values, variance] };
  }
}

/** Sum of squared close-to-close log returns, NaN when a close is missing. */
export function realisedVariance(bars: readonly Bar[]): number {
  let sum = 0;
  for (let i = 1; i < bars.length; i++) sum += ((bars[i] as Bar).close - (bars[i - 1] as Bar).close) ** 2;
  return sum;
}

function* rangeRows(series: DatasetSeries, table: "ranges" | "yield", random: () => number): Generator<DatasetRow> {
  const { hourly, fine, samples } = series;
  const perTime = table === "ranges" ? samples.rangesPerTime : samples.yieldsPerTime;
  if (samples.rangeStrideHours === 0 || perTime === 0) return;
  const perHour = finePerHour(series);
  const sides = [
    { name: series.name, hourly, fine },
    { name: `inverse-${series.name}`, hourly: flipBars(hourly), fine: flipBars(fine) },
  ] as const;
  for (let end = samples.warmUpHours; end < hourly.length; end += samples.rangeStrideHours) {
    const side = sides[random() < 0.5 ? 0 : 1];
    // Drawn before any row is skipped, so that a hole in the data does not shift the numbers after it.
    const queries = Array.from({ length: perTime }, () => drawQuery(samples.horizonsSeconds, random));
    if (Number.isNaN((side.hourly[end - 1] as Bar).close)) continue;
    const features = computeFeatures(side.hourly.slice(Math.max(0, end - 200), end));
    for (const query of queries) {
      const steps = (query.horizonSeconds / HOUR) * perHour;
      const outcome = rangeOutcome(side.fine.slice(end * perHour - 1, end * perHour + steps), query);
      if (outcome === null || end * perHour + steps > side.fine.length) continue;
      const labels = table === "ranges" ? [outcome.il, outcome.lvr, outcome.inRange] : [outcome.feeYield];
      if (labels.some(Number.isNaN)) continue;
      const { lowerOffset, upperOffset, horizonSeconds } = query;
      const values = [...features.values, lowerOffset, upperOffset, horizonSeconds, ...labels];
      yield { series: side.name, at: features.atSeconds, values };
    }
  }
}

function finePerHour({ name, hourly, fine }: DatasetSeries): number {
  const perHour = fine.length / hourly.length;
  if (Number.isInteger(perHour) && fine[0]?.startSeconds === hourly[0]?.startSeconds) return perHour;
  throw new InvalidInputError(
    `series ${name}: fine bars (${fine.length}) must divide hourly bars (${hourly.length}) evenly`,
  );
}

/** A range drawn log-uniformly from ±0.5 % to ±50 % wide; a third off centre, one in twelve away from the price. */
function drawQuery(horizons: readonly number[], random: () => number): RangeQuery {
  const halfWidth = Math.exp(Math.log(0.005) + random() * Math.log(100));
  const place = random();
  const shift = random() * 2 - 1;
  const centre = place < 1 / 12 ? Math.sign(shift) * (1 + Math.abs(shift)) : place < 5 / 12 ? 0.9 * shift : 0;
  const horizonSeconds = horizons[Math.floor(random() * horizons.length)] ?? DAY;
  return {
    lowerOffset: round((centre - 1) * halfWidth),
    upperOffset: round((centre + 1) * halfWidth),
    horizonSeconds,
  };
}

// Labels must belong to exactly the offsets that are written.
const round = (value: number): number => Number(value.toPrecision(6));

/** What happened to a range over its horizon; fractions of the position's starting value. */
export interface RangeOutcome {
  readonly il: number;
  readonly lvr: number;
  readonly inRange: number;
  /** NaN where the source has no fees. */
  readonly feeYield: number;
}

/**
 * Outcome of a range along bars, the first of which only gives the starting price. Null when the start, the end or more
 * than a twentieth of the way is unknown.
 */
export function rangeOutcome(bars: readonly Bar[], { lowerOffset, upperOffset }: RangeQuery): RangeOutcome | null {
  const range: Offsets = { lower: lowerOffset, upper: upperOffset };
  const start = bars[0]?.close ?? Number.NaN;
  const end = bars.at(-1)?.close ?? Number.NaN;
  if (Number.isNaN(start) || Number.isNaN(end)) return null;
  const path: number[] = [];
  let [inRange, fees, last] = [0, 0, 0];
  for (let i = 1; i < bars.length; i++) {
    const bar = bars[i] as Bar;
    if (Number.isNaN(bar.close)) continue;
    const x = bar.close - start;
    const low = Math.min(last, x, Number.isNaN(bar.low) ? x : bar.low - start);
    const high = Math.max(last, x, Number.isNaN(bar.high) ? x : bar.high - start);
    const share = inRangeShare(range, low, high);
    inRange += share;
    // Bars give fees per unit of value at their own price; our liquidity was bought at the starting price.
    fees += bar.feeYield * share * Math.exp(x / 2);
    path.push(x);
    last = x;
  }
  if (path.length < 0.95 * (bars.length - 1)) return null;
  return {
    il: impermanentLoss(range, end - start),
    lvr: lossVersusRebalancing(range, path),
    inRange: inRange / path.length,
    feeYield: fees * concentration(range),
  };
}
