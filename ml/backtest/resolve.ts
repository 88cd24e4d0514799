import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { basename } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import { readText } from "../data/file.ts";
import { listFiles, listMarkets, resolveMarket, UnknownMarketError } from "../data/market.ts";
import { readWorld } from "../data/outside/world.ts";
import { parsePoolHours } from "../data/poolHours.ts";
import { parsePoolMinutes } from "../data/poolMinutes.ts";
import { InvalidInputError } from "../errors.ts";
import { type Outside, outsideUntil } from "../features/outsideSeries.ts";
import type { Bar, PoolMeta } from "../types.ts";
import { createBarMarket } from "./bars/barMarket.ts";
import { barPoolOf } from "./bars/name.ts";
import { createEventMarket, type GasSeries } from "./events/eventMarket.ts";
import type { BacktestMarket } from "./market.ts";

const DAY = 86_400;

export interface OpenByNameParameters {
  readonly dataFolder: string;
  /** Name of an event file or of a bar file, without .csv.gz. */
  readonly name: string;
  /** Chooses among the spans of a bar file with holes: the one that holds this time, else the longest. */
  readonly atSeconds?: number;
  /** Where a bar file's name does not tell it. */
  readonly feePips?: number;
  readonly gasPriceWei?: GasSeries;
}

/** A market by the name of its file: events are played exactly, minute and hourly bars approximately. */
export function openMarket(parameters: OpenByNameParameters): BacktestMarket {
  const files = listFiles(parameters.dataFolder);
  const market = openFile(files, parameters);
  const { chainId, token0, token1 } = market.description.pool;
  let known: Outside | undefined;
  const outside = (): Outside => {
    known ??= readWorld(files).of({ symbols: [token0.symbol, token1.symbol], chainId });
    return known;
  };
  return withOutside(market, outside);
}

/** The market in its world, which is read when somebody asks. */
const withOutside = (market: BacktestMarket, outside: () => Outside): BacktestMarket => ({
  ...market,
  get outside() {
    return outside();
  },
  until: (seconds) => withOutside(market.until(seconds), () => outsideUntil(outside(), seconds)),
});

function openFile(files: readonly string[], parameters: OpenByNameParameters): BacktestMarket {
  const { dataFolder, name, gasPriceWei } = parameters;
  const file = files.find((path) => [`${name}.csv.gz`, `${name}.csv`].includes(basename(path)));
  const gas = gasPriceWei === undefined ? {} : { gasPriceWei };
  const bars = file === undefined ? null : barsOf(file, parameters);
  if (file === undefined || bars === null) {
    const data = resolve(dataFolder, name);
    const sources = data.stateFile === null ? [data.eventFile] : [data.eventFile, data.stateFile];
    return createEventMarket({ data, dataSha256: sha256Of(sources), ...gas });
  }
  const { span, notes } = oneSpan(bars.bars, parameters.atSeconds);
  return createBarMarket({ name, pool: bars.pool, bars: span, dataSha256: sha256Of([file]), notes, ...gas });
}

/** Names of everything that `openMarket` can open below a folder, sorted. */
export const backtestMarkets = (dataFolder: string): string[] =>
  [...listMarkets(dataFolder), ...barFiles(dataFolder, ["minutes", "hours"])].sort();

/** Names of the files of daily bars below a folder, which `openMarket` refuses. */
export const dailyFiles = (dataFolder: string): string[] => barFiles(dataFolder, ["days"]).sort();

function barFiles(dataFolder: string, kinds: readonly BarKind[]): string[] {
  const wanted = listFiles(dataFolder).filter((file) => {
    const kind = /\.csv(\.gz)?$/.test(file) ? barKind(file) : null;
    return kind !== null && kinds.includes(kind);
  });
  return wanted.map((file) => basename(file).replace(/\.csv(\.gz)?$/, ""));
}

function resolve(dataFolder: string, name: string) {
  try {
    return resolveMarket(dataFolder, name);
  } catch (error) {
    if (!(error instanceof UnknownMarketError)) throw error;
    const known = backtestMarkets(dataFolder);
    const list = known.length === 0 ? "it holds none" : `it holds ${known.join(", ")}`;
    throw new UnknownMarketError(
      `market ${JSON.stringify(name)} must be the name of an event or bar file in ${dataFolder}: ${list}`,
      { details: { dataFolder, name, markets: known } },
    );
  }
}

type BarKind = "minutes" | "hours" | "days";

const HEADERS: Readonly<Record<BarKind, readonly string[]>> = {
  minutes: ["in_amount0", "in_amount1", "current_liquidity", "close_tick"],
  hours: ["period_start", "high", "low", "close"],
  days: ["date_unix", "high", "low", "tvl_usd", "volume_usd"],
};

function barKind(file: string): BarKind | null {
  const header = headerOf(file);
  const kinds = Object.keys(HEADERS) as BarKind[];
  return kinds.find((kind) => HEADERS[kind].every((column) => header.includes(column))) ?? null;
}

/** The first line alone; none where the file is damaged, which its reader will say better. */
function headerOf(path: string): string[] {
  const head = Buffer.alloc(4096);
  const file = openSync(path, "r");
  try {
    const bytes = head.subarray(0, readSync(file, head));
    const gzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const text = (gzip ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes).toString("utf8");
    return (text.split("\n")[0] ?? "").trim().split(",");
  } catch {
    return [];
  } finally {
    closeSync(file);
  }
}

function barsOf(file: string, { name, feePips }: OpenByNameParameters): { pool: PoolMeta; bars: Bar[] } | null {
  const kind = barKind(file);
  if (kind === null) return null;
  if (kind === "days") {
    throw new InvalidInputError(
      `market ${JSON.stringify(name)} holds days, but it must hold events, minutes or hours: a day's volume and value locked tell neither the liquidity in range nor where in the day fees were earned, so nothing of what a range earned`,
    );
  }
  const pool = barPoolOf(name, feePips);
  const { token0, token1 } = pool;
  const numeraire = 0 as const;
  const text = readText(file);
  if (kind === "minutes") return { pool, bars: parsePoolMinutes(text, file, { numeraire, feePips: pool.feePips }) };
  const decimals = { decimals0: token0.decimals, decimals1: token1.decimals };
  return { pool, bars: parsePoolHours(text, file, { numeraire, feePips: pool.feePips, ...decimals }) };
}

/** The wanted part of bars that holes of a day or more tear apart. */
function oneSpan(bars: readonly Bar[], atSeconds: number | undefined): { span: Bar[]; notes: string[] } {
  const spans = spansOf(bars);
  const asked = spans.find(
    ([first, ...rest]) =>
      atSeconds !== undefined &&
      first !== undefined &&
      first.startSeconds <= atSeconds &&
      atSeconds < (rest.at(-1) ?? first).endSeconds,
  );
  if (atSeconds !== undefined && asked === undefined) {
    const known = spans.map((span) => `${iso(span[0]?.startSeconds)} to ${iso(span.at(-1)?.endSeconds)}`);
    throw new InvalidInputError(`range starts at ${iso(atSeconds)}, but the file's bars are from ${known.join(", ")}`);
  }
  const span = asked ?? spans.reduce((a, b) => (b.length > a.length ? b : a));
  const others = spans.filter((one) => one !== span);
  const text = others.map((one) => `${iso(one[0]?.startSeconds)} to ${iso(one.at(-1)?.endSeconds)}`).join(", ");
  return { span, notes: others.length === 0 ? [] : [`the file also holds ${text}: not part of this run`] };
}

function spansOf(bars: readonly Bar[]): Bar[][] {
  const hole = DAY / ((bars[0]?.endSeconds ?? 0) - (bars[0]?.startSeconds ?? 0));
  const spans: Bar[][] = [];
  let [part, empty]: [Bar[], number] = [[], 0];
  for (const bar of bars) {
    const known = !Number.isNaN(bar.close);
    if (known && empty >= hole) {
      spans.push(part.slice(0, -empty));
      part = [];
    }
    if (known || part.length > 0) part.push(bar);
    empty = known ? 0 : empty + 1;
  }
  spans.push(part);
  return spans;
}

/** The first seconds of the spans that a market's file holds; null for an event file, which is one span. */
export function spanStarts(parameters: Omit<OpenByNameParameters, "atSeconds" | "gasPriceWei">): number[] | null {
  const { dataFolder, name } = parameters;
  const file = listFiles(dataFolder).find((path) => [`${name}.csv.gz`, `${name}.csv`].includes(basename(path)));
  const bars = file === undefined ? null : barsOf(file, parameters);
  return bars === null
    ? null
    : spansOf(bars.bars).flatMap(([first]) => (first === undefined ? [] : [first.startSeconds]));
}

/** Whether a bar file's name leaves its fee tier open. */
export const tierUnnamed = (name: string): boolean => !/_(001|005|03|1)(_|$)/.test(name) && !/_events_/.test(name);

const iso = (seconds = 0): string => new Date(seconds * 1000).toISOString().slice(0, 16);

function sha256Of(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex");
}
