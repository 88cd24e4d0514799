import type { Quantity } from "./columns.ts";
import { AT_BAR_END, type FeatureDescriptor } from "./descriptor.ts";
import {
  enoughBars,
  type FeatureView,
  HOUR_SECONDS,
  lnFloored,
  meanUntil,
  shared,
  windowMean,
  windowStart,
} from "./window.ts";

/** Variance per day below which logs are cut: 1 basis point of daily volatility. */
const FLOOR = 1e-8;
const HOURS_PER_DAY = 24;
const DAYS_OF_WEEK = 7;

const dailyMean = (view: FeatureView, quantity: Quantity, hours: number): number =>
  HOURS_PER_DAY * windowMean(view, quantity, hours);

/** Mean squared hourly return over a window, scaled to a day. */
export function closeVariance(view: FeatureView, hours: number): number {
  if (hours === 24) return dayVariance(view);
  if (hours === 168) return weekVariance(view);
  return hours === 720 ? monthVariance(view) : varianceOver(view, hours);
}

const varianceOver = (view: FeatureView, hours: number): number => dailyMean(view, view.bars.squaredReturn, hours);

const [dayVariance, weekVariance, monthVariance] = [24, 168, 720].map((hours) =>
  shared((view) => varianceOver(view, hours)),
) as [Variance, Variance, Variance];

type Variance = (view: FeatureView) => number;

/** Variance from the highest and lowest price of a window (Parkinson), scaled to a day. */
function parkinson(view: FeatureView, hours: number): number {
  const { high, low } = view.bars;
  const { end } = view;
  let known = 0;
  let highest = Number.NEGATIVE_INFINITY;
  let lowest = Number.POSITIVE_INFINITY;
  for (let i = windowStart(view, hours); i < end; i++) {
    const top = high[i] as number;
    const bottom = low[i] as number;
    // What is not known is neither above nor below anything.
    if (!Number.isNaN(top)) known++;
    if (top > highest) highest = top;
    if (bottom < lowest) lowest = bottom;
  }
  if (known < enoughBars(hours)) return Number.NaN;
  return ((highest - lowest) ** 2 / (4 * Math.LN2)) * (HOURS_PER_DAY / known);
}

/** Of the days of one week, while it is looked at. */
const logs = new Float64Array(DAYS_OF_WEEK);

/** Standard deviation of the log of daily variance over the last week: how much volatility itself moves. */
function volatilityOfVolatility(view: FeatureView): number {
  let [days, total] = [0, 0];
  for (let day = 0; day < DAYS_OF_WEEK; day++) {
    const end = view.end - day * HOURS_PER_DAY;
    if (end - view.first < HOURS_PER_DAY) break;
    const value = HOURS_PER_DAY * meanUntil(view, view.bars.squaredReturn, HOURS_PER_DAY, end);
    if (Number.isNaN(value)) continue;
    const log = lnFloored(value, FLOOR);
    logs[days++] = log;
    total += log;
  }
  if (days < 3) return Number.NaN;
  const mean = total / days;
  let squares = 0;
  for (let day = 0; day < days; day++) squares += ((logs[day] as number) - mean) ** 2;
  return Math.sqrt(squares / (days - 1));
}

const one = (
  name: string,
  since: number,
  hours: number,
  describe: string,
  variance: (view: FeatureView, hours: number) => number,
): FeatureDescriptor => ({
  name,
  version: 1,
  since,
  unit: "ln(variance per day)",
  windowSeconds: hours * HOUR_SECONDS,
  needs: "price",
  knowable: AT_BAR_END,
  describe,
  compute: (view) => lnFloored(variance(view, hours), FLOOR),
});

const gk = (hours: number, since = 1): FeatureDescriptor =>
  one(`log_gk_${hours}h`, since, hours, "Garman–Klass variance of hourly bars, with the gaps between them", (view) =>
    dailyMean(view, view.bars.garmanKlass, hours),
  );
const rv = (hours: number, since = 1): FeatureDescriptor =>
  one(`log_rv_${hours}h`, since, hours, "mean squared hourly close-to-close return", closeVariance);
const range = (hours: number, since = 1): FeatureDescriptor =>
  one(`log_parkinson_${hours}h`, since, hours, "variance from the window's highest and lowest price", parkinson);

/** Log variances per day at several scales. */
export const volatilityFeatures: readonly FeatureDescriptor[] = [
  ...[1, 6, 24].map((hours) => gk(hours)),
  ...[6, 24, 72, 168].map((hours) => rv(hours)),
  range(24),
  {
    name: "vol_of_vol",
    version: 1,
    since: 1,
    unit: "ln(variance per day)",
    windowSeconds: DAYS_OF_WEEK * HOURS_PER_DAY * HOUR_SECONDS,
    needs: "price",
    knowable: AT_BAR_END,
    describe: "standard deviation of the log variances of the week's days",
    compute: volatilityOfVolatility,
  },
  rv(1, 2),
  rv(720, 2),
  gk(168, 2),
  range(168, 2),
  one("log_down_24h", 2, 24, "mean squared fall of an hour, rises counted as 0", (view, hours) =>
    dailyMean(view, view.bars.fallenSquare, hours),
  ),
];
