import type { Abi } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PoolState } from "../../ml/data/state.ts";
import { PoolStateError } from "../../ml/sim/exact/plan.ts";
import { getSqrtPriceAtTick } from "../../ml/units.ts";
import { type AnvilHandle, startAnvil } from "../../rebalancer/cli/demo/anvil.ts";
import { marketPoolAbi } from "../../rebalancer/cli/demo/market/actor.ts";
import { deployLocal } from "../../rebalancer/cli/demo/market/deployLocal.ts";
import { poolStorage, positionKey, writeStorage } from "../../rebalancer/cli/demo/market/poolStorage.ts";
import { createRpc, type Rpc } from "../../rebalancer/cli/demo/rpc.ts";
import { localArtifacts } from "../support/localArtifacts.ts";
import { view } from "../support/recordedPool.ts";

const MAX256 = 2n ** 256n - 1n;
const OWNER = "0x00000000000000000000000000000000000c0001" as const;

/** Every field at an end of its range, or telling apart from its neighbours in the same word. */
const state: PoolState = {
  address: "0x0000000000000000000000000000000000000001",
  block: 1,
  token0: "0x0000000000000000000000000000000000000002",
  token1: "0x0000000000000000000000000000000000000003",
  feePips: 500,
  tickSpacing: 10,
  maxLiquidityPerTick: null,
  feeGrowthGlobal0X128: MAX256,
  feeGrowthGlobal1X128: 2n ** 255n + 1n,
  protocolFees0: 2n ** 128n - 1n,
  protocolFees1: 7n,
  liquidity: 2n ** 127n + 3n,
  sqrtPriceX96: getSqrtPriceAtTick(-200_000) + 5n,
  tick: -200_000,
  observationIndex: 2,
  observationCardinality: 3,
  observationCardinalityNext: 300,
  feeProtocol: 0x64,
  balance0: 0n,
  balance1: 0n,
  ticks: [
    {
      tick: -200_010,
      liquidityGross: 2n ** 127n + 1n,
      liquidityNet: -(2n ** 127n),
      feeGrowthOutside0X128: MAX256,
      feeGrowthOutside1X128: 1n,
      tickCumulativeOutside: -(2n ** 55n),
      secondsPerLiquidityOutsideX128: 2n ** 160n - 1n,
      secondsOutside: 2 ** 32 - 1,
      initialized: true,
    },
    {
      tick: 887_270,
      liquidityGross: 5n,
      liquidityNet: 5n,
      feeGrowthOutside0X128: 0n,
      feeGrowthOutside1X128: 0n,
      tickCumulativeOutside: 2n ** 55n - 1n,
      secondsPerLiquidityOutsideX128: 0n,
      secondsOutside: 0,
      initialized: true,
    },
  ],
  positions: [
    {
      owner: OWNER,
      tickLower: -200_010,
      tickUpper: 887_270,
      liquidity: 2n ** 128n - 1n,
      feeGrowthInside0LastX128: 11n,
      feeGrowthInside1LastX128: MAX256,
      tokensOwed0: 13n,
      tokensOwed1: 2n ** 128n - 1n,
    },
  ],
  observations: [0, 1, 2].map((i) => ({
    blockTimestamp: 1_600_000_000 + i,
    tickCumulative: -(2n ** 55n) + BigInt(i),
    secondsPerLiquidityCumulativeX128: 2n ** 160n - 1n - BigInt(i),
    initialized: true,
  })),
  notes: [],
};

let anvil: AnvilHandle;
let rpc: Rpc;
let read: (name: string, args?: readonly unknown[]) => Promise<unknown>;

beforeAll(async () => {
  anvil = await startAnvil({ timestamp: 1_700_000_000 });
  rpc = createRpc(anvil.url);
  const { pool } = await deployLocal(rpc, {
    token0: { symbol: "USDC", decimals: 6 },
    token1: { symbol: "WETH", decimals: 18 },
    feePips: 500,
    tickSpacing: 10,
    sqrtPriceX96: getSqrtPriceAtTick(0),
    observationCardinality: 1,
    outFolder: localArtifacts(),
  });
  await writeStorage(rpc, pool, poolStorage(state));
  read = (name, args) => view(rpc, pool, marketPoolAbi as Abi, name, args);
});
afterAll(() => anvil?.stop());

describe("storage written into a fresh pool", () => {
  it("is read back through the pool's own getters", async () => {
    expect(await read("slot0")).toEqual([state.sqrtPriceX96, -200_000, 2, 3, 300, 0x64, true]);
    expect(await read("feeGrowthGlobal0X128")).toBe(state.feeGrowthGlobal0X128);
    expect(await read("feeGrowthGlobal1X128")).toBe(state.feeGrowthGlobal1X128);
    expect(await read("protocolFees")).toEqual([state.protocolFees0, state.protocolFees1]);
    expect(await read("liquidity")).toBe(state.liquidity);
    for (const { tick, ...fields } of state.ticks) expect(await read("ticks", [tick])).toEqual(Object.values(fields));
    for (const { owner, tickLower, tickUpper, ...fields } of state.positions) {
      expect(await read("positions", [positionKey(owner, tickLower, tickUpper)])).toEqual(Object.values(fields));
    }
    for (const [i, fields] of state.observations.entries()) {
      expect(await read("observations", [i])).toEqual(Object.values(fields));
    }
  });

  it("sets one bit of the bitmap for each tick, below zero too", async () => {
    for (const { tick } of state.ticks) {
      const compressed = tick / 10;
      expect(await read("tickBitmap", [Math.floor(compressed / 256)])).toBe(
        1n << BigInt(((compressed % 256) + 256) % 256),
      );
    }
  });
});

describe("a state that contradicts itself", () => {
  it.each<[string, Partial<PoolState>]>([
    ["slot0.tick", { tick: -199_999 }],
    ["slot0.observationIndex", { observationIndex: 3 }],
    ["slot0.observationCardinality", { observationCardinality: 0 }],
    ["slot0.observationCardinalityNext", { observationCardinalityNext: 2 }],
    [
      "ticks.887270.liquidityNet",
      {
        ticks: state.ticks
          .map((t) => ({ ...t, liquidityGross: 2n ** 127n, liquidityNet: t.liquidityNet * 2n ** 126n }))
          .slice(1),
      },
    ],
  ])("is refused by the name of its field: %s", (field, change) => {
    expect(() => poolStorage({ ...state, ...change })).toThrow(PoolStateError);
    expect(() => poolStorage({ ...state, ...change })).toThrow(field);
  });

  it("may have the tick below its price, as after crossing it downwards", () => {
    const onTick = { ...state, sqrtPriceX96: getSqrtPriceAtTick(-200_000), tick: -200_001 };
    expect(poolStorage(onTick).length).toBeGreaterThan(10);
  });
});
