import type { Bar } from "../types.ts";
import { fillGaps } from "./bars.ts";
import { type CsvRow, parseCsv } from "./csv.ts";
import { readText } from "./file.ts";

/** Reads exchange candles (open_time,open,high,low,close,…) as bars on a regular grid; gaps become empty bars. */
export const readCandles = (path: string, barSeconds: number): Bar[] => parseCandles(readText(path), path, barSeconds);

/** Parses exchange candles; prices are quote per base, so the quote is the asset. Flow and fees are not known: NaN. */
export function parseCandles(text: string, file: string, barSeconds: number): Bar[] {
  const { rows } = parseCsv(text, file, CANDLE_COLUMNS);
  return fillGaps(rows.map(candleReader(barSeconds)), barSeconds);
}

/** The columns that candles need. */
export const CANDLE_COLUMNS = ["open_time", "open", "high", "low", "close"] as const;

/** Turns the rows of a candle file into bars, one after the other. */
export function candleReader(barSeconds: number): (row: CsvRow) => Bar {
  let last: Bar | null = null;
  return (row) => {
    const startSeconds = row.integer("open_time");
    if (startSeconds % barSeconds !== 0) row.fail("open_time", `it must be a multiple of ${barSeconds} seconds`);
    if (last !== null && startSeconds < last.endSeconds) row.fail("open_time", "candles must be in order");
    last = candle(row, startSeconds, barSeconds, last);
    return last;
  };
}

function candle(row: CsvRow, startSeconds: number, barSeconds: number, last: Bar | null): Bar {
  const price = (column: string): number => {
    const value = row.number(column);
    return value > 0 ? Math.log(value) : row.fail(column, "a price must be positive");
  };
  const [open, high, low, close] = [price("open"), price("high"), price("low"), price("close")];
  if (low > Math.min(open, close)) row.fail("low", "it must not be above open or close");
  if (high < Math.max(open, close)) row.fail("high", "it must not be below open or close");
  const from = last !== null && last.endSeconds === startSeconds ? last.close : open;
  return {
    startSeconds,
    endSeconds: startSeconds + barSeconds,
    open,
    high,
    low,
    close,
    realisedVariance: (close - from) ** 2,
    volume: Number.NaN,
    signedVolume: Number.NaN,
    feeYield: Number.NaN,
    liquidity: Number.NaN,
    swaps: Number.NaN,
  };
}

/** Divides bars by those of another series with the same quote, pair by pair. Highs and lows are not known: NaN. */
export function ratioOf(): (base: Bar, other: Bar) => Bar {
  let last: Bar | null = null;
  return (base, other) => {
    const [open, close] = [base.open - other.open, base.close - other.close];
    const from =
      last !== null && last.endSeconds === base.startSeconds && !Number.isNaN(last.close) ? last.close : open;
    last = { ...base, open, high: Number.NaN, low: Number.NaN, close, realisedVariance: (close - from) ** 2 };
    return last;
  };
}

/** Bars of the ratio of two series with the same quote: base per other. */
export function ratioBars(base: readonly Bar[], other: readonly Bar[]): Bar[] {
  const byStart = new Map(other.map((bar) => [bar.startSeconds, bar]));
  const divide = ratioOf();
  return base.flatMap((bar) => {
    const match = byStart.get(bar.startSeconds);
    return match === undefined ? [] : [divide(bar, match)];
  });
}
