import { join } from "node:path";
import type { MarketPool } from "../../ml/data/market.ts";
import { type EventWriter, openEventWriter } from "../../ml/data/store/events.ts";
import { type FetchProgress, isDataset, type Manifest, readManifest } from "../../ml/data/store/manifest.ts";
import type { Address, Hex } from "../../ml/types.ts";
import { ConfigError } from "../errors.ts";
import { findCreation, getChainId, getHeader, getLogs, getPool, type Header } from "./chain.ts";
import { RangeTooLargeError, ReorganisedError, RpcAnswerError, WrongChainError } from "./errors.ts";
import { lockDataset } from "./lock.ts";
import { decodeLog, type RawLog } from "./logs.ts";
import type { DataRpc } from "./rpc.ts";

export interface FetchParameters {
  readonly rpc: DataRpc;
  readonly pool: Address;
  /** Folder of the store. */
  readonly out: string;
  /** Name of the dataset; made of chain, tokens and fee unless told. */
  readonly name?: string | undefined;
  /** First block; the pool's creation unless told. */
  readonly fromBlock?: number | undefined;
  /** Last block; the newest with enough confirmations unless told. */
  readonly toBlock?: number | undefined;
  /** Blocks that must lie on top of one before it is fetched. */
  readonly confirmations: number;
  /** The chain that is meant; any unless told. */
  readonly chainId?: number | undefined;
  /** Blocks of the first request. */
  readonly firstChunk?: number | undefined;
  readonly largestChunk?: number | undefined;
  /** Milliseconds after which work is made durable; 5,000 unless told. */
  readonly commitMs?: number | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly progress?: ((at: FetchStep) => void) | undefined;
}

export interface FetchStep {
  /** Blocks of this run done and in all. */
  readonly done: number;
  readonly total: number;
  readonly block: number;
  readonly events: number;
  readonly note: string | null;
}

export interface FetchResult {
  readonly folder: string;
  readonly manifest: Manifest;
  /** First and last block that this run asked for; null when there was nothing to do. */
  readonly fetched: readonly [number, number] | null;
  readonly newEvents: number;
  /** Events taken back because their blocks are no longer in the chain. */
  readonly orphaned: number;
  readonly requests: number;
}

/** Blocks whose hashes are kept, so that a reorganised chain is followed back as far. */
const ANCHORS = 256;
const COMMIT_MS = 5_000;
const REORG_TRIES = 5;

const CHAIN_NAMES: Readonly<Record<number, string>> = {
  1: "ethereum",
  10: "optimism",
  56: "bsc",
  137: "polygon",
  8453: "base",
  42161: "arbitrum",
};
const FEE_NAMES: Readonly<Record<number, string>> = { 100: "001", 500: "005", 3000: "03", 10000: "1" };

/** The name that a pool's dataset gets: <chain>_<token0>_<token1>_<fee>_events. */
export function fetchName({ chainId, token0, token1, feePips }: MarketPool): string {
  const plain = (symbol: string): string => symbol.toLowerCase().replace(/[^a-z0-9]/g, "") || "token";
  const chain = CHAIN_NAMES[chainId] ?? `chain${chainId}`;
  return `${chain}_${plain(token0.symbol)}_${plain(token1.symbol)}_${FEE_NAMES[feePips] ?? `${feePips}pips`}_events`;
}

/**
 * Fetches a pool's events into a dataset, or goes on where an earlier fetch stopped. What is visible is always complete
 * up to one block, whose hash is kept: when the chain has another block there, what was orphaned is taken back first.
 */
export async function fetchEvents(parameters: FetchParameters): Promise<FetchResult> {
  const { rpc, out, confirmations } = parameters;
  const chainId = await getChainId(rpc);
  if (parameters.chainId !== undefined && chainId !== parameters.chainId) {
    throw new WrongChainError(`--rpc: chain ${chainId}; rule: must be chain ${parameters.chainId}`);
  }
  const pool = await getPool(rpc, parameters.pool, chainId);
  const name = parameters.name ?? fetchName(pool);
  const folder = join(out, name);
  const stored = isDataset(folder) ? readManifest(folder) : null;
  if (stored !== null) checkSame(stored, pool, parameters);
  const head = (await getHeader(rpc, "latest")).number;
  const target = Math.min(parameters.toBlock ?? Infinity, head - confirmations);
  if (parameters.toBlock !== undefined && parameters.toBlock > head) {
    throw new ConfigError(`--to-block: ${parameters.toBlock}; rule: must not be past the newest block ${head}`);
  }
  const fromBlock =
    stored?.fetch?.fromBlock ?? parameters.fromBlock ?? (await findCreation(rpc, parameters.pool, head));
  if (fromBlock > target) {
    throw new ConfigError(
      `--from-block: ${fromBlock}; rule: must be at most ${target}, ${confirmations} blocks below the newest or the last one wanted`,
    );
  }
  const unlock = lockDataset(folder);
  try {
    return await fetchInto({ parameters, pool, folder, name, target, fromBlock, stored });
  } finally {
    unlock();
  }
}

interface FetchIntoParameters {
  readonly parameters: FetchParameters;
  readonly pool: MarketPool;
  readonly folder: string;
  readonly name: string;
  readonly target: number;
  readonly fromBlock: number;
  readonly stored: Manifest | null;
}

async function fetchInto(into: FetchIntoParameters): Promise<FetchResult> {
  const { parameters, pool, folder, name, target, fromBlock, stored } = into;
  const { rpc, progress = () => {} } = parameters;
  const run: Run = {
    parameters,
    pool,
    folder,
    name,
    target,
    writer: null as unknown as EventWriter,
    state: stored?.fetch ?? { fromBlock, complete: null, anchors: [] },
    orphaned: 0,
  };
  open(run);
  const before = run.writer.rows;
  let from: number | null = null;
  for (let tries = REORG_TRIES; ; tries--) {
    await followReorganisation(run, progress);
    from ??= (run.state.complete?.number ?? fromBlock - 1) + 1;
    try {
      await fetchOn(run, from, progress);
      break;
    } catch (error) {
      if (!(error instanceof ChainMoved) || tries <= 1) {
        throw error instanceof ChainMoved
          ? new ReorganisedError(
              `block ${error.block} changed ${REORG_TRIES} times during the fetch: raise --confirmations`,
            )
          : error;
      }
      // What is not committed came from a chain that is gone.
      open(run);
    }
  }
  return {
    folder,
    manifest: readManifest(folder),
    fetched: from > target ? null : [from, target],
    newEvents: run.writer.rows - before + run.orphaned,
    orphaned: run.orphaned,
    requests: rpc.requests,
  };
}

class ChainMoved extends Error {
  readonly block: number;
  constructor(block: number) {
    super(`block ${block} is another one now`);
    this.block = block;
  }
}

interface Run {
  readonly parameters: FetchParameters;
  readonly pool: MarketPool;
  readonly folder: string;
  readonly name: string;
  readonly target: number;
  writer: EventWriter;
  state: FetchProgress;
  orphaned: number;
}

/** Opens the dataset at its last commit. */
function open(run: Run): void {
  const { folder, name, pool } = run;
  const had = isDataset(folder) ? readManifest(folder).fetch : null;
  run.state = had ?? { ...run.state, complete: null, anchors: [] };
  run.writer = openEventWriter(folder, { manifest: { name, pool, fetch: run.state }, resume: true });
}

/** A dataset goes on only with the pool, the chain and the beginning that it has. */
function checkSame(stored: Manifest, pool: MarketPool, { fromBlock }: FetchParameters): void {
  if (stored.kind !== "events" || stored.fetch === null || stored.pool === null) {
    throw new ConfigError(`--name: ${stored.name}; rule: must not be a dataset that was imported`);
  }
  if (stored.pool.chainId !== pool.chainId) {
    throw new WrongChainError(
      `--rpc: chain ${pool.chainId}; rule: must be chain ${stored.pool.chainId}, which dataset ${stored.name} is of`,
    );
  }
  if (stored.pool.address !== pool.address) {
    throw new ConfigError(
      `--pool: ${pool.address}; rule: dataset ${stored.name} is of ${stored.pool.address}; choose another --name`,
    );
  }
  if (fromBlock !== undefined && fromBlock !== stored.fetch.fromBlock) {
    throw new ConfigError(
      `--from-block: ${fromBlock}; rule: dataset ${stored.name} begins at ${stored.fetch.fromBlock}`,
    );
  }
}

/** Takes back what lies above the newest block that the chain still has. */
async function followReorganisation(run: Run, progress: (at: FetchStep) => void): Promise<void> {
  const { complete, anchors } = run.state;
  if (complete === null) return;
  const { rpc } = run.parameters;
  const holds = async ({ number, hash }: { number: number; hash: Hex }): Promise<boolean> => {
    try {
      return (await getHeader(rpc, number)).hash === hash;
    } catch (error) {
      // A chain that is shorter now has lost the block.
      if (error instanceof RpcAnswerError) return false;
      throw error;
    }
  };
  if (await holds(complete)) return;
  let kept: FetchProgress["anchors"][number] | null = null;
  for (const anchor of anchors.toReversed()) {
    if (anchor.number < complete.number && (await holds(anchor))) {
      kept = anchor;
      break;
    }
  }
  if (kept === null && anchors.length >= ANCHORS) {
    throw new ReorganisedError(
      `dataset ${run.name}: none of its newest ${ANCHORS} blocks is in the chain; it is of another chain, or must be fetched anew`,
    );
  }
  const before = run.writer.rows;
  const upTo = kept?.number ?? run.state.fromBlock - 1;
  run.writer.rollBack(upTo);
  run.state = { ...run.state, complete: kept, anchors: anchors.filter(({ number }) => number <= upTo) };
  run.writer.commit({ fetch: run.state });
  run.orphaned += before - run.writer.rows;
  const note = `block ${complete.number} was reorganised: ${before - run.writer.rows} events after block ${upTo} taken back`;
  progress({ done: 0, total: Math.max(0, run.target - upTo), block: upTo, events: run.writer.rows, note });
}

async function fetchOn(run: Run, firstOfRun: number, progress: (at: FetchStep) => void): Promise<void> {
  const { parameters, target } = run;
  const { rpc, firstChunk = 2_000, largestChunk = 50_000, commitMs = COMMIT_MS, now } = parameters;
  let size = firstChunk;
  let next = (run.state.complete?.number ?? run.state.fromBlock - 1) + 1;
  let committedAt = now();
  while (next <= target) {
    const to = Math.min(next + size - 1, target);
    let logs: RawLog[];
    try {
      logs = await getLogs(rpc, parameters.pool, next, to);
    } catch (error) {
      if (!(error instanceof RangeTooLargeError)) throw error;
      if (to === next) throw error;
      size = Math.max(1, Math.floor((to - next + 1) / 2));
      continue;
    }
    const end = await getHeader(rpc, to);
    await append(run, logs, end);
    // Only if the block below is still the one it was do these logs continue what is stored.
    if (run.state.complete !== null && next > run.state.fromBlock) await checkStill(rpc, run.state.complete);
    run.state = {
      ...run.state,
      complete: { number: end.number, hash: end.hash },
      anchors: [...run.state.anchors, ...anchorsOf(logs)].slice(-ANCHORS),
    };
    next = to + 1;
    size = Math.min(largestChunk, Math.ceil(size * 1.5));
    if (now() - committedAt >= commitMs || next > target) {
      run.writer.commit({ fetch: run.state });
      committedAt = now();
    }
    const total = target - firstOfRun + 1;
    progress({ done: to - firstOfRun + 1, total, block: to, events: run.writer.rows, note: null });
  }
  if (run.state.complete !== null) await checkStill(rpc, run.state.complete);
}

async function checkStill(rpc: DataRpc, { number, hash }: { number: number; hash: Hex }): Promise<void> {
  if ((await getHeader(rpc, number)).hash !== hash) throw new ChainMoved(number);
}

const anchorsOf = (logs: readonly RawLog[]): FetchProgress["anchors"] =>
  [...new Map(logs.map(({ blockNumber, blockHash }) => [blockNumber, blockHash]))].map(([number, hash]) => ({
    number,
    hash,
  }));

/** Adds events with the times of their blocks, which newer nodes send along and others are asked for once per block. */
async function append(run: Run, logs: readonly RawLog[], end: Header): Promise<void> {
  const times = new Map<number, number>([[end.number, end.timestamp]]);
  let last = 0;
  for (const log of logs) {
    const hash = log.blockNumber === end.number ? end.hash : null;
    if (hash !== null && hash !== log.blockHash) throw new ChainMoved(log.blockNumber);
    let timestamp = log.blockTimestamp ?? times.get(log.blockNumber);
    if (timestamp === undefined) {
      const header = await getHeader(run.parameters.rpc, log.blockNumber);
      if (header.hash !== log.blockHash) throw new ChainMoved(log.blockNumber);
      timestamp = header.timestamp;
    }
    if (timestamp > end.timestamp || timestamp < last) {
      throw new RpcAnswerError(
        `block ${log.blockNumber} timestamp: ${timestamp}; rule: times must grow with the blocks`,
      );
    }
    last = timestamp;
    times.set(log.blockNumber, timestamp);
    run.writer.append(decodeLog(log, timestamp));
  }
}
