import type { Bar } from "../types.ts";
import { barReturn, lnFloored, windowMean } from "./window.ts";

/** Variance per day below which logs are cut: 1 basis point of daily volatility. */
const FLOOR = 1e-8;
const HOURS_PER_DAY = 24;

/** Garman–Klass variance of one bar from its range and body, plus the gap from the bar before. */
export function garmanKlass(bars: readonly Bar[], i: number): number {
  const { open, high, low, close } = bars[i] as Bar;
  const before = i === 0 ? Number.NaN : (bars[i - 1] as Bar).close;
  const gap = Number.isNaN(before) ? 0 : open - before;
  return Math.max(0, 0.5 * (high - low) ** 2 - (2 * Math.LN2 - 1) * (close - open) ** 2) + gap ** 2;
}

/** Mean squared hourly return over a window, scaled to a day. */
export const closeVariance = (bars: readonly Bar[], hours: number): number =>
  HOURS_PER_DAY * windowMean(bars, hours, (_, i) => barReturn(bars, i) ** 2);

const rangeVariance = (bars: readonly Bar[], hours: number): number =>
  HOURS_PER_DAY * windowMean(bars, hours, (_, i) => garmanKlass(bars, i));

/** Variance from the highest and lowest price of the last day (Parkinson). */
function parkinson(bars: readonly Bar[]): number {
  const known = bars.slice(-HOURS_PER_DAY).filter((bar) => !Number.isNaN(bar.high));
  if (known.length < 18) return Number.NaN;
  const range = Math.max(...known.map((bar) => bar.high)) - Math.min(...known.map((bar) => bar.low));
  return (range ** 2 / (4 * Math.LN2)) * (HOURS_PER_DAY / known.length);
}

/** Standard deviation of the log of daily variance over the last week: how much volatility itself moves. */
function volatilityOfVolatility(bars: readonly Bar[]): number {
  const days: number[] = [];
  for (let end = bars.length; end >= HOURS_PER_DAY && days.length < 7; end -= HOURS_PER_DAY) {
    const value = closeVariance(bars.slice(Math.max(0, end - HOURS_PER_DAY - 1), end), HOURS_PER_DAY);
    if (!Number.isNaN(value)) days.push(lnFloored(value, FLOOR));
  }
  if (days.length < 3) return Number.NaN;
  const mean = days.reduce((a, b) => a + b, 0) / days.length;
  return Math.sqrt(days.reduce((sum, day) => sum + (day - mean) ** 2, 0) / (days.length - 1));
}

/** Log variances per day at several scales; unit: ln(squared log return per day). Known at the end of the last bar. */
export const volatilityFeatures = {
  log_gk_1h: (bars: readonly Bar[]) => lnFloored(rangeVariance(bars, 1), FLOOR),
  log_gk_6h: (bars: readonly Bar[]) => lnFloored(rangeVariance(bars, 6), FLOOR),
  log_gk_24h: (bars: readonly Bar[]) => lnFloored(rangeVariance(bars, 24), FLOOR),
  log_rv_6h: (bars: readonly Bar[]) => lnFloored(closeVariance(bars, 6), FLOOR),
  log_rv_24h: (bars: readonly Bar[]) => lnFloored(closeVariance(bars, 24), FLOOR),
  log_rv_72h: (bars: readonly Bar[]) => lnFloored(closeVariance(bars, 72), FLOOR),
  log_rv_168h: (bars: readonly Bar[]) => lnFloored(closeVariance(bars, 168), FLOOR),
  log_parkinson_24h: (bars: readonly Bar[]) => lnFloored(parkinson(bars), FLOOR),
  vol_of_vol: volatilityOfVolatility,
} as const;
