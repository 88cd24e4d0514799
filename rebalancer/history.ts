import type { Redis } from "ioredis";
import type { PublicClient } from "viem";
import { z } from "zod";
import type { PoolHistory, PoolMeta, SwapEvent } from "../ml/types.ts";
import { type BlockStamp, firstBlockSince, getBlock, getSpot, getSwaps } from "./chain.ts";
import { RetryableError } from "./errors.ts";
import { decodeJson, encodeJson } from "./json.ts";

/** The swaps of one pool, grown block by block, cached in Redis and rebuilt from the chain whenever the cache is gone. */
export interface HistoryStore {
  /** The history that ends with `block`; the same answer with or without a cache. */
  at(block: BlockStamp): Promise<PoolHistory>;
}

export interface CreateHistoryParameters {
  readonly client: PublicClient;
  readonly pool: PoolMeta;
  readonly lookbackSeconds: number;
  readonly chunkBlocks: number;
  /** Where to cache; absent = in memory only. */
  readonly cache?: { readonly redis: Redis; readonly key: string };
}

/** Blocks whose hashes are remembered, to find where a reorganised chain still agrees. */
const CHECKPOINTS = 256;

const cursorSchema = z.object({
  fromTimestamp: z.int(),
  startsAtGenesis: z.boolean(),
  fromBlock: z.int(),
  /** Newest last: everything up to the last one is held. */
  checkpoints: z.array(z.object({ block: z.int(), hash: z.string() })).min(1),
});
type Cursor = z.output<typeof cursorSchema>;

/** A store for one pool; calls to `at` must not overlap. */
export function createHistory(parameters: CreateHistoryParameters): HistoryStore {
  const { client, pool, lookbackSeconds, chunkBlocks, cache } = parameters;
  let cursor: Cursor | null = null;
  let swaps: SwapEvent[] = [];
  let loaded = false;

  async function load(): Promise<void> {
    loaded = true;
    if (!cache) return;
    const [text, members] = await Promise.all([
      cache.redis.get(`${cache.key}:cursor`),
      cache.redis.zrange(`${cache.key}:swaps`, 0, -1),
    ]);
    const parsed = text === null ? null : cursorSchema.safeParse(JSON.parse(text));
    if (!parsed?.success) return;
    cursor = parsed.data;
    swaps = members
      .map((member) => decodeJson<SwapEvent>(member))
      .sort((a, b) => a.block - b.block || a.logIndex - b.logIndex);
  }

  /** Forgets blocks that the chain no longer has; forgets everything when none of the known ones is left. */
  async function dropReorganised(head: BlockStamp): Promise<void> {
    while (cursor) {
      const last = cursor.checkpoints.at(-1);
      if (!last) {
        cursor = null;
        break;
      }
      if (last.block > head.number) {
        // an older block is asked for: the newer ones may still be good, the answer is filtered below
        const known = await getBlock(client, last.block).catch(() => null);
        if (known?.hash === last.hash) return;
      } else if ((last.block === head.number ? head : await getBlock(client, last.block)).hash === last.hash) return;
      cursor.checkpoints.pop();
      const keepUpTo = cursor.checkpoints.at(-1)?.block ?? -1;
      swaps = swaps.filter((swap) => swap.block <= keepUpTo);
      if (cache) await cache.redis.zremrangebyscore(`${cache.key}:swaps`, keepUpTo + 1, "+inf");
    }
  }

  async function start(head: BlockStamp): Promise<Cursor> {
    const genesis = await getBlock(client, 0);
    const since = head.timestamp - lookbackSeconds;
    const startsAtGenesis = genesis.timestamp >= since;
    const first = startsAtGenesis ? genesis : await firstBlockSince(client, since, head);
    swaps = [];
    if (cache) await cache.redis.del(`${cache.key}:swaps`, `${cache.key}:cursor`);
    const fromTimestamp = startsAtGenesis ? genesis.timestamp : since;
    return { fromTimestamp, startsAtGenesis, fromBlock: first.number, checkpoints: [] };
  }

  async function extend(target: Cursor, head: BlockStamp): Promise<void> {
    let next = (target.checkpoints.at(-1)?.block ?? target.fromBlock - 1) + 1;
    while (next <= head.number) {
      const toBlock = Math.min(head.number, next + chunkBlocks - 1);
      const found = await getSwaps(client, { pool: pool.address, fromBlock: next, toBlock });
      const end = await getBlock(client, toBlock);
      if (toBlock === head.number && end.hash !== head.hash) {
        throw new RetryableError(
          `block ${toBlock}: ${end.hash}; rule: must still be ${head.hash} (the chain was reorganised)`,
        );
      }
      swaps.push(...found);
      target.checkpoints.push({ block: toBlock, hash: end.hash });
      next = toBlock + 1;
      if (cache && found.length > 0) {
        await cache.redis.zadd(`${cache.key}:swaps`, ...found.flatMap((swap) => [swap.block, encodeJson(swap)]));
      }
    }
    target.checkpoints.splice(0, Math.max(0, target.checkpoints.length - CHECKPOINTS));
    const expired = swaps.findIndex((swap) => swap.timestamp >= head.timestamp - lookbackSeconds);
    if (expired > 1_000) {
      const firstKept = swaps[expired]?.block ?? 0;
      swaps.splice(0, expired);
      target.fromTimestamp = Math.max(target.fromTimestamp, head.timestamp - lookbackSeconds);
      target.startsAtGenesis = false;
      if (cache) await cache.redis.zremrangebyscore(`${cache.key}:swaps`, "-inf", firstKept - 1);
    }
    if (cache) await cache.redis.set(`${cache.key}:cursor`, JSON.stringify(target));
  }

  return {
    async at(block) {
      if (!loaded) await load();
      await dropReorganised(block);
      const since = block.timestamp - lookbackSeconds;
      if (cursor && !cursor.startsAtGenesis && since < cursor.fromTimestamp) cursor = null;
      const current = cursor ?? (await start(block));
      await extend(current, block);
      cursor = current;
      const fromTimestamp = Math.max(current.fromTimestamp, since);
      const spot = await getSpot(client, pool.address, block.number);
      return {
        pool,
        swaps: swaps.filter((swap) => swap.block <= block.number && swap.timestamp >= fromTimestamp),
        fromTimestamp,
        toBlock: block.number,
        toTimestamp: block.timestamp,
        ...spot,
      };
    },
  };
}
