import { fullRangeValue } from "../data/bars.ts";
import type { Bar } from "../types.ts";

/** One number a bar, with how many of the bars before each one are known. */
export interface Quantity {
  /** 0 where it is not known. */
  readonly values: Float64Array;
  readonly known: Int32Array;
}

const QUANTITIES = [
  "squaredReturn",
  "fallenSquare",
  "garmanKlass",
  "feeYield",
  "turnover",
  "volume",
  "signedVolume",
  "absoluteFlow",
  "liquidity",
  "swaps",
  "arrivals",
] as const;

type QuantityName = (typeof QUANTITIES)[number];

const SERIES = ["close", "high", "low", "barReturn", "logLiquidity"] as const;

/**
 * What features are made of, one row a bar: what each bar gives is worked out once, not once a window. Series hold NaN
 * where a bar does not know.
 */
export type BarColumns = Readonly<Record<QuantityName, Quantity>> &
  Readonly<Record<(typeof SERIES)[number], Float64Array>>;

/** Room for `capacity` bars; nothing known. */
export function createColumns(capacity: number): BarColumns {
  const quantities = QUANTITIES.map((name) => [
    name,
    { values: new Float64Array(capacity), known: new Int32Array(capacity + 1) },
  ]);
  const series = SERIES.map((name) => [name, new Float64Array(capacity)]);
  return Object.fromEntries([...quantities, ...series]) as BarColumns;
}

/** Columns of whole bars. */
export function columnsOf(bars: readonly Bar[]): BarColumns {
  const columns = createColumns(bars.length);
  bars.forEach((bar, i) => {
    setBar(columns, i, bar);
  });
  return columns;
}

/** Puts a bar into row `i`; the rows before it are there already. */
export function setBar(columns: BarColumns, i: number, bar: Bar): void {
  const before = i === 0 ? Number.NaN : (columns.close[i - 1] as number);
  const back = bar.close - before;
  columns.close[i] = bar.close;
  columns.high[i] = bar.high;
  columns.low[i] = bar.low;
  columns.barReturn[i] = back;
  columns.logLiquidity[i] = bar.liquidity > 0 ? Math.log(bar.liquidity) : Number.NaN;
  put(columns.squaredReturn, i, back ** 2);
  put(columns.fallenSquare, i, Math.min(back, 0) ** 2);
  put(columns.garmanKlass, i, garmanKlass(bar, before));
  put(columns.feeYield, i, bar.feeYield);
  put(columns.turnover, i, bar.volume / fullRangeValue(bar.liquidity, bar.close));
  put(columns.volume, i, bar.volume);
  put(columns.signedVolume, i, bar.signedVolume);
  put(columns.absoluteFlow, i, Math.abs(bar.signedVolume));
  put(columns.liquidity, i, bar.liquidity);
  put(columns.swaps, i, bar.swaps);
  put(columns.arrivals, i, bar.arrivals ?? Number.NaN);
}

/** Puts in row `i` a bar of which only its close and what it paid are asked: all else counts as not known. */
export function setOldBar(columns: BarColumns, i: number, close: number, feeYield: number): void {
  const back = close - (i === 0 ? Number.NaN : (columns.close[i - 1] as number));
  columns.close[i] = close;
  columns.barReturn[i] = back;
  columns.high[i] = Number.NaN;
  columns.low[i] = Number.NaN;
  columns.logLiquidity[i] = Number.NaN;
  put(columns.squaredReturn, i, back ** 2);
  put(columns.fallenSquare, i, Math.min(back, 0) ** 2);
  put(columns.feeYield, i, feeYield);
  put(columns.garmanKlass, i, Number.NaN);
  put(columns.turnover, i, Number.NaN);
  put(columns.volume, i, Number.NaN);
  put(columns.signedVolume, i, Number.NaN);
  put(columns.absoluteFlow, i, Number.NaN);
  put(columns.liquidity, i, Number.NaN);
  put(columns.swaps, i, Number.NaN);
  put(columns.arrivals, i, Number.NaN);
}

function put({ values, known }: Quantity, i: number, value: number): void {
  const missing = Number.isNaN(value);
  values[i] = missing ? 0 : value;
  known[i + 1] = (known[i] as number) + (missing ? 0 : 1);
}

/** Garman–Klass variance of one bar from its range and body, plus the gap from the close before. */
function garmanKlass({ open, high, low, close }: Bar, before: number): number {
  const gap = Number.isNaN(before) ? 0 : open - before;
  return Math.max(0, 0.5 * (high - low) ** 2 - (2 * Math.LN2 - 1) * (close - open) ** 2) + gap ** 2;
}

/** Moves rows from `from` to the front, as when the oldest of a stream are forgotten; `end` is behind the last row. */
export function dropRows(columns: BarColumns, from: number, end: number): void {
  for (const name of QUANTITIES) {
    columns[name].values.copyWithin(0, from, end);
    columns[name].known.copyWithin(0, from, end + 1);
  }
  for (const name of SERIES) columns[name].copyWithin(0, from, end);
}
