import { emptyBar, readingsToBar } from "../data/bars.ts";
import { createReadings, type Readings } from "../data/readings.ts";
import { InvalidInputError } from "../errors.ts";
import type { Bar, Features, Numeraire, PoolMeta, SwapEvent } from "../types.ts";
import { pipsToRatio } from "../units.ts";
import { createColumns, dropRows, setBar } from "./columns.ts";
import { FEATURE_SCHEMA, LOOKBACK_BARS } from "./index.ts";
import type { Outside } from "./outsideSeries.ts";
import { featureValues } from "./table.ts";
import { createView, HOUR_SECONDS } from "./window.ts";

/** Features of a market that is followed hour by hour. */
export interface BarStream {
  /** Takes the next hourly bar; hours left out before it count as not known. */
  push(bar: Bar): Features;
}

/** A stream whose answers have the bits that `computeFeatures` gives for all bars so far. */
export function createBarStream(outside: Outside = {}): BarStream {
  const capacity = 2 * LOOKBACK_BARS;
  const columns = createColumns(capacity);
  const viewAt = createView(columns, outside);
  let [rows, endSeconds] = [0, Number.NaN];
  function add(bar: Bar): void {
    if (rows === capacity) {
      dropRows(columns, capacity - LOOKBACK_BARS, capacity);
      rows = LOOKBACK_BARS;
    }
    setBar(columns, rows++, bar);
    endSeconds = bar.endSeconds;
  }
  return {
    push(bar) {
      if (bar.endSeconds - bar.startSeconds !== HOUR_SECONDS || bar.startSeconds < endSeconds) {
        throw new InvalidInputError(
          `bar from ${bar.startSeconds} to ${bar.endSeconds} must be an hour that begins at ${endSeconds} or later`,
        );
      }
      const hole = (bar.startSeconds - endSeconds) / HOUR_SECONDS;
      if (hole > 0 && !Number.isInteger(hole)) {
        throw new InvalidInputError(`bar from ${bar.startSeconds} must begin whole hours after ${endSeconds}`);
      }
      for (let i = Math.max(0, hole - LOOKBACK_BARS); i < hole; i++) {
        const start = bar.startSeconds - (hole - i) * HOUR_SECONDS;
        add(emptyBar(start, start + HOUR_SECONDS));
      }
      add(bar);
      return {
        schema: FEATURE_SCHEMA,
        atSeconds: bar.endSeconds,
        values: featureValues(viewAt(rows, bar.endSeconds)),
      };
    },
  };
}

/** Bars before these are looked at for their closes and fees alone. */
const FULL_BARS = 169;

/** What a month's windows take of a bar. */
function oldBar(readings: Readings, from: number, to: number, startSeconds: number, endSeconds: number): Bar {
  const { price, feeYield } = readings.columns;
  const close = to === 0 ? Number.NaN : (price[to - 1] as number);
  let fees = to === 0 ? Number.NaN : 0;
  for (let row = from; row < to; row++) fees += feeYield[row] as number;
  return { ...emptyBar(startSeconds, endSeconds), close, feeYield: fees };
}

/** How many rows are not after a moment, of which the first `from` are known not to be. */
function rowsUntil({ columns, length }: Readings, atSeconds: number, from: number): number {
  const { timestamp } = columns;
  let [low, step] = [from, 64];
  while (low + step < length && (timestamp[low + step] as number) <= atSeconds) {
    low += step;
    step *= 2;
  }
  let high = Math.min(length, low + step);
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timestamp[middle] as number) <= atSeconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface PoolStreamParameters {
  readonly pool: Pick<PoolMeta, "feePips">;
  readonly numeraire: Numeraire;
  /** From when on every swap is handed over. */
  readonly fromTimestamp: number;
  readonly outside?: Outside;
}

/** Features of a pool that is followed block by block. */
export interface PoolStream {
  /** Takes a block's swaps; answers the features of the hours that end with it, null before the first price. */
  block(timestamp: number, swaps: readonly SwapEvent[]): Features | null;
}

/** A stream whose answers have the bits that `computeFeatures` gives for bars cut from the whole history. */
export function createPoolStream({ pool, numeraire, fromTimestamp, outside = {} }: PoolStreamParameters): PoolStream {
  const readings = createReadings(numeraire, pipsToRatio(pool.feePips));
  const columns = createColumns(LOOKBACK_BARS);
  const viewAt = createView(columns, outside);
  let lastSeconds = fromTimestamp;
  let stale = 0;
  return {
    block(timestamp, swaps) {
      if (timestamp < lastSeconds) {
        throw new InvalidInputError(`block of ${timestamp} must not be before ${lastSeconds}`);
      }
      lastSeconds = timestamp;
      for (const swap of swaps) readings.push(swap);
      const count = Math.min(LOOKBACK_BARS, Math.floor((timestamp - fromTimestamp) / HOUR_SECONDS));
      // The row before the first bar says at what price it opens; what lies before that is forgotten now and then.
      const since = timestamp - LOOKBACK_BARS * HOUR_SECONDS;
      while (stale + 1 < readings.length && (readings.columns.timestamp[stale + 1] as number) <= since) stale++;
      if (stale > readings.length / 2) {
        readings.drop(stale);
        stale = 0;
      }
      if (count === 0 || readings.length === 0) return null;
      const firstStart = timestamp - count * HOUR_SECONDS;
      let from = rowsUntil(readings, firstStart, 0);
      for (let i = 0; i < count; i++) {
        const startSeconds = firstStart + i * HOUR_SECONDS;
        const endSeconds = startSeconds + HOUR_SECONDS;
        const to = rowsUntil(readings, endSeconds, from);
        const cut = i < count - FULL_BARS ? oldBar : readingsToBar;
        setBar(columns, i, cut(readings, from, to, startSeconds, endSeconds));
        from = to;
      }
      if (Number.isNaN(columns.close[count - 1])) return null;
      return {
        schema: FEATURE_SCHEMA,
        atSeconds: timestamp,
        values: featureValues(viewAt(count, timestamp)),
      };
    },
  };
}
