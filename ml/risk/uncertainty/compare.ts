import type { Bar } from "../../types.ts";
import { emptyCalibration, judgeDay, type LearnedDay } from "./calibration.ts";
import { type DayObservation, dayObservation, midnights } from "./dayInputs.ts";

/** What the protocol fixes of the comparison. */
export interface CompareSpan {
  /** First day that counts and the end of the last one, unix seconds at midnight UTC; days before only teach. */
  readonly fromSeconds: number;
  readonly untilSeconds: number;
  readonly rollingDays: number;
}

/** The layer around a model that was fitted as time went on, and around a mean over day, week and month. */
export const CALIBRATED = ["model-calibrated", "mean-calibrated"] as const;
export type Calibrated = (typeof CALIBRATED)[number];
export const METHODS = [...CALIBRATED, "rolling-conformal-90", "aci", "ewma-normal"] as const;
export type Method = (typeof METHODS)[number];
export const BASELINE: Method = "rolling-conformal-90";

/** One method's 95 % intervals over the span. */
export interface IntervalScore {
  readonly method: Method;
  readonly coverage: number;
  /** Coverage of the worst window. */
  readonly worst: number;
  /** Mean full width and mean Winkler score, in ln of the price, and both over those of the baseline. */
  readonly width: number;
  readonly winkler: number;
  readonly widthRatio: number;
  readonly winklerRatio: number;
}

export interface Comparison {
  readonly days: number;
  readonly fromSeconds: number;
  readonly untilSeconds: number;
  readonly scores: readonly IntervalScore[];
  /** Share of days whose realised variance was at most the posterior's 10 %, 50 % and 90 % quantile. */
  readonly ranks: readonly {
    readonly method: Calibrated;
    readonly q10: number;
    readonly q50: number;
    readonly q90: number;
  }[];
}

export interface CompareIntervalsParameters {
  readonly bars: readonly Bar[];
  readonly span: CompareSpan;
  /** What a model said at a time of the day ahead; absent = no model is wrapped. Where it said nothing, the mean counts. */
  readonly median?: ((atSeconds: number) => number | undefined) | undefined;
  readonly onProgress?: (done: number, total: number) => void | Promise<void>;
}

const MISS_RATE = 0.05;

/** Half widths of one method for each day; NaN while it knows too little. */
type Widths = readonly number[];

/** Every method's intervals over the days of hourly bars, each formed from what came before. Null without a day in the span. */
export async function compareIntervals(parameters: CompareIntervalsParameters): Promise<Comparison | null> {
  const { bars, span, median, onProgress = () => {} } = parameters;
  const starts = midnights(bars);
  const days: DayObservation[] = [];
  const around: Record<Calibrated, LearnedDay[]> = { "model-calibrated": [], "mean-calibrated": [] };
  const states = { model: emptyCalibration, mean: emptyCalibration };
  for (const [done, start] of starts.entries()) {
    const day = dayObservation(bars, start);
    if (day === null || day.inputs.atSeconds >= span.untilSeconds) continue;
    const judged = judgeDay(states.mean, day);
    states.mean = judged.state;
    around["mean-calibrated"].push(judged);
    if (median !== undefined) {
      const said = median(day.inputs.atSeconds);
      const wrapped = said === undefined ? day : (dayObservation(bars, start, () => said) ?? day);
      const found = judgeDay(states.model, wrapped);
      states.model = found.state;
      around["model-calibrated"].push(found);
    }
    days.push(day);
    if (done % 100 === 0) await onProgress(done, starts.length);
  }
  const sizes = days.map((day) => Math.abs(day.return));
  const widthsOf = (method: Calibrated): Widths => around[method].map(({ interval }) => interval.halfWidth);
  const widths: Readonly<Record<Method, Widths>> = {
    "model-calibrated": widthsOf("model-calibrated"),
    "mean-calibrated": widthsOf("mean-calibrated"),
    "rolling-conformal-90": rollingConformal(sizes, 90),
    aci: adaptiveConformal(sizes, 90, 0.005),
    "ewma-normal": ewmaNormal(
      days.map((day) => day.return),
      0.94,
    ),
  };
  const asked = METHODS.filter((method) => method !== "model-calibrated" || median !== undefined);
  const counted = days.flatMap(({ inputs }, i) =>
    inputs.atSeconds >= span.fromSeconds && asked.every((method) => !Number.isNaN(widths[method][i])) ? [i] : [],
  );
  const [first, last] = [counted[0], counted.at(-1)];
  if (first === undefined || last === undefined || counted.length < span.rollingDays) return null;
  const measured = asked.map((method) => ({ method, ...measure(counted, sizes, widths[method], span.rollingDays) }));
  const base = measured.find(({ method }) => method === BASELINE) as (typeof measured)[number];
  const share = (method: Calibrated, level: number) =>
    counted.filter((i) => (around[method][i] as LearnedDay).rank <= level).length / counted.length;
  return {
    days: counted.length,
    fromSeconds: (days[first] as DayObservation).inputs.atSeconds,
    untilSeconds: (days[last] as DayObservation).inputs.atSeconds + 86_400,
    scores: measured.map((one) => ({
      ...one,
      widthRatio: one.width / base.width,
      winklerRatio: one.winkler / base.winkler,
    })),
    ranks: CALIBRATED.filter((method) => asked.includes(method)).map((method) => ({
      method,
      q10: share(method, 0.1),
      q50: share(method, 0.5),
      q90: share(method, 0.9),
    })),
  };
}

function measure(counted: readonly number[], sizes: readonly number[], widths: Widths, rollingDays: number) {
  const misses: number[] = counted.map((i) => ((sizes[i] as number) > (widths[i] as number) ? 1 : 0));
  const total = misses.reduce((sum, miss) => sum + miss, 0);
  let inWindow = 0;
  let most = 0;
  for (const [k, miss] of misses.entries()) {
    inWindow += miss - (misses[k - rollingDays] ?? 0);
    if (k >= rollingDays - 1) most = Math.max(most, inWindow);
  }
  const mean = (of: (i: number) => number) => counted.reduce((sum, i) => sum + of(i), 0) / counted.length;
  const width = mean((i) => 2 * (widths[i] as number));
  const beyond = mean((i) => Math.max(0, (sizes[i] as number) - (widths[i] as number)));
  return {
    coverage: 1 - total / counted.length,
    worst: 1 - most / rollingDays,
    width,
    winkler: width + (2 / MISS_RATE) * beyond,
  };
}

/** The split conformal quantile of the last days' sizes. */
function quantileOf(sizes: readonly number[], missRate: number): number {
  const sorted = [...sizes].sort((a, b) => a - b);
  const rank = Math.ceil((sorted.length + 1) * (1 - missRate)) - 1;
  return sorted[Math.max(0, Math.min(rank, sorted.length - 1))] as number;
}

const rollingConformal = (sizes: readonly number[], window: number): Widths =>
  sizes.map((_, i) => (i < window ? Number.NaN : quantileOf(sizes.slice(i - window, i), MISS_RATE)));

/** Adaptive conformal inference (Gibbs and Candès, 2021): the level moves by a step after each day. */
function adaptiveConformal(sizes: readonly number[], window: number, step: number): Widths {
  let level = MISS_RATE;
  return sizes.map((size, i) => {
    if (i < window) return Number.NaN;
    const width = quantileOf(sizes.slice(i - window, i), Math.max(0, level));
    level += step * (MISS_RATE - (size > width ? 1 : 0));
    return width;
  });
}

function ewmaNormal(returns: readonly number[], decay: number): Widths {
  const start = 30;
  let variance = returns.slice(0, start).reduce((sum, value) => sum + value * value, 0) / start;
  return returns.map((value, i) => {
    if (i < start) return Number.NaN;
    const width = 1.959964 * Math.sqrt(variance);
    variance = decay * variance + (1 - decay) * value * value;
    return width;
  });
}
