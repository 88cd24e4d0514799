import type { Redis } from "ioredis";
import { zeroHash } from "viem";
import { z } from "zod";
import type { Hex, SwapEvent } from "../../ml/types.ts";
import { hash } from "../chain/quantities.ts";
import { decodeJson, encodeJson } from "../json.ts";
import { CHECKPOINTS, type Checkpoint, type Held } from "./held.ts";

/** A pool's history in Redis: only ever a shortcut, the chain has it all. */
export interface HistoryCache {
  /** What is held there; null when there is nothing. Throws with the reason when it is not what was written. */
  load(): Promise<Held | null>;
  /** Writes what was appended. */
  append(cursor: Cursor, found: readonly SwapEvent[], checkpoint: Checkpoint): Promise<void>;
  /** Writes that what does not count any more is gone. */
  cut(cursor: Cursor): Promise<void>;
  clear(): Promise<void>;
}

/** Written last: what the other keys hold counts from `firstBlock` to `toBlock`, and must be `swaps` many. */
const cursorSchema = z.object({
  version: z.literal(2),
  fromTimestamp: z.int(),
  startsAtGenesis: z.boolean(),
  fromBlock: z.int().nonnegative(),
  firstBlock: z.int().nonnegative(),
  toBlock: z.int().nonnegative(),
  toHash: hash,
  swaps: z.int().nonnegative(),
});
export type Cursor = z.output<typeof cursorSchema>;

/** What the cache must say of what is held now. A history without a checkpoint has none. */
export function cursorOf({ checkpoints, swaps, fromBlock, fromTimestamp, startsAtGenesis }: Held): Cursor {
  const last = checkpoints.at(-1);
  return {
    version: 2,
    fromTimestamp,
    startsAtGenesis,
    fromBlock,
    firstBlock: swaps[0]?.block ?? fromBlock,
    toBlock: last?.block ?? fromBlock,
    toHash: last?.hash ?? zeroHash,
    swaps: swaps.length,
  };
}

const swapSchema = z.object({
  block: z.int().nonnegative(),
  timestamp: z.int().nonnegative(),
  logIndex: z.int().nonnegative(),
  amount0: z.bigint(),
  amount1: z.bigint(),
  sqrtPriceX96: z.bigint().positive(),
  liquidity: z.bigint().nonnegative(),
  tick: z.int(),
});

/** The keys begin with `key`: one of text, two sorted sets by block. */
export function historyCache(redis: Redis, key: string): HistoryCache {
  const [cursorKey, swapsKey, blocksKey] = [`${key}:cursor`, `${key}:swaps`, `${key}:blocks`];

  const writeCursor = (cursor: Cursor) => redis.set(cursorKey, JSON.stringify(cursor));

  return {
    async load() {
      const text = await redis.get(cursorKey);
      if (text === null) return null;
      const cursor = cursorSchema.parse(JSON.parse(text));
      const { firstBlock, toBlock } = cursor;
      const members = await redis.zrangebyscore(swapsKey, firstBlock, toBlock);
      if (members.length !== cursor.swaps) throw new Error(`${members.length} swaps; rule: must be ${cursor.swaps}`);
      const swaps = members.map((member) => swapSchema.parse(decodeJson(member)));
      swaps.sort((a, b) => a.block - b.block || a.logIndex - b.logIndex);
      for (let index = 1; index < swaps.length; index++) {
        const [before, swap] = [swaps[index - 1] as SwapEvent, swaps[index] as SwapEvent];
        if (before.timestamp > swap.timestamp) throw new Error(`swaps of block ${swap.block} before their time`);
        if (before.block === swap.block && before.logIndex === swap.logIndex)
          throw new Error(`log ${swap.logIndex} of block ${swap.block} twice`);
      }
      const blocks = (await redis.zrangebyscore(blocksKey, cursor.fromBlock, toBlock)).slice(-CHECKPOINTS);
      const checkpoints = blocks.map(readCheckpoint).sort((a, b) => a.block - b.block);
      if (checkpoints.at(-1)?.hash !== cursor.toHash) throw new Error(`no checkpoint of block ${toBlock}`);
      const { fromTimestamp, startsAtGenesis, fromBlock } = cursor;
      return { fromTimestamp, startsAtGenesis, fromBlock, swaps, checkpoints, agreedBlock: -1 };
    },
    async append(cursor, found, { block, hash }) {
      if (found.length > 0) await redis.zadd(swapsKey, ...found.flatMap((swap) => [swap.block, encodeJson(swap)]));
      await redis.zadd(blocksKey, block, `${block} ${hash}`);
      await redis.zremrangebyrank(blocksKey, 0, -CHECKPOINTS - 1);
      await writeCursor(cursor);
    },
    async cut(cursor) {
      // The cursor first: what it does not count is ignored by whoever reads in between.
      await writeCursor(cursor);
      const { firstBlock, toBlock } = cursor;
      await redis.zremrangebyscore(swapsKey, `(${toBlock}`, "+inf");
      await redis.zremrangebyscore(blocksKey, `(${toBlock}`, "+inf");
      await redis.zremrangebyscore(swapsKey, "-inf", `(${firstBlock}`);
    },
    async clear() {
      await redis.del(cursorKey);
      await redis.del(swapsKey);
      await redis.del(blocksKey);
    },
  };
}

function readCheckpoint(member: string): Checkpoint {
  const [block, text] = member.split(" ");
  return { block: z.int().nonnegative().parse(Number(block)), hash: hash.parse(text) as Hex };
}
