import { type Abi, encodeFunctionData } from "viem";
import { afterEach, describe, expect, it } from "vitest";
import { getSqrtPriceAtTick, sqrtPriceX96ToLnPrice } from "../../../../../ml/units.ts";
import { type AnvilHandle, startAnvil } from "../../../../../rebalancer/cli/demo/anvil.ts";
import { marketActorAbi, marketPoolAbi } from "../../../../../rebalancer/cli/demo/market/actor.ts";
import {
  enqueue,
  MARKET_OPERATOR,
  MarketTransactionError,
  playBlock,
} from "../../../../../rebalancer/cli/demo/market/chain.ts";
import { ArtifactMissingError } from "../../../../../rebalancer/cli/demo/market/deployLocal.ts";
import type { MarketBlock } from "../../../../../rebalancer/cli/demo/market/market.ts";
import {
  bandsAround,
  createSyntheticMarket,
  planSynthetic,
} from "../../../../../rebalancer/cli/demo/market/synthetic.ts";
import { createRpc } from "../../../../../rebalancer/cli/demo/rpc.ts";
import { localArtifacts } from "../../../../support/localArtifacts.ts";
import { view } from "../../../../support/recordedPool.ts";

const running: AnvilHandle[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((anvil) => anvil.stop()));
});

async function open(seed: number, hours: number) {
  const plan = planSynthetic({ seed, seconds: hours * 3600 });
  const anvil = await startAnvil({ timestamp: plan.startTimestamp });
  running.push(anvil);
  const rpc = createRpc(anvil.url);
  return { rpc, plan, market: await createSyntheticMarket(rpc, { plan, outFolder: localArtifacts() }) };
}

async function playAll(seed: number, hours: number): Promise<MarketBlock[]> {
  const { market } = await open(seed, hours);
  const blocks: MarketBlock[] = [];
  for (let block = await market.next(); block !== null; block = await market.next()) blocks.push(block);
  expect(blocks.length).toBe(market.blocks);
  expect(blocks.at(-1)?.timestamp).toBe(market.endTimestamp);
  return blocks;
}

describe("the synthetic market on the chain", () => {
  it("is the same for a seed and another for another", async () => {
    const [first, again, other] = [await playAll(1, 8), await playAll(1, 8), await playAll(2, 8)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it("lets arbitrage bring the pool towards the price elsewhere, and follows it with liquidity once a day", async () => {
    const blocks = await playAll(3, 60);
    const swaps = blocks.flatMap((block) => block.swaps);
    expect(swaps.length).toBeGreaterThan(200);
    const informed = swaps.filter(({ flow }) => flow === "informed");
    expect(informed.length).toBeGreaterThan(5);
    expect(informed.every(({ mode }) => mode === "price-limit")).toBe(true);
    expect(swaps.filter(({ flow }) => flow === "noise").every(({ mode }) => mode === "exact-in")).toBe(true);
    for (const { swaps: inBlock, referencePrice } of blocks) {
      const last = inBlock.at(-1);
      if (!last || referencePrice === null) continue;
      // Fee 30 bps, margin 58 bps, and what the flow after the arbitrage moves.
      const gap = sqrtPriceX96ToLnPrice(last.sqrtPriceX96, 1) - Math.log(referencePrice);
      expect(Math.abs(gap)).toBeLessThan(0.03);
    }
    expect(blocks.filter(({ mints }) => mints > 0).length).toBe(2);
    expect(blocks.filter(({ mints, burns }) => mints !== burns)).toEqual([]);
  });

  it("sends orders towards the price elsewhere when all are routed so", async () => {
    const { parameters } = planSynthetic({ seed: 1, seconds: 1 });
    const routed = {
      ...parameters,
      noise: { ...parameters.noise, perDay: 2000, towardShare: 1, logSizeQuantiles: [1, 2] },
      arbitrage: { marginBps: 5000 },
    };
    const plan = planSynthetic({ seed: 5, seconds: 6 * 3600, parameters: routed });
    const anvil = await startAnvil({ timestamp: plan.startTimestamp });
    running.push(anvil);
    const market = await createSyntheticMarket(createRpc(anvil.url), { plan, outFolder: localArtifacts() });
    let [toward, all] = [0, 0];
    for (let block = await market.next(); block !== null; block = await market.next()) {
      const last = block.swaps.at(-1);
      if (!last || block.referencePrice === null) continue;
      const reference = Math.log(block.referencePrice);
      const price = sqrtPriceX96ToLnPrice(last.sqrtPriceX96, 1);
      if (Math.abs(price - reference) < 1e-4) continue;
      // Token0 paid in lowers the pool's price.
      all++;
      if (last.amount0 > 0n === price > reference) toward++;
    }
    expect(all).toBeGreaterThan(20);
    // The last order may belong to an earlier moment of the block, with another price elsewhere.
    expect(toward / all).toBeGreaterThan(0.9);
  });

  it("mines what others queued ahead of its own, in one block at its time", async () => {
    const { market, rpc } = await open(1, 2);
    const benchmark = market.actor;
    const position = { tickLower: 180_000, tickUpper: 216_000, liquidity: 10n ** 15n };
    const toBenchmark = (functionName: "open" | "close") => ({
      from: MARKET_OPERATOR,
      to: benchmark,
      data: encodeFunctionData({ abi: marketActorAbi as Abi, functionName, args: [[position]] }),
    });
    const [hash] = await enqueue(rpc, [toBenchmark("open")]);
    const at = market.nextTimestamp();
    const block = await market.next();
    expect(block?.timestamp).toBe(at);
    const receipt = await rpc.call<{ blockNumber: string; status: string; transactionIndex: string }>(
      "eth_getTransactionReceipt",
      [hash],
    );
    expect([Number(receipt.blockNumber), receipt.status, receipt.transactionIndex]).toEqual([
      block?.block,
      "0x1",
      "0x0",
    ]);
    const before = await view(rpc, market.pool.address, marketPoolAbi as Abi, "liquidity");
    await playBlock(rpc, 0, [toBenchmark("close")]);
    expect(before - (await view(rpc, market.pool.address, marketPoolAbi as Abi, "liquidity"))).toBe(position.liquidity);
    await expect(playBlock(rpc, 0, [toBenchmark("close")])).rejects.toThrow(MarketTransactionError);
  });

  it("fast-forwards to a time and goes on from there", async () => {
    const { market } = await open(1, 4);
    const until = market.startTimestamp + 3600;
    const last = await market.fastForward(until);
    expect(last?.timestamp).toBeLessThanOrEqual(until);
    expect(market.nextTimestamp()).toBeGreaterThan(until);
    expect((await market.fastForward(market.endTimestamp))?.timestamp).toBe(market.endTimestamp);
    expect(await market.next()).toBeNull();
    expect(await market.fastForward(Number.MAX_SAFE_INTEGER)).toBeNull();
  });

  it("says what to type when its contracts were not built", async () => {
    const plan = planSynthetic({ seed: 1, seconds: 3600 });
    const anvil = await startAnvil({ timestamp: plan.startTimestamp });
    running.push(anvil);
    const rpc = createRpc(anvil.url);
    await expect(createSyntheticMarket(rpc, { plan, outFolder: "/nowhere" })).rejects.toThrow(ArtifactMissingError);
    await expect(createSyntheticMarket(rpc, { plan, outFolder: "/nowhere" })).rejects.toThrow("npm run build");
  });
});

describe("the pool's liquidity", () => {
  it("adds up to the calibrated depth at the price and falls away from it as calibrated", () => {
    const { parameters } = planSynthetic({ seed: 1, seconds: 1 });
    const tick = 195_003;
    const bands = bandsAround(getSqrtPriceAtTick(tick), parameters);
    const at = (offset: number) =>
      bands.reduce(
        (sum, { tickLower, tickUpper, liquidity }) =>
          tickLower <= tick + offset && tick + offset < tickUpper ? sum + Number(liquidity) : sum,
        0,
      ) / parameters.depth.liquidity;
    expect(at(0)).toBeCloseTo(1, 9);
    for (const [i, { halfWidth, share }] of parameters.depth.bands.entries()) {
      if (halfWidth === null) continue;
      const edge = halfWidth / 1e-4;
      expect(at(edge * 0.95)).toBeGreaterThanOrEqual(share * 0.999);
      expect(at(-edge - 100)).toBeCloseTo(parameters.depth.bands[i + 1]?.share ?? 0, 6);
    }
  });
});
