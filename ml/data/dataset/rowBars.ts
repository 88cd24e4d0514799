import { basename, dirname } from "node:path";
import { InvalidInputError } from "../../errors.ts";
import type { Bar, Numeraire } from "../../types.ts";
import { sqrtPriceX96ToLnPrice } from "../../units.ts";
import { fullRangeValue } from "../bars.ts";
import { type CsvRow, csvRow } from "../csv.ts";
import { readCsvLines } from "../csvStream.ts";
import { formatError } from "../file.ts";
import { CANDLE_COLUMNS, candleReader } from "../ohlcv.ts";
import { HOUR_COLUMNS, poolHourReader } from "../poolHours.ts";
import { MINUTE_COLUMNS, poolMinuteReader } from "../poolMinutes.ts";
import { CHAIN_ID, DECIMALS, FEE_PIPS } from "../poolNames.ts";
import { MANIFEST, readManifest } from "../store/manifest.ts";
import { readBatches } from "../store/read.ts";

const HOUR = 3600;
const MINUTE = 60;
const Q128 = 2 ** 128;
/** A bar file that says "usd" means the bridged dollar. */
const BAR_DECIMALS: Readonly<Record<string, number>> = { ...DECIMALS, usd: 6 };
const EXACT_COLUMNS = ["start_seconds", "close_x96", "in0", "in1", "fee_growth0_x128", "mean_liquidity"] as const;

export type BarKind = "candles" | "pool-minutes" | "pool-hours" | "exact-bars";

/** What a file or dataset of bars is, by its columns; null = none of these. */
export function barKindOf(columns: readonly string[]): BarKind | null {
  const has = (needed: readonly string[]): boolean => needed.every((column) => columns.includes(column));
  if (has(CANDLE_COLUMNS)) return "candles";
  if (has(MINUTE_COLUMNS)) return "pool-minutes";
  if (has([...HOUR_COLUMNS]) && columns.some((column) => column.startsWith("fee_growth_global0_x128")))
    return "pool-hours";
  return has(EXACT_COLUMNS) ? "exact-bars" : null;
}

/** The columns of a CSV file or a dataset. */
export async function columnsOf(path: string): Promise<readonly string[]> {
  if (basename(path) === MANIFEST) return readManifest(dirname(path)).columns.map(({ name }) => name);
  for await (const [head] of readCsvLines(path)) return head?.fields ?? [];
  return [];
}

/** Rows of a CSV file or a dataset, piece by piece, with typed getters. */
export async function* readRows(path: string): AsyncGenerator<CsvRow[]> {
  if (basename(path) === MANIFEST) {
    const folder = dirname(path);
    const index = new Map(readManifest(folder).columns.map(({ name }, i) => [name, i]));
    for (const { cells, rows, firstRow } of readBatches(folder)) {
      yield Array.from({ length: rows }, (_, row) => {
        const fields = cells.map((column) => String(column[row] ?? ""));
        return csvRow(fields, index, path, firstRow + row + 1);
      });
    }
    return;
  }
  let index: Map<string, number> | null = null;
  for await (const lines of readCsvLines(path)) {
    const batch: CsvRow[] = [];
    for (const { line, fields } of lines) {
      if (index === null) {
        index = new Map(fields.map((name, i) => [name, i]));
        continue;
      }
      if (fields.length !== index.size) {
        const rule = `each line must have the header's ${index.size} fields, not ${fields.length}`;
        throw formatError({ file: path, line, field: "line", value: fields.join(","), rule });
      }
      batch.push(csvRow(fields, index, path, line));
    }
    yield batch;
  }
}

export interface OpenRowBarsParameters {
  readonly path: string;
  readonly name: string;
  readonly kind: BarKind;
  readonly columns: readonly string[];
  readonly numeraire: Numeraire;
  /** Swap fee in 1e-6 where the name does not tell it; null = not known: volumes of hours are then missing. */
  readonly feePips?: number | null;
}

export interface RowBars {
  readonly barSeconds: number;
  /** Whether the bars tell what liquidity earned. */
  readonly hasFees: boolean;
  bars(): AsyncGenerator<Bar>;
}

/** The bars of a file or dataset of bars, one row in memory at a time. */
export async function openRowBars(parameters: OpenRowBarsParameters): Promise<RowBars> {
  const { path, kind } = parameters;
  const barSeconds = await barLength(path, kind);
  const reader = createReader(parameters, barSeconds);
  return {
    barSeconds,
    hasFees: kind !== "candles",
    async *bars() {
      const read = reader();
      for await (const rows of readRows(path)) for (const row of rows) yield read(row);
    },
  };
}

/** The commonest step of the first pieces of a file that hold two rows: what ends without a newline is a piece of its own. */
async function barLength(path: string, kind: BarKind): Promise<number> {
  if (kind === "pool-minutes") return MINUTE;
  if (kind === "pool-hours") return HOUR;
  const column = kind === "candles" ? "open_time" : "start_seconds";
  const steps = new Map<number, number>();
  let [count, before] = [0, Number.NaN];
  for await (const rows of readRows(path)) {
    for (const row of rows) {
      const start = row.integer(column);
      if (count > 0) steps.set(start - before, (steps.get(start - before) ?? 0) + 1);
      before = start;
      count++;
    }
    const best = [...steps].sort((a, b) => b[1] - a[1])[0]?.[0];
    if (best !== undefined) return best;
  }
  throw formatError({ file: path, line: null, field: "rows", value: count, rule: "bars must have at least two rows" });
}

function createReader(parameters: OpenRowBarsParameters, barSeconds: number): () => (row: CsvRow) => Bar {
  const { kind, columns, name, numeraire } = parameters;
  if (kind === "candles") return () => candleReader(barSeconds);
  const [chain = "", symbol0 = "", symbol1 = "", tier = ""] = name.split("_");
  const feePips = parameters.feePips === undefined ? FEE_PIPS[tier] : parameters.feePips;
  if (feePips === undefined) {
    throw new InvalidInputError(
      `market ${JSON.stringify(name)} does not name its fee tier (_001, _005, _03 or _1 after the tokens); rule: feePips must be given`,
    );
  }
  if (kind === "exact-bars") return () => exactBarReader(barSeconds, numeraire);
  if (kind === "pool-minutes") {
    if (feePips === null)
      throw new InvalidInputError(`market ${name}: minutes need a fee tier, which must not be null`);
    return () => poolMinuteReader({ numeraire, feePips });
  }
  const [decimals0, decimals1] = [BAR_DECIMALS[symbol0], BAR_DECIMALS[symbol1]];
  if (!(chain in CHAIN_ID) || decimals0 === undefined || decimals1 === undefined) {
    throw new InvalidInputError(
      `market ${JSON.stringify(name)} must begin with <chain>_<token0>_<token1>, of chains ${Object.keys(CHAIN_ID).join(", ")} and tokens ${Object.keys(BAR_DECIMALS).join(", ")}`,
    );
  }
  return () => poolHourReader(columns, { numeraire, feePips, decimals0, decimals1 });
}

/** Turns stored exact bars (`rangekeeper data bars --out`) into bars. */
function exactBarReader(barSeconds: number, numeraire: Numeraire): (row: CsvRow) => Bar {
  let last: Bar | null = null;
  return (row) => {
    const startSeconds = row.integer("start_seconds");
    if (last !== null && startSeconds < last.endSeconds) row.fail("start_seconds", "bars must be in order");
    const price = (column: string): number =>
      row.text(column) === "" ? Number.NaN : sqrtPriceX96ToLnPrice(row.bigint(column), numeraire);
    const [open, close, a, b] = [price("open_x96"), price("close_x96"), price("high_x96"), price("low_x96")];
    const amounts = [Number(row.bigint("in0")), Number(row.bigint("in1"))] as const;
    const growths = [
      Number(row.bigint("fee_growth0_x128")) / Q128,
      Number(row.bigint("fee_growth1_x128")) / Q128,
    ] as const;
    const inAsset = ([zero, one]: readonly [number, number]): readonly [number, number] =>
      numeraire === 0 ? [zero, one * Math.exp(close)] : [one, zero * Math.exp(close)];
    const [assetIn, otherIn] = inAsset(amounts);
    const [assetFees, otherFees] = inAsset(growths);
    const contiguous = last !== null && last.endSeconds === startSeconds && !Number.isNaN(last.close);
    const from: number = contiguous && last !== null ? last.close : open;
    last = {
      startSeconds,
      endSeconds: startSeconds + barSeconds,
      open,
      high: Math.max(open, close, ...[a, b].filter((x) => !Number.isNaN(x))),
      low: Math.min(open, close, ...[a, b].filter((x) => !Number.isNaN(x))),
      close,
      realisedVariance: (close - from) ** 2,
      volume: assetIn + otherIn,
      signedVolume: assetIn - otherIn,
      feeYield: (assetFees + otherFees) / fullRangeValue(1, close),
      liquidity: row.numberOrNaN("mean_liquidity"),
      swaps: row.integer("swaps"),
    };
    return last;
  };
}
