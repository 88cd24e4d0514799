import { chosenOf } from "../table.ts";
import type { Decision } from "../types.ts";
import { ratioToBps } from "../units.ts";
import type { RunMove, RunPoint } from "./types.ts";

const DAY = 86_400;
const BINS = 5;

/** One forecast whose horizon has passed, and what came; basis points of NAV over the horizon. */
export interface ForecastPair {
  readonly atSeconds: number;
  readonly predictedFeesBps: number;
  readonly predictedLvrBps: number;
  readonly realisedFeesBps: number;
  readonly realisedLvrBps: number;
}

/** Mean forecast and mean outcome of forecasts of like size. */
export interface CalibrationBin {
  readonly count: number;
  readonly predicted: number;
  readonly realised: number;
}

export interface ForecastSummary {
  /** Forecasts for what the vault then held untouched for the whole horizon. */
  readonly pairs: readonly ForecastPair[];
  /** Of fees − LVR in basis points: mean of |predicted − realised|, of predicted − realised, and by fifths of predicted. */
  readonly meanAbsoluteErrorBps: number | null;
  readonly biasBps: number | null;
  readonly calibration: readonly CalibrationBin[];
  /** Of the variance of the next day: forecasts, mean QLIKE loss, share of outcomes between the 10 % and 90 % quantiles. */
  readonly variance: { readonly count: number; readonly qlike: number; readonly within80: number } | null;
  /** Of the 95 % intervals that were stated of the next day: how many days have ended, and the share inside. */
  readonly interval: { readonly count: number; readonly inside: number; readonly meanHalfWidth: number } | null;
}

export interface ForecastParameters {
  readonly journal: readonly Decision[];
  readonly points: readonly RunPoint[];
  readonly moves: readonly RunMove[];
  readonly horizonSeconds: number;
}

/** Compares what a model policy expected with what its vault then got. */
export function forecastsOf(parameters: ForecastParameters): ForecastSummary {
  const pairs = pairsOf(parameters);
  const errors = pairs.map(
    (pair) => pair.predictedFeesBps - pair.predictedLvrBps - (pair.realisedFeesBps - pair.realisedLvrBps),
  );
  const mean = (values: readonly number[]) =>
    values.length > 0 ? values.reduce((a, b) => a + b, 0) / values.length : null;
  return {
    pairs,
    meanAbsoluteErrorBps: mean(errors.map(Math.abs)),
    biasBps: mean(errors),
    calibration: calibrationOf(pairs),
    variance: varianceForecasts(parameters),
    interval: statedIntervals(parameters),
  };
}

function pairsOf({ journal, points, moves, horizonSeconds }: ForecastParameters): ForecastPair[] {
  const end = points.at(-1)?.atSeconds ?? 0;
  return journal.flatMap((decision) => {
    const chosen = chosenOf(decision);
    const from = decision.atSeconds;
    const to = from + horizonSeconds;
    if (chosen === undefined || chosen.kind === "idle" || !(chosen.share > 0) || to > end) return [];
    const own = moves.find((move) => move.decidedAt === from);
    // A move that the vault refused left it with something else than was forecast.
    if (decision.action === "move" && own === undefined) return [];
    const disturbed = moves.some((move) => move !== own && move.actedAt > from && move.actedAt < to);
    if (disturbed) return [];
    const [before, after] = [pointAt(points, from), pointAt(points, to)];
    if (before === undefined || after === undefined) return [];
    return [
      {
        atSeconds: from,
        predictedFeesBps: chosen.feesBps,
        predictedLvrBps: chosen.lvrBps,
        realisedFeesBps: ratioToBps((after.fees - before.fees) / before.nav),
        realisedLvrBps: ratioToBps((after.lvr - before.lvr) / before.nav),
      },
    ];
  });
}

/** The last point at or before a time. */
function pointAt(points: readonly RunPoint[], atSeconds: number): RunPoint | undefined {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((points[middle] as RunPoint).atSeconds <= atSeconds) low = middle + 1;
    else high = middle;
  }
  return points[low - 1];
}

function calibrationOf(pairs: readonly ForecastPair[]): CalibrationBin[] {
  const nets = pairs
    .map((pair) => ({
      predicted: pair.predictedFeesBps - pair.predictedLvrBps,
      realised: pair.realisedFeesBps - pair.realisedLvrBps,
    }))
    .sort((a, b) => a.predicted - b.predicted);
  if (nets.length < BINS) return [];
  return Array.from({ length: BINS }, (_, bin) => {
    const from = Math.floor((bin * nets.length) / BINS);
    const part = nets.slice(from, Math.floor(((bin + 1) * nets.length) / BINS));
    const mean = (of: (one: { predicted: number; realised: number }) => number) =>
      part.reduce((sum, one) => sum + of(one), 0) / part.length;
    return { count: part.length, predicted: mean((one) => one.predicted), realised: mean((one) => one.realised) };
  });
}

/** QLIKE(h, rv) = rv/h − ln(rv/h) − 1 on variances of the day after each decision. */
function varianceForecasts({ journal, points }: ForecastParameters): ForecastSummary["variance"] {
  let [count, qlike, within] = [0, 0, 0];
  const end = points.at(-1)?.atSeconds ?? 0;
  for (const { volatility, atSeconds } of journal) {
    if (volatility === null || atSeconds + DAY > end) continue;
    const first = points.findIndex((point) => point.atSeconds >= atSeconds);
    let realised = 0;
    for (let i = first + 1; i < points.length && (points[i] as RunPoint).atSeconds <= atSeconds + DAY; i++) {
      realised += Math.log((points[i] as RunPoint).price / (points[i - 1] as RunPoint).price) ** 2;
    }
    if (!(realised > 0) || !(volatility.mean > 0)) continue;
    count++;
    qlike += realised / volatility.mean - Math.log(realised / volatility.mean) - 1;
    if (volatility.q10 <= realised && realised <= volatility.q90) within++;
  }
  return count > 0 ? { count, qlike: qlike / count, within80: within / count } : null;
}

/** The price a day after each decision against the interval that it stated. Days overlap. */
function statedIntervals({ journal, points }: ForecastParameters): ForecastSummary["interval"] {
  let [count, inside, width] = [0, 0, 0];
  const end = points.at(-1)?.atSeconds ?? 0;
  for (const { stated, atSeconds } of journal) {
    if (stated === undefined || atSeconds + DAY > end) continue;
    const [before, after] = [pointAt(points, atSeconds), pointAt(points, atSeconds + DAY)];
    if (before === undefined || after === undefined) continue;
    count++;
    width += stated.halfWidth;
    if (Math.abs(Math.log(after.price / before.price)) <= stated.halfWidth) inside++;
  }
  return count > 0 ? { count, inside: inside / count, meanHalfWidth: width / count } : null;
}
