import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BaseError, InvalidInputError } from "../errors.ts";
import { FEATURE_NAMES, FEATURE_SCHEMA } from "../features/index.ts";
import { buildDataset, DATASET_COLUMNS, DATASET_FIELDS, type DatasetRow, type DatasetSeries } from "./dataset.ts";
import { DECISION_COLUMNS, decisionRows } from "./decisions.ts";
import { readTrainingSeries } from "./series.ts";

const UNITS = {
  at: "unix seconds, end of the last bar that the features see",
  rv_24h: "sum of squared hourly log returns over the next 24 h",
  lower_offset: "ln(lower price / spot) in the asset",
  upper_offset: "ln(upper price / spot) in the asset",
  horizon_seconds: "seconds",
  il: "fraction of starting value, <= 0, against holding the starting amounts",
  lvr: "fraction of starting value, expected value >= 0, along the path",
  in_range: "share of the horizon, 0..1",
  fee_yield: "fraction of starting value over the horizon, before dilution",
  percent: "half width of a centred range in per cent of spot, 0 = full range",
} as const;

/** A day ahead, four phases a day: each phase is a sequence of decisions that do not overlap. */
const DECISIONS = { horizonSeconds: 86_400, strideHours: 6, warmUpHours: 25 } as const;

const hasFees = ({ samples }: DatasetSeries): boolean => samples.yieldsPerTime > 0;

/** Writes volatility.csv, ranges.csv, yield.csv, decisions.csv and dataset.json into `out`. */
export function exportDataset(dataFolder: string, out: string, seed: number, progress: (line: string) => void): void {
  const { series, sources } = readTrainingSeries(dataFolder, progress);
  const dataset = buildDataset(series, seed);
  mkdirSync(out, { recursive: true });
  const tables = [
    ["volatility.csv", DATASET_COLUMNS.volatility, dataset.volatility],
    ["ranges.csv", DATASET_COLUMNS.ranges, dataset.ranges],
    ["yield.csv", DATASET_COLUMNS.yield, dataset.yields],
    ["decisions.csv", DECISION_COLUMNS, decisionRows(series.filter(hasFees), DECISIONS)],
  ] as const;
  const rows: Record<string, number> = {};
  const hash = createHash("sha256").update(JSON.stringify([FEATURE_SCHEMA, FEATURE_NAMES, seed]));
  for (const [file, columns, table] of tables) {
    const written = writeTable(join(out, file), columns, table, (count) => progress(`${file}: ${count} rows`));
    rows[file] = written.rows;
    hash.update(written.sha256);
    progress(`wrote ${file}: ${written.rows} rows, ${(written.bytes / 1e6).toFixed(1)} MB`);
  }
  const summary = {
    schema: FEATURE_SCHEMA,
    featureNames: FEATURE_NAMES,
    fields: DATASET_FIELDS,
    units: UNITS,
    sources: sources.map(({ file, path, licence }) => ({ file, sha256: sha256(readFileSync(path)), licence })),
    series: series.map(({ name, hourly }) => ({
      name,
      from: hourly[0]?.startSeconds,
      to: hourly.at(-1)?.endSeconds,
    })),
    rows,
    seed,
    hash: `0x${hash.digest("hex")}`,
  };
  writeFileSync(join(out, "dataset.json"), `${JSON.stringify(summary, null, 2)}\n`);
  progress(`wrote dataset.json: hash ${summary.hash}`);
}

const sha256 = (bytes: Buffer): string => `0x${createHash("sha256").update(bytes).digest("hex")}`;

function writeTable(
  path: string,
  columns: readonly string[],
  table: Iterable<DatasetRow>,
  progress: (rows: number) => void,
): { rows: number; bytes: number; sha256: string } {
  const hash = createHash("sha256");
  const file = openSync(path, "w");
  let [rows, bytes, buffer] = [0, 0, `series,at,${columns.join(",")}\n`];
  const flush = (): void => {
    hash.update(buffer);
    bytes += writeSync(file, buffer);
    buffer = "";
  };
  for (const { series, at, values } of table) {
    buffer += `${series},${at},${values.map(cell).join(",")}\n`;
    if (++rows % 1000 === 0) flush();
    if (rows % 50_000 === 0) progress(rows);
  }
  flush();
  closeSync(file);
  return { rows, bytes, sha256: hash.digest("hex") };
}

const cell = (value: number): string => (Number.isNaN(value) ? "" : String(Number(value.toPrecision(6))));

function main(): void {
  const { values } = parseArgs({
    options: { data: { type: "string" }, out: { type: "string" }, seed: { type: "string", default: "1" } },
  });
  const dataFolder = values.data ?? process.env.RANGEKEEPER_DATA;
  if (dataFolder === undefined) throw new InvalidInputError("--data is missing: it must name the data folder");
  if (values.out === undefined) throw new InvalidInputError("--out is missing: it must name the folder to write to");
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new InvalidInputError(`--seed is ${JSON.stringify(values.seed)}, but it must be a whole number >= 0`);
  }
  exportDataset(dataFolder, values.out, seed, (line) => console.log(line));
}

if (import.meta.filename === process.argv[1]) {
  try {
    main();
  } catch (error) {
    if (!(error instanceof BaseError) && !(error instanceof TypeError)) throw error;
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 2;
  }
}
