/** What is known of the world outside of a pool. */
export const OUTSIDE_NAMES = [
  "funding",
  "open_interest",
  "liquidations",
  "implied_vol",
  "base_fee",
  "fear_greed",
  "vix",
  "dxy",
] as const;

export type OutsideName = (typeof OUTSIDE_NAMES)[number];

/** A source's values in order of time, each with the moment that it describes and the moment from which it was known. */
export interface OutsideSeries {
  /** Unix seconds: the end of what each value describes; ascending. */
  readonly at: ArrayLike<number>;
  /** Unix seconds: from when each could be had; ascending. */
  readonly knowable: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  /** A value that describes a moment longer ago than this is missing, not known. */
  readonly maxAgeSeconds: number;
}

/** The sources at hand; one that is not there is missing at all times. */
export type Outside = Readonly<Partial<Record<OutsideName, OutsideSeries>>>;

/** The sources as they were at a moment: what was not yet knowable is not there. */
export const outsideUntil = (outside: Outside, atSeconds: number): Outside =>
  Object.fromEntries(
    Object.entries(outside).map(([name, series]) => {
      const known = countUntil(series.knowable, atSeconds);
      const cut = (values: ArrayLike<number>): Float64Array => Float64Array.from(values).subarray(0, known);
      return [name, { ...series, at: cut(series.at), knowable: cut(series.knowable), values: cut(series.values) }];
    }),
  );

/** How many of these ascending moments are not after `atSeconds`. */
function countUntil(moments: ArrayLike<number>, atSeconds: number): number {
  let [low, high] = [0, moments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle] as number) <= atSeconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Row of the newest value that was known at `atSeconds` and not stale then; -1 = there is none. */
function newest({ at, knowable, maxAgeSeconds }: OutsideSeries, atSeconds: number): number {
  const row = countUntil(knowable, atSeconds) - 1;
  return row >= 0 && atSeconds - (at[row] as number) <= maxAgeSeconds ? row : -1;
}

/** The newest value that was known at a moment; NaN when there is none or it is stale. */
export function lastKnown(series: OutsideSeries | undefined, atSeconds: number): number {
  if (series === undefined) return Number.NaN;
  const row = newest(series, atSeconds);
  return row < 0 ? Number.NaN : (series.values[row] as number);
}

/** The newest known value and the one that described a time `backSeconds` before it; NaN where missing or stale. */
export function knownPair(
  series: OutsideSeries | undefined,
  atSeconds: number,
  backSeconds: number,
): { now: number; before: number } {
  const row = series === undefined ? -1 : newest(series, atSeconds);
  if (series === undefined || row < 0) return { now: Number.NaN, before: Number.NaN };
  const earlier = (series.at[row] as number) - backSeconds;
  const found = countUntil(series.at, earlier) - 1;
  const known = found >= 0 && earlier - (series.at[found] as number) <= series.maxAgeSeconds;
  return { now: series.values[row] as number, before: known ? (series.values[found] as number) : Number.NaN };
}

/** Mean of the known values that describe the last `windowSeconds`; NaN when they leave more than a quarter of it open. */
export function knownMean(series: OutsideSeries | undefined, atSeconds: number, windowSeconds: number): number {
  const last = series === undefined ? -1 : newest(series, atSeconds);
  if (series === undefined || last < 0) return Number.NaN;
  const { at, values } = series;
  const from = atSeconds - windowSeconds;
  let [sum, count, row] = [0, 0, countUntil(at, from)];
  const oldest = at[row] as number;
  for (; row <= last; row++) {
    sum += values[row] as number;
    count++;
  }
  return count === 0 || oldest - from > windowSeconds / 4 ? Number.NaN : sum / count;
}
