import type { Bar } from "../types.ts";

export const HOUR_SECONDS = 3600;
export const DAY_SECONDS = 86_400;

/** A window needs this many known bars, or three quarters of its own length if that is less. */
const ENOUGH_BARS = 18;

/**
 * Mean of a quantity over the last `hours` hourly bars, from those where it is known. A window reaches back as far as
 * the history does: NaN only when fewer than 18 bars (three quarters of a shorter window) are known.
 */
export function windowMean(bars: readonly Bar[], hours: number, pick: (bar: Bar, index: number) => number): number {
  let [sum, known] = [0, 0];
  for (let i = Math.max(0, bars.length - hours); i < bars.length; i++) {
    const value = pick(bars[i] as Bar, i);
    if (Number.isNaN(value)) continue;
    sum += value;
    known++;
  }
  return known >= Math.min(ENOUGH_BARS, Math.ceil(0.75 * hours)) ? sum / known : Number.NaN;
}

/** Natural logarithm with a floor, so that a dead-calm hour is a small number and not minus infinity. NaN stays NaN. */
export const lnFloored = (value: number, floor: number): number => Math.log(Math.max(value, floor));

/** Log return of bar `i` from the bar before it, NaN when either close is unknown. */
export const barReturn = (bars: readonly Bar[], i: number): number =>
  i === 0 ? Number.NaN : (bars[i] as Bar).close - (bars[i - 1] as Bar).close;
