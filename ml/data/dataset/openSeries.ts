import { basename, dirname } from "node:path";
import type { Numeraire } from "../../types.ts";
import { UnknownMarketError } from "../market.ts";
import { MANIFEST, readManifest } from "../store/manifest.ts";
import { openEventSource } from "../streamEvents.ts";
import { openEventBars } from "./eventBars.ts";
import type { BarStream } from "./label.ts";
import { type BarKind, barKindOf, columnsOf, openRowBars } from "./rowBars.ts";

/** Licence class of a source: whether its repository grants redistribution; unknown = nobody told. */
export type LicenceClass = "permissive" | "none" | "mixed" | "unknown";

export interface Source {
  readonly file: string;
  readonly path: string;
  readonly licence: LicenceClass;
}

/** Of the files that the shipped models are trained on. */
const LICENCES: Readonly<Record<string, LicenceClass>> = {
  "binance_spot_ethusdt_1h_2017_2024-06.csv.gz": "mixed",
  "binance_spot_btcusdt_1h_2017_2024-06.csv.gz": "mixed",
  "polygon_usdc_weth_005_minute.csv.gz": "permissive",
  "ethereum_usdc_weth_hourly_2023-11_2023-12.csv.gz": "permissive",
  "polygon_wmatic_usd_hourly_2022-01_2022-05.csv.gz": "none",
  "ethereum_wbtc_weth_03_events_2023-03-01.csv.gz": "none",
  "ethereum_wbtc_weth_03_state_block16731552.json.gz": "none",
  "ethereum_usdc_weth_005_events_2023-11-10.csv.gz": "permissive",
  "ethereum_usdc_weth_005_events_2024-01-05.csv.gz": "permissive",
  "polygon_usdc_weth_005_events_2022-01-05.csv.gz": "permissive",
};

export interface OpenSeriesParameters {
  readonly dataFolder: string;
  readonly files: readonly string[];
  /** Of a file without its endings, or of a dataset of the store. */
  readonly name: string;
  /** Which token is the asset; absent = token0 where its name begins with a dollar's, else token1. */
  readonly numeraire?: Numeraire;
  /** Swap fee in 1e-6 where the name of a bar file does not tell it; null = not known. */
  readonly feePips?: number | null;
}

export interface OpenedSeries {
  readonly series: Pick<BarStream, "name" | "barSeconds" | "bars" | "meter">;
  readonly hasFees: boolean;
  readonly sources: readonly Source[];
  readonly notes: readonly string[];
}

const DOLLARS = ["usdc", "usdt", "dai", "usd"];

const numeraireOf = (name: string): Numeraire => (DOLLARS.includes(name.split("_")[1] ?? "") ? 0 : 1);

/** Opens any market of a data folder by name: events, exchange candles, pool minutes or hours, stored bars. */
export async function openSeries(parameters: OpenSeriesParameters): Promise<OpenedSeries> {
  const { dataFolder, files, name, numeraire = numeraireOf(name), feePips } = parameters;
  const path = pathOf(files, name);
  const kind = path === null ? null : await kindOf(path);
  if (path === null || kind === null) throw await unknownSeries(dataFolder, files, name, path !== null);
  if (kind === "events") {
    const { barSeconds, bars, meter, notes, stateFile } = await openEventBars({
      source: openEventSource(dataFolder, name),
      files,
      numeraire,
    });
    const sources = [path, ...(stateFile === null ? [] : [stateFile])].map(sourceOf);
    return { series: { name, barSeconds, bars, meter }, hasFees: true, sources, notes };
  }
  const columns = await columnsOf(path);
  const fee = feePips === undefined ? {} : { feePips };
  const { barSeconds, hasFees, bars } = await openRowBars({ path, name, kind, columns, numeraire, ...fee });
  return { series: { name, barSeconds, bars, meter: null }, hasFees, sources: [sourceOf(path)], notes: [] };
}

const sourceOf = (path: string): Source => {
  const file = basename(path) === MANIFEST ? `${basename(dirname(path))}/${MANIFEST}` : basename(path);
  return { file, path, licence: LICENCES[file] ?? "unknown" };
};

const nameOf = (path: string): string =>
  basename(path) === MANIFEST ? basename(dirname(path)) : basename(path).replace(/\.csv(\.gz)?$/, "");

/** Whether a market of a data folder is one of events or of bars; null = neither, or not there. */
export async function seriesKind(files: readonly string[], name: string): Promise<"events" | "bars" | null> {
  const path = pathOf(files, name);
  const kind = path === null ? null : await kindOf(path);
  return kind === null || kind === "events" ? kind : "bars";
}

/** A dataset of the store before a file. */
function pathOf(files: readonly string[], name: string): string | null {
  const known = files.filter((file) => basename(file) === MANIFEST || /\.csv(\.gz)?$/.test(file));
  const named = known.filter((file) => nameOf(file) === name);
  return named.find((file) => basename(file) === MANIFEST) ?? named[0] ?? null;
}

async function kindOf(path: string): Promise<BarKind | "events" | null> {
  if (basename(path) === MANIFEST && readManifest(dirname(path)).kind === "events") return "events";
  const columns = await columnsOf(path);
  const isEvents = ["block_number", "timestamp", "type", "sqrt_price_x96", "tick_lower"].every((c) =>
    columns.includes(c),
  );
  return isEvents ? "events" : barKindOf(columns);
}

async function unknownSeries(
  dataFolder: string,
  files: readonly string[],
  name: string,
  exists: boolean,
): Promise<UnknownMarketError> {
  const known: string[] = [];
  for (const path of files) {
    if (basename(path) !== MANIFEST && !/\.csv(\.gz)?$/.test(path)) continue;
    // What cannot be read is no market; whoever names it is told what is wrong with it.
    const kind = await kindOf(path).catch(() => null);
    if (kind !== null) known.push(nameOf(path));
  }
  const what = exists ? "holds neither events nor bars" : "must be the name of an event or bar file";
  const list = known.length === 0 ? "it holds no market" : `it holds ${known.join(", ")}`;
  return new UnknownMarketError(`market ${JSON.stringify(name)} ${what} in ${dataFolder}: ${list}`, {
    details: { dataFolder, name, markets: known },
  });
}
