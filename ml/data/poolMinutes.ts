import type { Bar, Numeraire } from "../types.ts";
import { pipsToRatio, tickToLnPrice } from "../units.ts";
import { fillGaps, fullRangeValue } from "./bars.ts";
import { type CsvRow, parseCsv } from "./csv.ts";
import { readText } from "./file.ts";

const MINUTE = 60;

export interface PoolMinutesParameters {
  readonly numeraire: Numeraire;
  readonly feePips: number;
}

/** Reads per-minute pool aggregates as bars; swap counts are not in these files: NaN. */
export const readPoolMinutes = (path: string, parameters: PoolMinutesParameters): Bar[] =>
  parsePoolMinutes(readText(path), path, parameters);

/** Parses per-minute pool aggregates (net and paid-in amounts, open/close/low/high tick, liquidity). */
export function parsePoolMinutes(text: string, file: string, parameters: PoolMinutesParameters): Bar[] {
  const { rows } = parseCsv(text, file, MINUTE_COLUMNS);
  return fillGaps(rows.map(poolMinuteReader(parameters)), MINUTE);
}

/** The columns that pool minutes need. */
export const MINUTE_COLUMNS = [
  "timestamp",
  "close_tick",
  "open_tick",
  "lowest_tick",
  "highest_tick",
  "in_amount0",
  "in_amount1",
  "current_liquidity",
] as const;

/** Turns the rows of a file of pool minutes into bars, one after the other. */
export function poolMinuteReader({ numeraire, feePips }: PoolMinutesParameters): (row: CsvRow) => Bar {
  const fee = pipsToRatio(feePips);
  let last: Bar | null = null;
  return (row) => {
    const startSeconds = row.integer("timestamp");
    if (last !== null && startSeconds < last.endSeconds) row.fail("timestamp", "minutes must be in order");
    const price = (column: string): number => tickToLnPrice(row.integer(column), numeraire);
    const [open, close] = [price("open_tick"), price("close_tick")];
    const [a, b] = [price("lowest_tick"), price("highest_tick")];
    const liquidity = row.number("current_liquidity");
    if (liquidity <= 0) row.fail("current_liquidity", "it must be positive");
    const [in0, in1] = [row.number("in_amount0"), row.number("in_amount1")];
    if (in0 < 0) row.fail("in_amount0", "it must not be negative");
    if (in1 < 0) row.fail("in_amount1", "it must not be negative");
    const assetIn = numeraire === 0 ? in0 : in1;
    const otherValue = (numeraire === 0 ? in1 : in0) * Math.exp(close);
    const from = last !== null && last.endSeconds === startSeconds ? last.close : open;
    last = {
      startSeconds,
      endSeconds: startSeconds + MINUTE,
      open,
      high: Math.max(a, b, open, close),
      low: Math.min(a, b, open, close),
      close,
      realisedVariance: (close - from) ** 2,
      volume: assetIn + otherValue,
      signedVolume: assetIn - otherValue,
      feeYield: (fee * (assetIn + otherValue)) / fullRangeValue(liquidity, close),
      liquidity,
      swaps: Number.NaN,
    };
    return last;
  };
}
