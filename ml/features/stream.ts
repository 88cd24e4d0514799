import { emptyBar, readingsToBar } from "../data/bars.ts";
import { createReadings, rowsUntil } from "../data/readings.ts";
import { InvalidInputError } from "../errors.ts";
import type { Bar, Features, Numeraire, PoolMeta, SwapEvent } from "../types.ts";
import { pipsToRatio } from "../units.ts";
import { createColumns, dropRows, setBar, setOldBar } from "./columns.ts";
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

/**
 * Sums of four bars that lie between five rows, each added up by itself from its oldest row on. Side by side they take
 * little more time than one.
 */
function fourSums(values: Float64Array, rows: Int32Array, first: number, sums: Float64Array): void {
  let a = rows[first] as number;
  let b = rows[first + 1] as number;
  let c = rows[first + 2] as number;
  let d = rows[first + 3] as number;
  const [endA, endB, endC, endD] = [b, c, d, rows[first + 4] as number];
  let sumA = 0;
  let sumB = 0;
  let sumC = 0;
  let sumD = 0;
  for (let left = Math.min(endA - a, endB - b, endC - c, endD - d); left > 0; left--) {
    sumA += values[a++] as number;
    sumB += values[b++] as number;
    sumC += values[c++] as number;
    sumD += values[d++] as number;
  }
  for (; a < endA; a++) sumA += values[a] as number;
  for (; b < endB; b++) sumB += values[b] as number;
  for (; c < endC; c++) sumC += values[c] as number;
  for (; d < endD; d++) sumD += values[d] as number;
  sums[first] = sumA;
  sums[first + 1] = sumB;
  sums[first + 2] = sumC;
  sums[first + 3] = sumD;
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
  /** Where each bar's rows end, behind where the first one's begin; and what old bars paid. */
  const rows = new Int32Array(LOOKBACK_BARS + 1);
  const fees = new Float64Array(LOOKBACK_BARS + 1);
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
      rows[0] = rowsUntil(readings, firstStart, 0);
      for (let i = 0; i < count; i++) {
        rows[i + 1] = rowsUntil(readings, firstStart + (i + 1) * HOUR_SECONDS, rows[i] as number);
      }
      // Of an old bar a month's windows take its close and its fees alone.
      const old = Math.max(0, count - FULL_BARS);
      for (let i = 0; i < old; i += 4) fourSums(readings.columns.feeYield, rows, i, fees);
      for (let i = 0; i < count; i++) {
        const from = rows[i] as number;
        const to = rows[i + 1] as number;
        if (i < old) {
          if (to === 0) setOldBar(columns, i, Number.NaN, Number.NaN);
          else setOldBar(columns, i, readings.columns.price[to - 1] as number, fees[i] as number);
          continue;
        }
        const startSeconds = firstStart + i * HOUR_SECONDS;
        setBar(columns, i, readingsToBar(readings, from, to, startSeconds, startSeconds + HOUR_SECONDS));
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
