import type { Bar } from "../../types.ts";

const HOUR = 3600;
const DAY = 86_400;
const WEEKDAYS = 6;
/** Windows in hours; the names are for the reader, the order is the model's. */
const WINDOWS = { day: 24, week: 168, month: 720, quarterDay: 6 } as const;
/** Variance a day below which a market stands still: keeps a logarithm finite. */
export const FLOOR = 1e-8;
/** Centre of the logarithms, of about 3 % a day: only the prior feels it. */
const CENTRE = 6.8;
const RATIO_OF_RANGE = 4 * Math.LN2;

/** How many numbers `dayInputs` makes. */
export const INPUTS = 10 + WEEKDAYS;

/** Precision of the prior on each coefficient: the intercept is nearly free. */
export const PRIOR: readonly number[] = Array.from({ length: INPUTS }, (_, i) => (i === 0 ? 1e-3 : 1));

/** What the Bayesian layer sees at one time. Sizes are natural logarithms of variance a day. */
export interface DayInputs {
  readonly atSeconds: number;
  /** What the wrapped model says: ln of the median variance of the day ahead. */
  readonly base: number;
  readonly x: readonly number[];
}

export interface DayInputsParameters {
  /** Hourly bars that end now, a month of them where there are; holes are bars without a close. */
  readonly bars: readonly Bar[];
  /** Median variance that a model expects of the day ahead; absent = a mean over day, week and month. */
  readonly expected?: number | undefined;
}

/**
 * Variance of the last day, week, month and six hours, of the day's range, of hourly ranges, the falls of day and week, and
 * the weekday ahead. A window longer than the history is measured over what there is. Null with less than a day of it.
 */
export function dayInputs({ bars, expected }: DayInputsParameters): DayInputs | null {
  const last = bars.at(-1);
  if (last === undefined) return null;
  const closes = fillForward(bars.slice(-(WINDOWS.month + 1)).map(({ close }) => close));
  const known = closes.filter((close) => !Number.isNaN(close));
  if (known.length <= WINDOWS.day) return null;
  const returns = known.slice(1).map((close, i) => close - (known[i] as number));
  const variance = (hours: number): number => {
    const part = returns.slice(-hours);
    return (part.reduce((sum, value) => sum + value * value, 0) * WINDOWS.day) / part.length;
  };
  const fall = (hours: number): number =>
    Math.min(
      0,
      returns.slice(-hours).reduce((sum, value) => sum + value, 0),
    );
  const ln = (value: number): number => Math.log(value + FLOOR) + CENTRE;
  const [day, week, month] = [WINDOWS.day, WINDOWS.week, WINDOWS.month].map(variance) as [number, number, number];
  const today = bars.slice(-WINDOWS.day).filter(({ close }) => !Number.isNaN(close));
  const highs = today.map(({ high, open, close }) => (Number.isNaN(high) ? Math.max(open, close) : high));
  const lows = today.map(({ low, open, close }) => (Number.isNaN(low) ? Math.min(open, close) : low));
  const parkinson = (Math.max(...highs) - Math.min(...lows)) ** 2 / RATIO_OF_RANGE;
  const hourly = highs.reduce((sum, high, i) => sum + 0.5 * (high - (lows[i] as number)) ** 2, 0);
  const usual = Math.sqrt(week + FLOOR);
  // The weekday that most of the day ahead belongs to.
  const weekday = (Math.floor((last.endSeconds + DAY / 2) / DAY) + 4) % 7;
  const base = Math.log((expected ?? 0.4 * day + 0.35 * week + 0.25 * month) + FLOOR);
  return {
    atSeconds: last.endSeconds,
    base,
    x: [
      1,
      base + CENTRE,
      ...[day, week, month, variance(WINDOWS.quarterDay), parkinson, hourly].map(ln),
      Math.max(-5, fall(WINDOWS.day) / usual),
      Math.max(-5, fall(WINDOWS.week) / usual / Math.sqrt(7)),
      ...Array.from({ length: WEEKDAYS }, (_, i) => (weekday === i ? 1 : 0)),
    ],
  };
}

/** A day that has passed: what was seen at its start and what came of it. */
export interface DayObservation {
  readonly inputs: DayInputs;
  /** ln(price at its end / price at its start). */
  readonly return: number;
  /** Sum of squared hourly log returns. */
  readonly realisedVariance: number;
}

/** The day that hourly bars hold after `start` (an index: bars before it are the past); null where it has holes. */
export function dayObservation(
  bars: readonly Bar[],
  start: number,
  expected?: (past: readonly Bar[]) => number | undefined,
): DayObservation | null {
  const past = bars.slice(Math.max(0, start - WINDOWS.month - 1), start);
  const before = past.at(-1)?.close ?? Number.NaN;
  const ahead = bars.slice(start, start + WINDOWS.day).map(({ close }) => close);
  if (ahead.length < WINDOWS.day || Number.isNaN(ahead.at(-1) as number) || Number.isNaN(before)) return null;
  if (ahead.filter((close) => Number.isNaN(close)).length > WINDOWS.day / 4) return null;
  const inputs = dayInputs({ bars: past, expected: expected?.(past) });
  if (inputs === null) return null;
  const path = fillForward([before, ...ahead]);
  const returns = path.slice(1).map((close, i) => close - (path[i] as number));
  return {
    inputs,
    return: (path.at(-1) as number) - before,
    realisedVariance: returns.reduce((sum, value) => sum + value * value, 0),
  };
}

/** Indexes of bars that begin at a midnight, UTC, with at least a day before them. */
export const midnights = (bars: readonly Bar[]): number[] =>
  bars.flatMap(({ startSeconds }, i) => (startSeconds % DAY === 0 && i > WINDOWS.day ? [i] : []));

function fillForward(closes: readonly number[]): number[] {
  let last = Number.NaN;
  return closes.map((close) => {
    if (!Number.isNaN(close)) last = close;
    return last;
  });
}

/** Bars that `dayInputs` can use. */
export const INPUT_BARS = WINDOWS.month + 1;
/** Length of one of its bars. */
export const BAR_SECONDS = HOUR;
