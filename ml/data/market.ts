import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import { BaseError } from "../errors.ts";
import type { Address } from "../types.ts";
import { createdState } from "./createdState.ts";
import { type PoolEvent, readEvents } from "./events.ts";
import { DataFileError } from "./file.ts";
import { CHAIN_ID, DECIMALS, FEE_PIPS, TICK_SPACING } from "./poolNames.ts";
import { type PoolState, parsePoolState, readPoolState } from "./state.ts";
import { readStoredEvents } from "./store/events.ts";
import { isPoolEvent } from "./store/eventTypes.ts";
import { MANIFEST, type Manifest, readManifest } from "./store/manifest.ts";
import { readBatches } from "./store/read.ts";

/** No event file has the market's name; the message lists those that exist. */
export class UnknownMarketError extends BaseError {
  override name = "UnknownMarketError";
}

export interface MarketToken {
  readonly symbol: string;
  readonly decimals: number;
  /** Only known where a state file exists. */
  readonly address: Address | null;
}

export interface MarketPool {
  /** 0 when the name does not tell the chain. */
  readonly chainId: number;
  readonly address: Address | null;
  readonly token0: MarketToken;
  readonly token1: MarketToken;
  /** Swap fee in 1e-6. */
  readonly feePips: number;
  readonly tickSpacing: number;
}

/** A recorded market: its events, and the pool's state before them where the folder has one. */
export interface MarketData {
  readonly name: string;
  readonly eventFile: string;
  readonly stateFile: string | null;
  readonly events: readonly PoolEvent[];
  readonly state: PoolState | null;
  readonly pool: MarketPool;
  /** What had to be guessed. */
  readonly notes: readonly string[];
}

/**
 * Finds a market by name in any sub-folder of `dataFolder`, a dataset of the store before an event file, parses its
 * events, and its starting state if there is one.
 */
export function resolveMarket(dataFolder: string, name: string): MarketData {
  const files = listFiles(dataFolder);
  const eventFile = findEvents(files, name);
  if (eventFile === null) throw unknownMarket(dataFolder, name, files);
  // A file of that name is the one that was meant: what is wrong with it is worth more than a list of the others.
  const stored = basename(eventFile) === MANIFEST ? readManifest(dirname(eventFile)) : null;
  const all = stored === null ? readEvents(eventFile) : [...readStoredEvents(dirname(eventFile))].flat();
  const events = all.filter(isPoolEvent);
  const { stateFile, state: read } = startingState(files, name, events[0]?.block ?? 0);
  const notes: string[] = [...(stored?.notes ?? []), ...(read?.notes ?? [])];
  const pool = stored?.pool ? withAddresses(stored.pool, read) : poolMeta(name, read, notes);
  const state = read ?? createdState(all, pool);
  return { name, eventFile, stateFile, events, state, pool, notes };
}

/** The file a market's events are in: the manifest of a dataset of that name, else a CSV file; null = neither. */
export function findEvents(files: readonly string[], name: string): string | null {
  const stored = files.find((file) => basename(file) === MANIFEST && basename(dirname(file)) === name);
  if (stored !== undefined) return stored;
  return files.find((file) => [`${name}.csv.gz`, `${name}.csv`].includes(basename(file))) ?? null;
}

const withAddresses = (pool: NonNullable<Manifest["pool"]>, state: PoolState | null): MarketPool => ({
  ...pool,
  address: pool.address ?? state?.address ?? null,
  token0: { ...pool.token0, address: pool.token0.address ?? state?.token0 ?? null },
  token1: { ...pool.token1, address: pool.token1.address ?? state?.token1 ?? null },
});

/** The newest state of a market's pool before a block, where a folder with these files has one. */
export function startingState(
  files: readonly string[],
  name: string,
  firstBlock: number,
): { readonly stateFile: string | null; readonly state: PoolState | null } {
  const stateFile = findState(files, name, firstBlock);
  return { stateFile, state: stateFile === null ? null : readState(stateFile) };
}

/** A state file, or the manifest of a stored one. */
function readState(path: string): PoolState {
  if (basename(path) !== MANIFEST) return readPoolState(path);
  for (const { cells } of readBatches(dirname(path))) return parsePoolState(String(cells[1]?.[0]), path);
  throw new DataFileError(`stored state ${dirname(path)} is empty`, { details: { file: path } });
}

/** Names of all markets in any sub-folder of `dataFolder`, sorted. */
export const listMarkets = (dataFolder: string): string[] => marketNames(listFiles(dataFolder));

const marketNames = (files: readonly string[]): string[] => {
  const stored = files.filter((file) => basename(file) === MANIFEST && isStoredEvents(file));
  const csv = files.filter((file) => /\.csv(\.gz)?$/.test(file) && isEventFile(file));
  const names = [
    ...stored.map((file) => basename(dirname(file))),
    ...csv.map((file) => basename(file).replace(/\.csv(\.gz)?$/, "")),
  ];
  return [...new Set(names)].sort();
};

/** A manifest that cannot be read belongs to no market; whoever names the dataset is told what is wrong with it. */
function isStoredEvents(manifest: string): boolean {
  try {
    return readManifest(dirname(manifest)).kind === "events";
  } catch {
    return false;
  }
}

function unknownMarket(dataFolder: string, name: string, files: readonly string[]): UnknownMarketError {
  const markets = marketNames(files);
  const known = markets.length === 0 ? "it holds no market" : `it holds ${markets.join(", ")}`;
  return new UnknownMarketError(
    `market ${JSON.stringify(name)} must be the name of an event file in ${dataFolder}: ${known}`,
    {
      details: { dataFolder, name, markets },
    },
  );
}

/** Every file below a folder, sorted by path. */
export function listFiles(folder: string): string[] {
  let entries: import("node:fs").Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw new DataFileError(`data folder ${folder} cannot be read (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
      details: { folder },
    });
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    // An import that is not finished is not there yet.
    if (entry.isDirectory() && entry.name.startsWith(".")) return [];
    return entry.isDirectory() ? listFiles(path) : [path];
  });
}

/** By the header alone, so that listing the markets of a folder does not read every file. */
function isEventFile(path: string): boolean {
  const head = Buffer.alloc(4096);
  const file = openSync(path, "r");
  let bytes: Buffer;
  try {
    bytes = head.subarray(0, readSync(file, head));
  } finally {
    closeSync(file);
  }
  let text: string;
  try {
    const gzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    text = (gzip ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes).toString("utf8");
  } catch {
    // A damaged file with the market's name must reach the reader, whose error says what is wrong with it.
    return true;
  }
  const header = (text.split("\n")[0] ?? "").trim().split(",");
  return ["block_number", "timestamp", "type", "sqrt_price_x96", "tick_lower"].every((c) => header.includes(c));
}

function findState(files: readonly string[], name: string, firstBlock: number): string | null {
  const poolName = poolNameOf(name);
  let best: string | null = null;
  let bestBlock = -1;
  for (const file of files) {
    const dataset = basename(file) === MANIFEST ? `${basename(dirname(file))}.json` : basename(file);
    const match = /^(.+)_state_block(\d+)\.json(\.gz)?$/.exec(dataset);
    const block = Number(match?.[2]);
    if (match?.[1] !== poolName || block >= firstBlock || block <= bestBlock) continue;
    best = file;
    bestBlock = block;
  }
  return best;
}

/** The pool that a name <chain>_<token0>_<token1>_<fee>_… tells of, or null where it does not tell all of it. */
export function poolFromName(name: string): MarketPool | null {
  const [chain = "", symbol0 = "", symbol1 = "", fee = ""] = name.split("_");
  const [chainId, feePips] = [CHAIN_ID[chain], FEE_PIPS[fee]];
  const [decimals0, decimals1] = [DECIMALS[symbol0], DECIMALS[symbol1]];
  if (chainId === undefined || feePips === undefined || decimals0 === undefined || decimals1 === undefined) return null;
  return {
    chainId,
    address: null,
    token0: { symbol: symbol0.toUpperCase(), decimals: decimals0, address: null },
    token1: { symbol: symbol1.toUpperCase(), decimals: decimals1, address: null },
    feePips,
    tickSpacing: TICK_SPACING[feePips] ?? 1,
  };
}

const poolNameOf = (name: string): string => name.replace(/_events(_.*)?$/, "");

function poolMeta(name: string, state: PoolState | null, notes: string[]): MarketPool {
  const parts = poolNameOf(name).split("_");
  const chainId = CHAIN_ID[parts[0] ?? ""];
  if (chainId === undefined) notes.push("the chain is not told by the market's name");
  const feePips = state?.feePips ?? FEE_PIPS[parts.at(-1) ?? ""];
  if (feePips === undefined) {
    throw new UnknownMarketError(
      `market ${JSON.stringify(name)}: its fee tier must come from a state file or from the name (…_001, _005, _03 or _1 before _events)`,
      { details: { name } },
    );
  }
  const tickSpacing = state?.tickSpacing ?? TICK_SPACING[feePips] ?? 1;
  // <chain>_<symbol0>_<symbol1>_<fee>; anything else leaves the symbols unknown.
  const symbols = parts.length === 4 ? [parts[1], parts[2]] : [];
  const token = (index: 0 | 1, address: Address | null): MarketToken => {
    const symbol = symbols[index];
    const decimals = DECIMALS[symbol ?? ""];
    const shown = symbol?.toUpperCase() ?? `TOKEN${index}`;
    if (decimals === undefined) notes.push(`decimals of ${shown} are not known and taken as 18`);
    return { symbol: shown, decimals: decimals ?? 18, address };
  };
  return {
    chainId: chainId ?? 0,
    address: state?.address ?? null,
    token0: token(0, state?.token0 ?? null),
    token1: token(1, state?.token1 ?? null),
    feePips,
    tickSpacing,
  };
}
