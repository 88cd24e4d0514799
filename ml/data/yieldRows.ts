/**
 * Writes what fee-income models are judged and fitted on: `tsx ml/data/yieldRows.ts --data DIR --out FOLDER`. Per pool and
 * hour the features and what each of a fixed set of ranges collected over each horizon (yield-hours.csv); per daily pool
 * and day what its whole liquidity collected (yield-days.csv); hours of exchange volume, from which the fee model borrows
 * how activity goes on (yield-candles.csv); beside them yield-rows.json with sources and hashes.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { InvalidInputError } from "../errors.ts";
import { FEATURE_NAMES, FEATURE_SCHEMA } from "../features/index.ts";
import { featureTable } from "../features/table.ts";
import { dataFolderOf, required, runAsProgram } from "../program.ts";
import type { Offsets } from "../risk/position.ts";
import type { Bar } from "../types.ts";
import { parseCsv } from "./csv.ts";
import { type CollectedSeries, collectSeries } from "./dataset/collect.ts";
import type { Source } from "./dataset/openSeries.ts";
import { rangeOutcome } from "./dataset/outcome.ts";
import { trainingSet } from "./dataset/trainingSet.ts";
import { DataFileError, readText } from "./file.ts";
import { listFiles } from "./market.ts";
import { type PoolDay, readPoolDays } from "./poolDays.ts";

const HOUR = 3600;
const DAY = 86_400;
const DAILY_FILE = "ethereum_6pools_daily_2021_2024.csv.gz";
/** Exchange candles with years of volume, by the series that they are. */
const CANDLE_FILES: Readonly<Record<string, string>> = {
  "binance_spot_ethusdt_1h_2017_2024-06.csv.gz": "ethusdt",
  "binance_spot_btcusdt_1h_2017_2024-06.csv.gz": "btcusdt",
};

/** Horizons of the labels. */
export const YIELD_HORIZONS_HOURS = [1, 4, 24, 168] as const;

const up = (percent: number): number => Math.log1p(percent / 100);

/** Ranges around spot by name: the whole axis, per cent either side (equally wide in log price), and to one side. */
export const YIELD_RANGES: Readonly<Record<string, Offsets>> = {
  full: { lower: -12, upper: 12 },
  ...Object.fromEntries([1, 2, 5, 10, 20, 50].map((p) => [`both${p}`, { lower: -up(p), upper: up(p) }])),
  ...Object.fromEntries([5, 10].map((p) => [`above${p}`, { lower: 0, upper: up(p) }])),
  ...Object.fromEntries([5, 10].map((p) => [`below${p}`, { lower: -up(p), upper: 0 }])),
};

export const YIELD_HOUR_COLUMNS = [
  "series",
  "at",
  ...FEATURE_NAMES,
  ...YIELD_HORIZONS_HOURS.flatMap((hours) => Object.keys(YIELD_RANGES).map((range) => `fee_${hours}h_${range}`)),
] as const;

export interface YieldRow {
  readonly series: string;
  /** Unix seconds, end of the last bar that the features see. */
  readonly at: number;
  /** Features, then labels; NaN = missing. */
  readonly values: readonly number[];
}

/** One row per hour whose close is known, after a day of history; a label that the data do not reach is NaN. */
export function* yieldHours({ name, hourly, fine }: CollectedSeries): Generator<YieldRow> {
  const perHour = fine.length / hourly.length;
  if (!Number.isInteger(perHour))
    throw new InvalidInputError(`series ${name}: fine bars must divide hourly bars evenly`);
  const table = featureTable(hourly);
  const warmUp = Math.min(25, Math.ceil(hourly.length / 4));
  for (let end = warmUp; end < hourly.length; end++) {
    if (Number.isNaN((hourly[end - 1] as Bar).close)) continue;
    const features = table.at(end - 1);
    const labels = YIELD_HORIZONS_HOURS.flatMap((hours) => {
      const [first, last] = [end * perHour - 1, (end + hours) * perHour];
      const path = last > fine.length ? null : fine.slice(first, last);
      return Object.values(YIELD_RANGES).map((range) => {
        const query = { lowerOffset: range.lower, upperOffset: range.upper, horizonSeconds: hours * HOUR };
        return (path && rangeOutcome(path, query)?.feeYield) ?? Number.NaN;
      });
    });
    yield { series: name, at: (hourly[end - 1] as Bar).endSeconds, values: [...features, ...labels] };
  }
}

/** Features of the daily pools carry the names of the hourly ones that mean the same. */
export const YIELD_DAY_COLUMNS = [
  "series",
  "at",
  "log_fee_24h",
  "log_fee_168h",
  "log_fee_720h",
  "log_parkinson_24h",
  "log_parkinson_168h",
  "weekday_sin",
  "weekday_cos",
  "fee_24h_full",
  "fee_168h_full",
] as const;

/** One row per pool and day; a window needs three quarters of its days, a label all of them. */
export function yieldDays(days: readonly PoolDay[]): YieldRow[] {
  return [...new Set(days.map(({ pool }) => pool))].flatMap((pool) => {
    const known = new Map(days.filter((day) => day.pool === pool).map((day) => [day.at, day]));
    const logMean = (at: number, window: number, pick: (day: PoolDay) => number): number => {
      const values = Array.from({ length: window }, (_, i) => known.get(at - i * DAY)).flatMap((day) => day ?? []);
      if (values.length < 0.75 * window) return Number.NaN;
      return Math.log(values.reduce((sum, day) => sum + pick(day), 0) / values.length);
    };
    const next = (at: number, window: number): number =>
      Array.from({ length: window }, (_, i) => known.get(at + (i + 1) * DAY)?.feeYield ?? Number.NaN).reduce(
        (a, b) => a + b,
      );
    const fee = ({ feeYield }: PoolDay): number => feeYield;
    // A day without movement is a hole in the price, not calm: floored far below any other.
    const variance = (day: PoolDay): number => Math.max(day.variance, 1e-8);
    return [...known.keys()].map((at) => {
      const week = (2 * Math.PI * (at % (7 * DAY))) / (7 * DAY);
      const fees = [1, 7, 30].map((window) => logMean(at, window, fee));
      const variances = [1, 7].map((window) => logMean(at, window, variance));
      const values = [...fees, ...variances, Math.sin(week), Math.cos(week), next(at, 1), next(at, 7)];
      return { series: pool, at, values };
    });
  });
}

export const YIELD_CANDLE_COLUMNS = ["series", "at", "volume"] as const;

/** One row per exchange candle: the end of its hour, and its volume at the closing price. */
export function yieldCandles(text: string, file: string, series: string): YieldRow[] {
  const { rows } = parseCsv(text, file, ["open_time", "close", "volume_base"]);
  return rows.map((row) => {
    const volume = row.number("volume_base");
    if (volume < 0) row.fail("volume_base", "it must not be negative");
    return { series, at: row.integer("open_time") + HOUR, values: [volume * row.number("close")] };
  });
}

const cell = (value: number): string => (Number.isNaN(value) ? "" : String(Number(value.toPrecision(7))));

function write(path: string, columns: readonly string[], rows: readonly YieldRow[]): string {
  const lines = rows.map(({ series, at, values }) => [series, at, ...values.map(cell)].join(","));
  const text = `${[columns.join(","), ...lines].join("\n")}\n`;
  writeFileSync(path, text);
  return sha256(text);
}

const sha256 = (content: Buffer | string): string => `0x${createHash("sha256").update(content).digest("hex")}`;

/** Writes the files; the same data give the same bytes. */
export async function writeYieldRows(dataFolder: string, out: string, progress: (line: string) => void): Promise<void> {
  const { streams, sources } = await trainingSet(dataFolder);
  const path = listFiles(dataFolder).find((file) => basename(file) === DAILY_FILE);
  if (path === undefined) throw new DataFileError(`data file ${DAILY_FILE} is missing below ${dataFolder}`);
  mkdirSync(out, { recursive: true });
  const pools: CollectedSeries[] = [];
  for (const stream of streams) if (stream.samples.yieldsPerTime > 0) pools.push(...(await collectSeries(stream)));
  const hours = pools.flatMap((pool) => {
    const rows = [...yieldHours(pool)];
    progress(`${pool.name}: ${rows.length} hours`);
    return rows;
  });
  const days = yieldDays(readPoolDays(path));
  const exchange = sources.filter(({ file }) => file in CANDLE_FILES);
  const candles = exchange.flatMap((source) =>
    yieldCandles(readText(source.path), source.file, CANDLE_FILES[source.file] as string),
  );
  const tables = {
    "yield-hours.csv": write(join(out, "yield-hours.csv"), YIELD_HOUR_COLUMNS, hours),
    "yield-days.csv": write(join(out, "yield-days.csv"), YIELD_DAY_COLUMNS, days),
    "yield-candles.csv": write(join(out, "yield-candles.csv"), YIELD_CANDLE_COLUMNS, candles),
  };
  const used: Source[] = [
    ...sources.filter(({ file }) => !file.startsWith("binance")),
    ...exchange,
    { file: DAILY_FILE, path, licence: "none" },
  ];
  const meta = {
    schema: FEATURE_SCHEMA,
    featureNames: FEATURE_NAMES,
    horizonsHours: YIELD_HORIZONS_HOURS,
    ranges: YIELD_RANGES,
    rows: { "yield-hours.csv": hours.length, "yield-days.csv": days.length, "yield-candles.csv": candles.length },
    sources: used.map((source) => ({
      file: source.file,
      sha256: sha256(readFileSync(source.path)),
      licence: source.licence,
    })),
    hash: sha256(JSON.stringify(tables)),
    tables,
  };
  writeFileSync(join(out, "yield-rows.json"), `${JSON.stringify(meta, null, 2)}\n`);
  const counts = Object.entries(meta.rows).map(([file, count]) => `${file} (${count} rows)`);
  progress(`wrote ${counts.join(", ")}: hash ${meta.hash}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: "string" }, out: { type: "string" } } });
  const dataFolder = dataFolderOf(values.data);
  await writeYieldRows(dataFolder, required("out", values.out, "the folder to write to"), (line) => console.log(line));
}

await runAsProgram(import.meta.filename, main);
