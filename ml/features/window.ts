import type { BarColumns, Quantity } from "./columns.ts";
import type { Outside } from "./outsideSeries.ts";

export const HOUR_SECONDS = 3600;
export const DAY_SECONDS = 86_400;

/** What a feature may look at: columns from `first` up to, not including, `end`, and what else was knowable by then. */
export interface FeatureView {
  readonly bars: BarColumns;
  readonly first: number;
  readonly end: number;
  /** End of the last bar. */
  readonly atSeconds: number;
  readonly outside: Outside;
  /** What several features of this moment need, by place, worked out once: see `shared`. */
  readonly notes: unknown[];
}

let places = 0;

/** What several features need of a moment: `compute`, which each moment is asked once. */
export function shared<T>(compute: (view: FeatureView) => T): (view: FeatureView) => T {
  const place = places++;
  return (view) => {
    const { notes } = view;
    const known = notes[place] as T | undefined;
    if (known !== undefined) return known;
    const made = compute(view);
    notes[place] = made;
    return made;
  };
}

/** A view of these columns whose moment can be moved. */
export function createView(bars: BarColumns, outside: Outside): (end: number, atSeconds: number) => FeatureView {
  const notes: unknown[] = new Array(places).fill(undefined);
  const view = { bars, first: 0, end: 0, atSeconds: 0, outside, notes };
  return (end, atSeconds) => {
    view.end = end;
    view.atSeconds = atSeconds;
    notes.fill(undefined);
    return view;
  };
}

/** A window needs this many known bars, or three quarters of its own length if that is less. */
const ENOUGH_BARS = 18;

export const enoughBars = (hours: number): number => Math.min(ENOUGH_BARS, Math.ceil(0.75 * hours));

/** Where a window of the last `hours` bars begins: it reaches back as far as the history does. */
export const windowStart = ({ first, end }: FeatureView, hours: number): number => Math.max(first, end - hours);

/**
 * Mean of a quantity over the last `hours` hourly bars, from those where it is known. NaN only when fewer than 18 bars
 * (three quarters of a shorter window) are known. Always summed from the oldest bar on, so that a row has the same bits
 * whether it is computed alone, in a table or in a stream.
 */
export const windowMean = (view: FeatureView, quantity: Quantity, hours: number): number =>
  meanUntil(view, quantity, hours, view.end);

/** The same of a window that ended earlier. */
export function meanUntil({ first }: FeatureView, { values, known }: Quantity, hours: number, end: number): number {
  const start = Math.max(first, end - hours);
  const count = (known[end] as number) - (known[start] as number);
  if (count < enoughBars(hours)) return Number.NaN;
  return (hours > LANES_FROM_HOURS ? laneSum(values, start, end) : plainSum(values, start, end)) / count;
}

/** Longer windows are summed in four lanes: four times as fast, and with the same bits everywhere all the same. */
const LANES_FROM_HOURS = 168;

function plainSum(values: Float64Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += values[i] as number;
  return sum;
}

function laneSum(values: Float64Array, start: number, end: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = start;
  for (const last = end - 3; i < last; i += 4) {
    a += values[i] as number;
    b += values[i + 1] as number;
    c += values[i + 2] as number;
    d += values[i + 3] as number;
  }
  for (; i < end; i++) a += values[i] as number;
  return a + b + (c + d);
}

/** Natural logarithm with a floor, so that a dead-calm hour is a small number and not minus infinity. NaN stays NaN. */
export const lnFloored = (value: number, floor: number): number => Math.log(Math.max(value, floor));

/** `value` or the nearer of the two bounds; NaN stays NaN. */
export const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value));
