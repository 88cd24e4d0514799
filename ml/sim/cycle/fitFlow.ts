import { fullRangeValue } from "../../data/bars.ts";
import type { Bar } from "../../types.ts";
import { quantile } from "../statistics.ts";

/** One swap of a pool: its price afterwards, its side (buys = the price rose) and its size in the quote token. */
export interface PoolSwapSample {
  readonly seconds: number;
  readonly lnPrice: number;
  readonly buys: boolean;
  readonly size: number;
}

const MARKOUT_SECONDS = 300;

/**
 * Share of volume that was informed: after five minutes the pool's own price had not come back, so that the swap gained
 * more than it paid. The price paid on average is half of the swap's own move, which its price afterwards includes.
 */
export function fitInformedShare(swaps: readonly PoolSwapSample[], feeRatio: number): number {
  let [informed, total, later] = [0, 0, 0];
  for (let i = 1; i < swaps.length; i++) {
    const [before, swap] = [swaps[i - 1] as PoolSwapSample, swaps[i] as PoolSwapSample];
    while (later + 1 < swaps.length && (swaps[later + 1] as PoolSwapSample).seconds <= swap.seconds + MARKOUT_SECONDS)
      later++;
    const paid = (before.lnPrice + swap.lnPrice) / 2;
    const markout = (swap.buys ? 1 : -1) * ((swaps[Math.max(later, i)] as PoolSwapSample).lnPrice - paid);
    total += swap.size;
    if (markout > feeRatio) informed += swap.size;
  }
  return total > 0 ? informed / total : 0;
}

/** What hours of a pool say of its flow; turnover = volume over the value of a full-range position. */
export interface FlowFit {
  readonly turnoverPerDay: number;
  readonly hourlyVariation: number;
  /** Null where there are fewer than three days. */
  readonly activity: { readonly elasticity: number; readonly referenceVariancePerDay: number } | null;
  /** Mean, of the same hours. */
  readonly variancePerDay: number;
  readonly fullRangeValueRaw: number;
}

interface FlowRow {
  readonly at: number;
  readonly turnover: number;
  /** Of as long a time as the turnover. */
  readonly variance: number;
}

const MIN_ACTIVITY_HOURS = 72;
const MIN_ACTIVITY_DAYS = 14;
const WHOLE_DAY_HOURS = 20;

/** Fits the flow of a pool to hourly bars. */
export function fitFlow(hours: readonly Bar[], feeRatio: number): FlowFit {
  const rows = hours
    .filter((bar) => Number.isFinite(bar.feeYield) && Number.isFinite(bar.realisedVariance))
    .map((bar) => ({ at: bar.endSeconds, turnover: bar.feeYield / feeRatio, variance: bar.realisedVariance }));
  const mean = average(rows.map(({ turnover }) => turnover));
  // Around each day's mean: what changes from day to day is activity, not the hour's chance.
  const byDay = new Map<number, typeof rows>();
  for (const row of rows) {
    const day = Math.floor(row.at / 86_400);
    byDay.set(day, [...(byDay.get(day) ?? []), row]);
  }
  const squares = [...byDay.values()].flatMap((day) => {
    const ofDay = average(day.map(({ turnover }) => turnover));
    return day.length < 12 || ofDay === 0 ? [] : day.map(({ turnover }) => (turnover / ofDay - 1) ** 2);
  });
  return {
    turnoverPerDay: mean * 24,
    hourlyVariation: squares.length > 0 ? Math.sqrt(average(squares)) : 1,
    activity: activityOf(rows, [...byDay.values()]),
    variancePerDay: average(rows.map(({ variance }) => variance)) * 24,
    fullRangeValueRaw: quantile(
      hours.filter((b) => Number.isFinite(b.close) && b.liquidity > 0).map((b) => fullRangeValue(b.liquidity, b.close)),
      0.5,
    ),
  };
}

/** How volume follows variance: from day to day where there are two weeks, else from hour to hour. */
function activityOf(hours: readonly FlowRow[], days: readonly (readonly FlowRow[])[]): FlowFit["activity"] {
  const whole = days.filter((day) => day.length >= WHOLE_DAY_HOURS);
  if (whole.length >= MIN_ACTIVITY_DAYS) {
    const rows = whole.map((day) => ({
      turnover: average(day.map(({ turnover }) => turnover)),
      variancePerDay: average(day.map(({ variance }) => variance)) * 24,
    }));
    return fitActivity(rows);
  }
  if (hours.length < MIN_ACTIVITY_HOURS) return null;
  return fitActivity(hours.map(({ turnover, variance }) => ({ turnover, variancePerDay: variance * 24 })));
}

/** ln(turnover) on ln(variance): the slope, and the variance at which activity is its mean. */
function fitActivity(rows: readonly { readonly turnover: number; readonly variancePerDay: number }[]) {
  const points = rows
    .filter(({ turnover, variancePerDay }) => turnover > 0 && variancePerDay > 0)
    .map(({ turnover, variancePerDay }) => ({ x: Math.log(variancePerDay), y: Math.log(turnover) }));
  const [meanX, meanY] = [average(points.map(({ x }) => x)), average(points.map(({ y }) => y))];
  const slope =
    average(points.map(({ x, y }) => (x - meanX) * (y - meanY))) / average(points.map(({ x }) => (x - meanX) ** 2));
  // Realised variance is a noisy sight of the true one: more than 1 or less than 0 is that noise.
  const elasticity = Math.min(1, Math.max(0.01, slope));
  return {
    elasticity,
    referenceVariancePerDay: average(points.map(({ x }) => Math.exp(x * elasticity))) ** (1 / elasticity),
  };
}

export interface CrunchFit {
  readonly perDay: number;
  readonly liquidityShare: number;
  readonly recoveryHours: number;
}

/** Hours in which liquidity fell below this share of the median of the week around it are a crunch. */
const CRUNCH_BELOW = 0.7;
const WEEK_HOURS = 168;

/** Fits liquidity crunches to hourly bars of at least a week; null for less, or where there was none. */
export function fitCrunches(hours: readonly Bar[]): CrunchFit | null {
  if (hours.length < WEEK_HOURS) return null;
  const ratios = hours.map((bar, i) => {
    const around = hours.slice(Math.max(0, i - WEEK_HOURS / 2), i + WEEK_HOURS / 2).map(({ liquidity }) => liquidity);
    return bar.liquidity / quantile(around.filter(Number.isFinite), 0.5);
  });
  const episodes: { lowest: number; hours: number }[] = [];
  let open: { lowest: number; hours: number } | null = null;
  for (const ratio of ratios) {
    if (!(ratio < CRUNCH_BELOW)) {
      open = null;
      continue;
    }
    if (open === null) {
      open = { lowest: ratio, hours: 0 };
      episodes.push(open);
    }
    open.lowest = Math.min(open.lowest, ratio);
    open.hours++;
  }
  if (episodes.length === 0) return null;
  return {
    perDay: (episodes.length / hours.length) * 24,
    liquidityShare: average(episodes.map(({ lowest }) => Math.max(0.01, lowest))),
    recoveryHours: average(episodes.map((episode) => episode.hours)),
  };
}

const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
