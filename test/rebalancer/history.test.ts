import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createChainClient, firstBlockSince, getBlock, getPoolMeta, getSwaps } from "../../rebalancer/chain.ts";
import type { RedisHandle } from "../../rebalancer/cli/demo/redis.ts";
import { createHistories, type HistoryStore } from "../../rebalancer/history.ts";
import { type LocalMarket, START, startLocalMarket } from "../support/localMarket.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const ONE = 10n ** 18n;

let market: LocalMarket;
let server: RedisHandle;
let redis: Redis;
beforeAll(async () => {
  [market, server] = await Promise.all([startLocalMarket(), startRedis()]);
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis?.disconnect();
  await Promise.all([market?.stop(), server?.stop()]);
});

describe("createHistories", () => {
  let time = START + 600;
  const client = () => createChainClient(market.anvil.url);

  const troubles: string[] = [];
  async function store(options: { key?: string; chunkBlocks?: number; lookbackSeconds?: number } = {}) {
    const { key } = options;
    const [history] = createHistories({
      client: client(),
      pools: [await getPoolMeta(client(), 31337, market.deployment.pool)],
      lookbackSeconds: options.lookbackSeconds ?? 86_400,
      chunkBlocks: options.chunkBlocks ?? 1_000,
      ...(key ? { cache: { redis, keyOf: () => key } } : {}),
      onCacheTrouble: (_pool, why) => troubles.push(why),
    });
    return history as HistoryStore;
  }
  const latest = () => getBlock(client(), "latest");
  const trade = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await market.swap(time, [
        { zeroForOne: true, amountIn: ONE },
        { zeroForOne: false, amountIn: 2n * ONE },
      ]);
      time += 60;
    }
  };

  it("reads what the pool is", async () => {
    expect(await getPoolMeta(client(), 31337, market.deployment.pool)).toMatchObject({
      feePips: 3000,
      tickSpacing: 60,
      token0: { symbol: "AAA", decimals: 18 },
    });
    await expect(
      getPoolMeta(client(), 31337, market.deployment.actor.replace(/..$/, "00") as `0x${string}`),
    ).rejects.toThrow(/config vaults.pool: .*; rule: a Uniswap v3 pool must be deployed/);
  });

  it("holds every swap in order with the time of its block and the spot after the last", async () => {
    await trade(7);
    const history = await (await store({ chunkBlocks: 3 })).at(await latest());
    expect(history.swaps).toHaveLength(14);
    expect(history.swaps.map(({ timestamp }) => timestamp)).toEqual(
      Array.from({ length: 14 }, (_, i) => START + 600 + 60 * Math.floor(i / 2)),
    );
    expect(history.swaps[0]).toMatchObject({ amount0: ONE });
    expect(history.swaps.at(-1)).toMatchObject({
      sqrtPriceX96: history.sqrtPriceX96,
      tick: history.tick,
      amount1: 2n * ONE,
    });
    expect(history.fromTimestamp).toBe(START);
    expect(history.liquidity).toBe(10n ** 24n);
  });

  it("grows, and gives the same answer from memory, from the cache and from the chain", async () => {
    const growing = await store({ key: "h1" });
    await growing.at(await latest());
    await trade(3);
    const head = await latest();
    const fromMemory = await growing.at(head);
    expect(fromMemory.swaps).toHaveLength(20);
    expect(await (await store({ key: "h1" })).at(head)).toEqual(fromMemory);
    await redis.flushall();
    expect(await (await store({ key: "h1" })).at(head)).toEqual(fromMemory);
    expect(await (await store()).at(head)).toEqual(fromMemory);
  });

  it("answers for an older block without what came later", async () => {
    const head = await latest();
    const whole = await store();
    await whole.at(head);
    const before = await getBlock(client(), head.number - 2);
    expect(await whole.at(before)).toEqual(await (await store()).at(before));
    expect((await whole.at(head)).swaps).toHaveLength(20);
  });

  it("begins where the look-back begins", async () => {
    const head = await latest();
    const short = await (await store({ lookbackSeconds: 150 })).at(head);
    expect(short.fromTimestamp).toBe(head.timestamp - 150);
    expect(short.swaps).toHaveLength(6);
  });

  it("forgets swaps of blocks that were reorganised away, in the cache too", async () => {
    const snapshot = await market.rpc.call<string>("evm_snapshot");
    const cached = await store({ key: "h2" });
    await cached.at(await latest());
    const restart = time;
    await trade(2);
    const gone = await cached.at(await latest());
    expect(gone.swaps).toHaveLength(24);
    await market.rpc.call("evm_revert", [snapshot]);
    time = restart + 1;
    await market.swap(time, [{ zeroForOne: true, amountIn: 5n * ONE }]);
    time += 60;
    await trade(1);
    const head = await latest();
    const truth = await (await store()).at(head);
    expect(truth.swaps).toHaveLength(23);
    expect(await cached.at(head)).toEqual(truth);
    expect(await (await store({ key: "h2" })).at(head)).toEqual(truth);
  });

  const rubbish: Record<string, (key: string) => Promise<unknown>> = {
    "text that is no JSON": (key) => redis.set(`${key}:cursor`, "{"),
    "a cursor of another shape": (key) => redis.set(`${key}:cursor`, '{"version":1}'),
    "a key of another type": async (key) => {
      await redis.del(`${key}:swaps`);
      await redis.set(`${key}:swaps`, "?");
    },
    "no swaps any more": (key) => redis.del(`${key}:swaps`),
    "one swap less": (key) => redis.zremrangebyrank(`${key}:swaps`, 3, 3),
    "a swap that is none": async (key) => {
      const [member] = await redis.zrange(`${key}:swaps`, 5, 5);
      await redis.zrem(`${key}:swaps`, member ?? "");
      await redis.zadd(`${key}:swaps`, JSON.parse(member ?? "{}").block, '{"block":1}');
    },
    "no checkpoints any more": (key) => redis.del(`${key}:blocks`),
  };
  for (const [what, spoil] of Object.entries(rubbish)) {
    it(`is rebuilt from the chain, and says so, when Redis holds ${what}`, async () => {
      await redis.flushall();
      const head = await latest();
      const truth = await (await store({ key: "h3" })).at(head);
      // writing goes on behind the answer: what another one reads is whole when the cursor counts it
      await until(async () =>
        (await redis.get("h3:cursor"))?.includes(`"swaps":${truth.swaps.length}`) ? true : null,
      );
      await spoil("h3");
      troubles.length = 0;
      const again = await store({ key: "h3" });
      expect(await again.at(head)).toEqual(truth);
      expect(troubles).toEqual([expect.stringContaining("thrown away and rebuilt from the chain: ")]);
      expect(await (await store({ key: "h3" })).at(head)).toEqual(truth);
    });
  }

  it("finds the first block since a time", async () => {
    const head = await latest();
    const swaps = await getSwaps(client(), { pool: market.deployment.pool, fromBlock: 0, toBlock: head.number });
    for (const { timestamp, block } of [swaps[0], swaps[9], swaps.at(-1)].filter((swap) => swap !== undefined)) {
      expect((await firstBlockSince(client(), timestamp, head)).number).toBe(block);
      expect((await firstBlockSince(client(), timestamp - 30, head)).number).toBe(block);
    }
    expect((await firstBlockSince(client(), 0, head)).number).toBe(0);
  });
});
