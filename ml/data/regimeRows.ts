/**
 * Writes the sequences of the regime model: `tsx ml/data/regimeRows.ts --data DIR --out FOLDER`. Per asset and UTC midnight
 * what every source told of the day before (regime-days.csv, an empty field = the source was not there), each value at
 * a time at which it was surely known, and the variance of the next day and week; beside it regime-days.json with
 * sources, spans and hashes.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { computeFeatures, FEATURE_SCHEMA, feature } from "../features/index.ts";
import type { OutsideSeries } from "../features/outsideSeries.ts";
import { dataFolderOf, required, runAsProgram } from "../program.ts";
import type { Bar } from "../types.ts";
import { collectSeries } from "./dataset/collect.ts";
import { sha256Of } from "./dataset/manifest.ts";
import { realisedVariance } from "./dataset/outcome.ts";
import { trainingSet } from "./dataset/trainingSet.ts";
import { DataFileError } from "./file.ts";
import { listFiles } from "./market.ts";
import { FUNDING_FILES, type FundedAsset } from "./outside/funding.ts";
import { DAILY_GAS_FILE } from "./outside/gas.ts";
import { IMPLIED_VOLATILITY_FILE } from "./outside/impliedVolatility.ts";
import { MOODS_FILE } from "./outside/moods.ts";
import { OPEN_INTEREST_FILE } from "./outside/openInterest.ts";
import {
  joinSeries,
  type OutsideColumn,
  type OutsideFile,
  type ReadFile,
  readOutsideFile,
} from "./outside/outsideFile.ts";
import { TAKER_FLOW_FILE } from "./outside/takerFlow.ts";

const DAY = 86_400;

/** Sources in the order of their columns; price columns are told of the asset itself and of the other one. */
export const REGIME_GROUPS = {
  price: ["return", "log_rv", "log_range", "downside"],
  other: ["other_return", "other_log_rv"],
  flow: ["taker_flow"],
  funding: ["funding", "funding_all"],
  open_interest: ["open_interest_change"],
  implied_vol: ["log_implied_variance"],
  sentiment: ["fear_greed"],
  macro: ["log_vix", "dxy_change"],
  gas: ["log_gas", "gas_used_share"],
} as const;

export type RegimeGroup = keyof typeof REGIME_GROUPS;

const GROUPS = Object.keys(REGIME_GROUPS) as RegimeGroup[];
export const REGIME_COLUMNS: readonly string[] = GROUPS.flatMap((group) => [...REGIME_GROUPS[group]]);

/** A source's values by the midnight from which each is known. */
export type ByDay = ReadonlyMap<number, number>;

export interface RegimeRow {
  readonly asset: string;
  /** A UTC midnight. */
  readonly at: number;
  readonly values: Readonly<Record<string, number>>;
  readonly nextDay: number;
  readonly nextWeek: number;
}

/** What one asset's hourly bars, the other's and the sources by column tell at each midnight. */
export function* regimeRows(
  asset: string,
  own: readonly Bar[],
  other: readonly Bar[],
  sources: Readonly<Record<string, ByDay>>,
): Generator<RegimeRow> {
  const others = new Map(daily(other).map((day) => [day.at, day]));
  const days = daily(own);
  for (const [i, { at, ...today }] of days.entries()) {
    const ahead = (hours: number): number => {
      const bars = own.slice((days[i]?.end ?? 0) - 1, (days[i]?.end ?? 0) + hours);
      return bars.length === hours + 1 ? realisedVariance(bars) : Number.NaN;
    };
    const across = others.get(at);
    const told = Object.fromEntries(Object.entries(sources).map(([name, values]) => [name, values.get(at)]));
    const values = Object.fromEntries(
      Object.entries({
        return: today.change,
        log_rv: today.logRv,
        log_range: today.logRange,
        downside: today.downside,
        other_return: across?.change,
        other_log_rv: across?.logRv,
        ...told,
      }).map(([name, value]) => [name, value ?? Number.NaN]),
    );
    yield { asset, at, values, nextDay: ahead(24), nextWeek: ahead(168) };
  }
}

/** The day before each midnight of regular hourly bars; `end` = bars known by then. */
function daily(bars: readonly Bar[]) {
  const days = [];
  for (let end = 25; end <= bars.length; end++) {
    const last = bars[end - 1] as Bar;
    if (last.endSeconds % DAY !== 0) continue;
    const features = computeFeatures(bars.slice(Math.max(0, end - 48), end));
    days.push({
      at: last.endSeconds,
      end,
      change: last.close - (bars[end - 25]?.close ?? Number.NaN),
      logRv: feature(features, "log_rv_24h"),
      logRange: feature(features, "log_parkinson_24h"),
      downside: feature(features, "downside_24h"),
    });
  }
  return days;
}

/** Mean per day of values that were known at their own time, by the midnight at or after it. */
export function meanByDay(rows: Iterable<readonly [at: number, value: number]>): ByDay {
  const sums = new Map<number, [sum: number, count: number]>();
  for (const [at, value] of rows) {
    if (Number.isNaN(value)) continue;
    const day = Math.ceil(at / DAY) * DAY;
    const [sum, count] = sums.get(day) ?? [0, 0];
    sums.set(day, [sum + value, count + 1]);
  }
  return new Map([...sums].map(([day, [sum, count]]) => [day, sum / count]));
}

/** Each day's value moved on by what its publishing takes, and held for as many days as none follows. */
export function published(days: ByDay, delayDays: number, heldDays: number): ByDay {
  const known = new Map<number, number>();
  for (const [at, value] of days) {
    for (let held = 0; held <= heldDays; held++) {
      if (held > 0 && days.has(at + held * DAY)) break;
      known.set(at + (delayDays + held) * DAY, value);
    }
  }
  return known;
}

/** Natural logarithm of each day's value over the newest before it, at most four days back. */
export function changes(days: ByDay): ByDay {
  const out = new Map<number, number>();
  for (const [at, value] of days) {
    const before = [1, 2, 3, 4].map((back) => days.get(at - back * DAY)).find((found) => found !== undefined);
    if (before !== undefined && before > 0 && value > 0) out.set(at, Math.log(value / before));
  }
  return out;
}

const mapped = (days: ByDay, to: (value: number) => number): ByDay =>
  new Map([...days].map(([at, value]) => [at, to(value)] as const).filter(([, value]) => Number.isFinite(value)));

/** A recorded series by the ends of its days. */
const days = (series: OutsideSeries | undefined): ByDay => new Map(pairsOf(series));

const pairsOf = (series: OutsideSeries | undefined): [at: number, value: number][] =>
  Array.from(series?.at ?? [], (at, i) => [at, series?.values[i] as number]);

const lagDays = ({ lagSeconds }: OutsideColumn): number => lagSeconds / DAY;

/** What takers bought less what they sold, as a share of each day's volume. */
function flowByDay(bought: OutsideSeries | undefined, traded: OutsideSeries | undefined): ByDay {
  const sums = new Map<number, [bought: number, all: number]>();
  for (const [i, [at, volume]] of pairsOf(traded).entries()) {
    const day = Math.ceil(at / DAY) * DAY;
    const [sum, all] = sums.get(day) ?? [0, 0];
    sums.set(day, [sum + (bought?.values[i] as number), all + volume]);
  }
  return new Map([...sums].map(([day, [sum, all]]) => [day, (2 * sum - all) / all]));
}

/** Reads every source that is at hand; says which are not. */
function readSources(dataFolder: string, say: (line: string) => void) {
  const files = listFiles(dataFolder);
  const used: ReadFile[] = [];
  function read<Name extends string>(source: OutsideFile<Name>): Partial<Record<Name, OutsideSeries>> {
    const found = readOutsideFile(files, source);
    if (found === null) say(`no ${source.file}.csv.gz below ${dataFolder}: what it tells is missing`);
    else used.push(found);
    return found?.series ?? {};
  }
  const [funding, later] = FUNDING_FILES.map(read);
  const interest = read(OPEN_INTEREST_FILE);
  const implied = read(IMPLIED_VOLATILITY_FILE);
  const moods = read(MOODS_FILE);
  const gas = read(DAILY_GAS_FILE);
  const flow = read(TAKER_FLOW_FILE);
  const { funding_all, open_interest } = OPEN_INTEREST_FILE.columns;
  const shared: Record<string, ByDay> = {
    funding_all: published(days(interest.funding_all), lagDays(funding_all), 0),
    open_interest_change: published(changes(days(interest.open_interest)), lagDays(open_interest), 0),
    log_implied_variance: mapped(meanByDay(pairsOf(implied.implied_vol)), (dvol) => Math.log((dvol / 100) ** 2 / 365)),
    fear_greed: mapped(published(days(moods.fear_greed), 0, 2), (value) => value / 100),
    log_vix: mapped(published(days(moods.vix), 0, 4), Math.log),
    dxy_change: changes(days(moods.dxy)),
    log_gas: mapped(days(gas.base_fee), Math.log),
    gas_used_share: days(gas.gas_used),
    taker_flow: flowByDay(flow.bought, flow.traded),
  };
  const byAsset = (asset: FundedAsset): Record<string, ByDay> => ({
    ...shared,
    funding: mapped(meanByDay(pairsOf(joinSeries(funding?.[asset], later?.[asset]))), (rate) => rate * 1e4),
  });
  return { byAsset, used };
}

const cell = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(6))) : "");

/** Writes both files; the same data give the same bytes. */
export async function writeRegimeRows(dataFolder: string, out: string, say: (line: string) => void): Promise<void> {
  const { streams, sources } = await trainingSet(dataFolder);
  const bars: Record<string, readonly Bar[]> = {};
  for (const stream of streams) {
    if (stream.name !== "ethusdt" && stream.name !== "btcusdt") continue;
    const [whole] = await collectSeries(stream);
    if (whole === undefined) throw new DataFileError(`series ${stream.name} has no bars below ${dataFolder}`);
    bars[stream.name] = whole.hourly;
    say(`read ${stream.name}: ${whole.hourly.length} hours`);
  }
  const { byAsset, used } = readSources(dataFolder, say);
  const lines = [["series", "at", ...REGIME_COLUMNS, "rv_24h", "rv_168h"].join(",")];
  const spans: Record<string, Record<string, { from: number; to: number; days: number }>> = {};
  for (const [asset, other, funded] of [
    ["ethusdt", "btcusdt", "eth"],
    ["btcusdt", "ethusdt", "btc"],
  ] as const) {
    const seen: Record<string, { from: number; to: number; days: number }> = {};
    for (const { at, values, nextDay, nextWeek } of regimeRows(
      asset,
      bars[asset] ?? [],
      bars[other] ?? [],
      byAsset(funded),
    )) {
      const cells = REGIME_COLUMNS.map((name) => values[name] ?? Number.NaN);
      lines.push([asset, at, ...cells.map(cell), cell(nextDay), cell(nextWeek)].join(","));
      for (const group of GROUPS) {
        if (REGIME_GROUPS[group].every((name) => Number.isNaN(values[name] ?? Number.NaN))) continue;
        seen[group] ??= { from: at, to: at, days: 0 };
        seen[group].to = at;
        seen[group].days++;
      }
    }
    spans[asset] = seen;
  }
  mkdirSync(out, { recursive: true });
  const text = `${lines.join("\n")}\n`;
  writeFileSync(join(out, "regime-days.csv"), text);
  const candles = sources.filter(({ file }) => file.startsWith("binance_spot"));
  const meta = {
    schema: FEATURE_SCHEMA,
    columns: REGIME_COLUMNS,
    groups: REGIME_GROUPS,
    spans,
    rows: lines.length - 1,
    sources: [...candles, ...used].map(({ file, path }) => ({ file, sha256: sha256Of(path) })),
    hash: `0x${createHash("sha256").update(text).digest("hex")}`,
  };
  writeFileSync(join(out, "regime-days.json"), `${JSON.stringify(meta, null, 2)}\n`);
  say(`wrote regime-days.csv: ${meta.rows} rows, hash ${meta.hash}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: "string" }, out: { type: "string" } } });
  const dataFolder = dataFolderOf(values.data);
  await writeRegimeRows(dataFolder, required("out", values.out, "the folder to write to"), (line) => console.log(line));
}

await runAsProgram(import.meta.filename, main);
