import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { InvalidInputError } from "../../errors.ts";
import { FEATURE_NAMES, FEATURE_SCHEMA } from "../../features/index.ts";
import { OUTSIDE_NAMES, type Outside } from "../../features/outsideSeries.ts";
import type { Numeraire } from "../../types.ts";
import { listFiles } from "../market.ts";
import { readWorld, worldMarketOf } from "../outside/world.ts";
import { writeDurably } from "../store/manifest.ts";
import { type BarStream, labelStream } from "./label.ts";
import { DATASET, DATASET_FORMAT, type DatasetManifest, datasetHash, sha256Of } from "./manifest.ts";
import { openSeries, type Source } from "./openSeries.ts";
import type { SeriesSamples } from "./samplers.ts";
import { DATASET_COLUMNS, DATASET_FIELDS, DATASET_UNITS, type DatasetRow, TABLES, type TableName } from "./tables.ts";
import { type MarketStream, trainingSet } from "./trainingSet.ts";

const HOUR = 3600;
/** Where the files lie until all of them are whole. */
const PARTIAL = ".dataset.partial";

export interface BuildDatasetParameters {
  readonly dataFolder: string;
  readonly out: string;
  readonly seed: number;
  /** Markets of the data folder by name; none = the training set of the shipped models. */
  readonly markets: readonly string[];
  /** What to draw from the named markets; ignored without. */
  readonly samples: NamedSamples;
  readonly numeraire?: Numeraire | undefined;
  readonly fromSeconds?: number | undefined;
  readonly toSeconds?: number | undefined;
  /** Whether features of the world outside are told where the data folder knows them; else all of them are missing. */
  readonly outside?: boolean;
  readonly progress?: (done: number, total: number, words: string) => void;
}

/** What is drawn from markets that are named. */
export interface NamedSamples {
  readonly strideHours: number;
  readonly rangesPerTime: number;
  readonly horizonsSeconds: readonly number[];
  readonly warmUpHours: number;
}

/**
 * Builds a training set in a folder: a CSV file per table and dataset.json, which is written last. Until then the rows go
 * to a folder that no reader looks into, so that a build which fails or is killed leaves the old set as it was. Markets
 * are read, labelled and written piece by piece.
 */
export async function buildDataset(parameters: BuildDatasetParameters): Promise<DatasetManifest> {
  const { out, seed, markets, samples, fromSeconds, toSeconds, progress = () => {} } = parameters;
  if (fromSeconds !== undefined && toSeconds !== undefined && fromSeconds > toSeconds) {
    throw new InvalidInputError(`from ${fromSeconds} must not be after to ${toSeconds}`);
  }
  const { streams, sources, notes } = withWorld(await open(parameters), parameters);
  const partial = join(out, PARTIAL);
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const writers = TABLES.map((table) => openTable(partial, table));
  try {
    const series = new Map<string, { from: number; to: number; rows: number }>();
    let total = 0;
    for (const [index, stream] of streams.entries()) {
      const before = total;
      for await (const row of labelStream(watched(stream, series), { seed, fromSeconds, toSeconds })) {
        (writers[TABLES.indexOf(row.table)] as TableWriter).append(row);
        if (++total % 1000 === 0)
          progress(index, streams.length, `${stream.name}: ${total.toLocaleString("en-US")} rows`);
      }
      const seen = series.get(stream.name);
      if (seen !== undefined) seen.rows = total - before;
      if (total === before && markets.length > 0) throw noRows(stream.name, seen, parameters);
    }
    const outputs = writers.map((writer) => writer.finish());
    const parts = { schema: FEATURE_SCHEMA, featureNames: [...FEATURE_NAMES], seed, outputs };
    const manifest: DatasetManifest = {
      format: DATASET_FORMAT,
      ...parts,
      fields: Object.fromEntries(Object.entries(DATASET_FIELDS).map(([task, names]) => [task, [...names]])),
      units: DATASET_UNITS,
      sources: sources.map(({ file, path, licence }) => ({ file, sha256: sha256Of(path), licence })),
      series: [...series].map(([name, one]) => ({ name, ...one })),
      rows: Object.fromEntries(outputs.map(({ file, rows }) => [file, rows])),
      samples: markets.length > 0 ? { ...samples } : null,
      fromSeconds: fromSeconds ?? null,
      toSeconds: toSeconds ?? null,
      notes: [...notes],
      hash: datasetHash(parts),
    };
    publish(out, partial, manifest);
    return manifest;
  } finally {
    for (const writer of writers) writer.close();
    rmSync(partial, { recursive: true, force: true });
  }
}

/** In one order that leaves no moment at which new files lie beside an old manifest. */
function publish(out: string, partial: string, manifest: DatasetManifest): void {
  rmSync(join(out, DATASET), { force: true });
  for (const { file } of manifest.outputs) renameSync(join(partial, file), join(out, file));
  writeDurably(join(partial, DATASET), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
  renameSync(join(partial, DATASET), join(out, DATASET));
}

interface Opened {
  readonly streams: readonly MarketStream[];
  readonly sources: readonly Source[];
  readonly notes: readonly string[];
}

async function open({ dataFolder, markets, samples, numeraire }: BuildDatasetParameters): Promise<Opened> {
  if (markets.length === 0) return { ...(await trainingSet(dataFolder)), notes: [] };
  const files = listFiles(dataFolder);
  const streams: MarketStream[] = [];
  const sources: Source[] = [];
  const notes: string[] = [];
  for (const name of new Set(markets)) {
    const side = numeraire === undefined ? {} : { numeraire };
    const opened = await openSeries({ dataFolder, files, name, ...side });
    streams.push({ ...opened.series, samples: samplesOf(samples, opened.hasFees), numbered: false, market: name });
    for (const source of opened.sources) if (!sources.some(({ path }) => path === source.path)) sources.push(source);
    notes.push(...opened.notes.map((note) => `${name}: ${note}`));
  }
  return { streams, sources, notes };
}

/** The markets in their world, where that is asked for. */
function withWorld(opened: Opened, { dataFolder, outside = false }: BuildDatasetParameters): Opened {
  if (!outside) return opened;
  const world = readWorld(listFiles(dataFolder));
  const streams = opened.streams.map((stream) => ({ ...stream, outside: world.of(worldMarketOf(stream.market)) }));
  const missing = world.missing.map((file) => `no ${file}.csv.gz: what it tells is missing`);
  const spans = streams.map(({ name, outside }) => `${name}: ${spansOf(outside)}`);
  return {
    streams,
    sources: [...opened.sources, ...world.sources],
    notes: [...opened.notes, ...missing, ...spans],
  };
}

/** From when to when each source of the world outside tells of a market. */
function spansOf(outside: Outside): string {
  const day = (seconds: number | undefined): string => iso(seconds ?? 0).slice(0, 10);
  const told = OUTSIDE_NAMES.map((name) => {
    const series = outside[name];
    return series === undefined
      ? `${name} never`
      : `${name} ${day(series.knowable[0])} to ${day(series.at[series.at.length - 1])}`;
  });
  return `known from outside: ${told.join(", ")}`;
}

const samplesOf = (samples: NamedSamples, hasFees: boolean): SeriesSamples => ({
  volatilityStrideHours: samples.strideHours,
  varianceSeconds: Math.min(...samples.horizonsSeconds),
  rangeStrideHours: samples.strideHours,
  rangesPerTime: samples.rangesPerTime,
  yieldsPerTime: hasFees ? samples.rangesPerTime : 0,
  horizonsSeconds: samples.horizonsSeconds,
  warmUpHours: samples.warmUpHours,
  decisions: hasFees,
});

/** The same bars, with the span that they cover noted. */
function watched(stream: BarStream, seen: Map<string, { from: number; to: number; rows: number }>): BarStream {
  return {
    ...stream,
    async *bars() {
      for await (const bar of stream.bars()) {
        const one = seen.get(stream.name);
        if (one === undefined) seen.set(stream.name, { from: bar.startSeconds, to: bar.endSeconds, rows: 0 });
        else one.to = bar.endSeconds;
        yield bar;
      }
    },
  };
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 16);

function noRows(
  name: string,
  seen: { from: number; to: number } | undefined,
  { samples, fromSeconds, toSeconds }: BuildDatasetParameters,
): InvalidInputError {
  const has = seen === undefined ? "no bars" : `bars from ${iso(seen.from)} to ${iso(seen.to)}`;
  const asked = [
    ...(fromSeconds === undefined ? [] : [`from ${iso(fromSeconds)}`]),
    ...(toSeconds === undefined ? [] : [`to ${iso(toSeconds)}`]),
  ].join(" ");
  const shortest = Math.min(...samples.horizonsSeconds) / HOUR;
  return new InvalidInputError(
    `market ${JSON.stringify(name)} gives no row${asked === "" ? "" : ` ${asked}`}: it has ${has}, and a row must have ` +
      `${samples.warmUpHours} h of history and ${shortest} h ahead of it`,
  );
}

interface TableWriter {
  append(row: DatasetRow): void;
  finish(): DatasetManifest["outputs"][number];
  close(): void;
}

function openTable(folder: string, table: TableName): TableWriter {
  const name = `${table}.csv`;
  const columns = ["series", "at", ...DATASET_COLUMNS[table]];
  const hash = createHash("sha256");
  const file = openSync(join(folder, name), "w");
  let [rows, bytes, buffer, closed] = [0, 0, `${columns.join(",")}\n`, false];
  const flush = (): void => {
    const piece = Buffer.from(buffer);
    hash.update(piece);
    for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
    bytes += piece.length;
    buffer = "";
  };
  return {
    append({ series, at, values }) {
      buffer += `${series},${at},${values.map(cell).join(",")}\n`;
      if (++rows % 1000 === 0) flush();
    },
    finish() {
      flush();
      fsyncSync(file);
      return { file: name, sha256: `0x${hash.digest("hex")}`, bytes, rows, columns };
    },
    close() {
      if (!closed) closeSync(file);
      closed = true;
    },
  };
}

const cell = (value: number): string => (Number.isNaN(value) ? "" : String(Number(value.toPrecision(6))));
