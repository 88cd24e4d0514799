import type { Redis } from "ioredis";
import type { PublicClient } from "viem";
import type { Address, Hex, PoolHistory, PoolMeta, SwapEvent } from "../ml/types.ts";
import { BlockMissingError, ChainAnswerError } from "./chain/errors.ts";
import { getSwapLogs, type SwapLog } from "./chain/logs.ts";
import { getSpots, type Spot } from "./chain/spots.ts";
import { type BlockStamp, firstBlockSince, getBlock } from "./chain.ts";
import { explain, RetryableError } from "./errors.ts";
import { cursorOf, type HistoryCache, historyCache } from "./history/cache.ts";
import { append, between, dropAfter, expire, type Held, lastSwap, nextBlock } from "./history/held.ts";

/** The swaps of one pool, grown block by block, cached in Redis and rebuilt from the chain whenever the cache is gone. */
export interface HistoryStore {
  /** The history that ends with `block`; the same answer with or without a cache. */
  at(block: BlockStamp): Promise<PoolHistory>;
}

export interface CreateHistoriesParameters {
  readonly client: PublicClient;
  readonly pools: readonly PoolMeta[];
  readonly lookbackSeconds: number;
  readonly chunkBlocks: number;
  /** Where to cache; absent = in memory only. */
  readonly cache?: { readonly redis: Redis; readonly keyOf: (pool: Address) => string };
  /** Told why a cache was thrown away or cannot be written. */
  readonly onCacheTrouble?: (pool: Address, why: string) => void;
  /** Told of logs that cannot be true, so that the node that gave them is not asked next. */
  readonly onLie?: (why: string) => void;
}

/** Blocks so far from the head may still be replaced: their hashes are checked one by one. */
const UNSETTLED_BLOCKS = 64;

/** A pool's history and how far it can be trusted. */
interface Tracked {
  readonly pool: PoolMeta;
  readonly cache: HistoryCache | null;
  held: Held | null;
  loaded: boolean;
  /** Why the last step left this pool out. */
  error: unknown;
  /** The held swaps did not lead to the pool's price; a second time in a row they are thrown away. */
  disagreed: boolean;
  writing: Promise<void>;
}

/**
 * Histories of several pools, in their order. They grow together: one request for the logs of all of them, one for all
 * their prices, whichever of them is asked for first. The last swap of each must have left the price that the pool has.
 */
export function createHistories(parameters: CreateHistoriesParameters): readonly HistoryStore[] {
  const { client, pools, lookbackSeconds, chunkBlocks, cache, onCacheTrouble, onLie } = parameters;
  const all = pools.map(
    (pool): Tracked => ({
      pool,
      cache: cache ? historyCache(cache.redis, cache.keyOf(pool.address)) : null,
      held: null,
      loaded: false,
      error: null,
      disagreed: false,
      writing: Promise.resolve(),
    }),
  );
  let chunk = chunkBlocks;
  let turn: Promise<unknown> = Promise.resolve();
  let ready: { readonly hash: Hex; readonly spots: ReadonlyMap<Tracked, Spot> } | null = null;

  /** Later writes wait for earlier ones; nobody waits for the last. */
  function write(tracked: Tracked, work: (cache: HistoryCache) => Promise<void>): void {
    const { cache, pool } = tracked;
    if (!cache) return;
    tracked.writing = tracked.writing
      .then(() => work(cache))
      .catch((error) => onCacheTrouble?.(pool.address, `cannot be written: ${explain(error)}`));
  }

  function writeCut(tracked: Tracked, held: Held): void {
    const cursor = cursorOf(held);
    write(tracked, (cache) => (held.checkpoints.length > 0 ? cache.cut(cursor) : cache.clear()));
  }

  async function load(tracked: Tracked): Promise<void> {
    if (tracked.loaded) return;
    try {
      tracked.held = (await tracked.cache?.load()) ?? null;
    } catch (error) {
      onCacheTrouble?.(tracked.pool.address, `thrown away and rebuilt from the chain: ${explain(error)}`);
      write(tracked, (cache) => cache.clear());
    }
    tracked.loaded = true;
  }

  /** Forgets blocks that the chain no longer has; forgets everything when none of the known ones is left. */
  async function dropReorganised(tracked: Tracked, hashAt: (block: number) => Promise<Hex | null>) {
    const { held } = tracked;
    if (!held) return;
    const before = held.checkpoints.at(-1)?.block;
    for (;;) {
      const last = held.checkpoints.at(-1);
      if (!last) {
        tracked.held = null;
        write(tracked, (cache) => cache.clear());
        return;
      }
      // An older block may be asked for: the newer ones may still be good, the answer leaves them out.
      if ((await hashAt(last.block)) === last.hash) break;
      dropAfter(held, last.block - 1);
    }
    if (held.checkpoints.at(-1)?.block !== before) writeCut(tracked, held);
  }

  /** Where a history begins that has enough behind it. */
  async function start(head: BlockStamp): Promise<Omit<Held, "swaps" | "checkpoints" | "agreedBlock">> {
    const since = head.timestamp - lookbackSeconds;
    const genesis = await getBlock(client, 0);
    const startsAtGenesis = genesis.timestamp >= since;
    const first = startsAtGenesis ? genesis : await firstBlockSince(client, since, head);
    return { fromTimestamp: startsAtGenesis ? genesis.timestamp : since, startsAtGenesis, fromBlock: first.number };
  }

  /** Reads what is missing up to `head` for pools that all have the same next block. */
  async function extend(group: readonly Tracked[], head: BlockStamp): Promise<void> {
    const [first] = group;
    if (!first?.held) return;
    let next = nextBlock(first.held);
    while (next <= head.number) {
      const toBlock = Math.min(head.number, next + chunk - 1);
      const logs = await getSwapLogs(client, {
        pools: group.map(({ pool }) => pool.address),
        fromBlock: next,
        toBlock,
        ...(toBlock === head.number ? { blockHash: head.hash } : {}),
        onTooMuch: () => (chunk = Math.max(1, Math.floor(chunk / 2))),
      });
      const { checkpoint, timeOf } = await checkBlocks(client, { logs, fromBlock: next, toBlock, head });
      const found = new Map<Address, SwapEvent[]>(group.map(({ pool }) => [pool.address, []]));
      for (const { pool, blockHash: _, ...swap } of logs) found.get(pool)?.push({ ...swap, timestamp: timeOf(swap) });
      for (const tracked of group) {
        const { held, pool } = tracked;
        if (!held) continue;
        const swaps = found.get(pool.address) ?? [];
        append(held, swaps, checkpoint);
        const cursor = cursorOf(held);
        write(tracked, (cache) => cache.append(cursor, swaps, checkpoint));
      }
      next = toBlock + 1;
      chunk = Math.min(chunkBlocks, chunk * 2);
    }
  }

  /** Several pools at once; when an answer contradicts itself, each alone, so that one pool's trouble stays its own. */
  async function extendGroup(group: readonly Tracked[], head: BlockStamp): Promise<void> {
    try {
      await extend(group, head);
    } catch (error) {
      if (error instanceof ChainAnswerError) onLie?.(error.message);
      if (!(error instanceof ChainAnswerError) || group.length === 1) {
        for (const tracked of group) tracked.error = error;
        return;
      }
      for (const tracked of group) await extendGroup([tracked], head);
    }
  }

  async function advance(head: BlockStamp): Promise<ReadonlyMap<Tracked, Spot>> {
    const hashAt = rememberedHashes(client, head);
    await Promise.all(all.map((tracked) => tracked.writing));
    await Promise.all(all.map(load));
    let begin: ReturnType<typeof start> | null = null;
    const groups = new Map<number, Tracked[]>();
    for (const tracked of all) {
      tracked.error = null;
      await dropReorganised(tracked, hashAt);
      const since = head.timestamp - lookbackSeconds;
      if (tracked.held && !tracked.held.startsAtGenesis && since < tracked.held.fromTimestamp) tracked.held = null;
      if (!tracked.held) {
        begin ??= start(head);
        tracked.held = { ...(await begin), swaps: [], checkpoints: [], agreedBlock: -1 };
        write(tracked, (cache) => cache.clear());
      }
      const next = nextBlock(tracked.held);
      if (next <= head.number) groups.set(next, [...(groups.get(next) ?? []), tracked]);
    }
    const asked = getSpots(
      client,
      all.map(({ pool }) => pool.address),
      head,
    );
    for (const group of groups.values()) await extendGroup(group, head);
    const answers = await asked;
    const found = new Map<Tracked, Spot>();
    for (const [index, tracked] of all.entries()) {
      const answer = answers[index];
      if (answer?.status === "rejected") tracked.error ??= answer.reason;
      if (answer?.status !== "fulfilled" || tracked.error !== null) continue;
      found.set(tracked, answer.value);
      const error = disagreement(tracked, head, answer.value);
      if (error) onLie?.(error.message);
      tracked.error = error;
      const { held } = tracked;
      if (held && expire(held, head.timestamp - lookbackSeconds)) writeCut(tracked, held);
    }
    return found;
  }

  /** Swaps that a node left out show in the price; what was read since the last agreement is read again. */
  function disagreement(tracked: Tracked, head: BlockStamp, spot: Spot): ChainAnswerError | null {
    const { held, pool } = tracked;
    const last = held && lastSwap(held, head.number);
    if (!held || !last || last.sqrtPriceX96 === spot.sqrtPriceX96) {
      if (held) held.agreedBlock = Math.max(held.agreedBlock, head.number);
      tracked.disagreed = false;
      return null;
    }
    const { agreedBlock } = held;
    if (tracked.disagreed || agreedBlock < held.fromBlock) {
      tracked.held = null;
      write(tracked, (cache) => cache.clear());
    } else {
      dropAfter(held, agreedBlock);
      writeCut(tracked, held);
    }
    tracked.disagreed = true;
    return new ChainAnswerError(
      `swaps of pool ${pool.address} up to block ${head.number}: the last leaves price ${last.sqrtPriceX96}; rule: must be the pool's, ${spot.sqrtPriceX96} (logs are missing, or of another fork)`,
    );
  }

  return all.map((tracked) => ({
    at(block) {
      const work = async (): Promise<PoolHistory> => {
        if (ready?.hash !== block.hash || tracked.error !== null) {
          ready = null;
          ready = { hash: block.hash, spots: await advance(block) };
        }
        const spot = ready.spots.get(tracked);
        const { held, pool, error } = tracked;
        if (error !== null || !spot || !held)
          throw error ?? new RetryableError(`history of pool ${pool.address}: none`);
        const fromTimestamp = Math.max(held.fromTimestamp, block.timestamp - lookbackSeconds);
        return {
          pool,
          swaps: between(held, fromTimestamp, block.number),
          fromTimestamp,
          toBlock: block.number,
          toTimestamp: block.timestamp,
          ...spot,
        };
      };
      // One after the other: they share what they read.
      const result = turn.then(work, work);
      turn = result.catch(() => undefined);
      return result;
    },
  }));
}

/** Hashes by number on the chain that `head` ends, each asked for once; null = there is no such block. */
function rememberedHashes(client: PublicClient, head: BlockStamp): (block: number) => Promise<Hex | null> {
  const hashes = new Map([
    [head.number, Promise.resolve<Hex | null>(head.hash)],
    [head.number - 1, Promise.resolve<Hex | null>(head.parentHash)],
  ]);
  return (block) => {
    const known = hashes.get(block);
    if (known) return known;
    const asked = getBlock(client, block).then(
      (found) => found.hash,
      (error) => {
        if (error instanceof BlockMissingError) return null;
        throw error;
      },
    );
    hashes.set(block, asked);
    return asked;
  };
}

interface CheckBlocksParameters {
  readonly logs: readonly SwapLog[];
  readonly fromBlock: number;
  readonly toBlock: number;
  readonly head: BlockStamp;
}

/**
 * Checks after the fact that logs are of the chain that `head` ends: the block they were asked up to, and each block
 * with a log that may still be replaced. Gives that block's hash, and each log's time.
 */
async function checkBlocks(client: PublicClient, { logs, fromBlock, toBlock, head }: CheckBlocksParameters) {
  // Logs of a single block were asked for by its hash.
  const alone = fromBlock === toBlock && toBlock === head.number;
  const unsettled = logs.filter(({ block }) => block > head.number - UNSETTLED_BLOCKS && block < head.number);
  const timeless = logs.filter(({ timestamp, block }) => Number.isNaN(timestamp) && block !== head.number);
  const numbers = new Set(alone ? [] : [toBlock, ...[...unsettled, ...timeless].map(({ block }) => block)]);
  const headers = await Promise.all([...numbers].map((number) => getBlock(client, number)));
  const known = new Map([head, ...headers].map((header) => [header.number, header]));
  const end = alone ? head : known.get(toBlock);
  const settledHead = headers.find(({ number }) => number === head.number) ?? head;
  if (!end || settledHead.hash !== head.hash) {
    throw new RetryableError(
      `block ${toBlock}: ${settledHead.hash}; rule: must still be ${head.hash} (the chain was reorganised)`,
    );
  }
  const timeOf = ({ block, timestamp }: { block: number; timestamp: number }): number =>
    known.get(block)?.timestamp ?? timestamp;
  for (const log of logs) {
    const header = known.get(log.block);
    const wrong =
      header === undefined
        ? !(log.timestamp <= head.timestamp)
        : header.hash !== log.blockHash || (log.timestamp !== header.timestamp && !Number.isNaN(log.timestamp));
    if (wrong) {
      throw new ChainAnswerError(
        `log ${log.logIndex} of block ${log.block}: ${log.blockHash} at ${log.timestamp} s; rule: must be ${header?.hash ?? "of a block"} at ${header?.timestamp ?? `up to ${head.timestamp}`} s`,
      );
    }
  }
  return { checkpoint: { block: toBlock, hash: end.hash }, timeOf };
}
