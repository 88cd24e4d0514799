import { encodeFunctionData, type Hex, keccak256, toHex } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { HIGHEST_LIMIT_X96, LOWEST_LIMIT_X96 } from "../../ml/sim/exact/orders.ts";
import type { Address } from "../../ml/types.ts";
import { localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import { type AnvilHandle, startAnvil } from "../../rebalancer/cli/demo/anvil.ts";
import { marketActorAbi } from "../../rebalancer/cli/demo/market/actor.ts";
import { enqueue, fund, MARKET_OPERATOR, mine } from "../../rebalancer/cli/demo/market/chain.ts";
import { createRpc, type Rpc } from "../../rebalancer/cli/demo/rpc.ts";
import { START } from "../support/localMarket.ts";
import { type ManyPool, type ManyVault, startManyVaults } from "../support/manyVaults.ts";

export const CHAIN_ID = 31_337;
const POOLS = 2;
const VAULTS = 4;
const HOUR = 3_600;
/** The first block of a scenario, ten minutes later, begins an hour and so a bucket of every cadence. */
const BEFORE_HOUR_SECONDS = 600;
/** Time between two swaps as before. */
const TRADE_SECONDS = 600;

/** A key that pays: its name in the configuration, its value, its account. */
export interface Keeper {
  readonly name: string;
  readonly key: Hex;
  readonly address: Address;
}

export interface FleetVault extends ManyVault {
  readonly name: string;
  readonly keeper: Keeper;
}

/** The chain that scenarios are played on, before anything has moved. */
export interface Fleet {
  /** What `anvil_dumpState` gave. */
  readonly state: Hex;
  readonly pools: readonly ManyPool[];
  /** A scenario's worker keeps the first so many of them. */
  readonly vaults: readonly FleetVault[];
  readonly lens: Address;
  /** The worker's configuration, TOML; vaults are put in by each scenario. */
  readonly config: string;
  /** Unix seconds of the newest block. */
  readonly time: number;
}

const keeperOf = (name: string, key: Hex): Keeper => ({ name, key, address: privateKeyToAddress(key) });
const FIRST = keeperOf("keeper", localKeys().keeper);
const SECOND = keeperOf("keeper-two", keccak256(toHex("the second keeper of a local chain")));
/** The pools' vaults come in turn, so either key pays in either pool. */
const KEEPERS = [FIRST, SECOND, SECOND, FIRST] as const;

/** Two pools, four vaults and two keepers; half a minute when it was never built, a second when it was. */
export async function buildFleet(): Promise<Fleet> {
  const many = await startManyVaults({ pools: POOLS, vaults: VAULTS });
  try {
    await fund(many.rpc, [SECOND.address]);
    const head = await many.rpc.call<{ timestamp: Hex }>("eth_getBlockByNumber", ["latest", false]);
    const now = Number(head.timestamp);
    const time = Math.ceil((now + BEFORE_HOUR_SECONDS + 60) / HOUR) * HOUR - BEFORE_HOUR_SECONDS;
    while (many.time < time - TRADE_SECONDS) await many.tick(Math.min(TRADE_SECONDS, time - 12 - many.time));
    if (many.time < time - 12) await many.tick(time - 12 - many.time);
    // All get so much that moving pays, at a price that has not just moved.
    await many.tick(12, many.vaults);
    return {
      state: await many.rpc.call<Hex>("anvil_dumpState"),
      pools: many.pools,
      vaults: many.vaults.map((vault, index) => ({
        ...vault,
        name: `vault-${index}`,
        keeper: KEEPERS[index % KEEPERS.length] as Keeper,
      })),
      lens: many.lens,
      config: many.config,
      time,
    };
  } finally {
    await many.stop();
  }
}

/** A fleet's chain on an anvil of its own. */
export interface FleetMarket {
  readonly anvil: AnvilHandle;
  readonly rpc: Rpc;
  /** Mines a block with these swaps (exact in, token units) in every pool, and with what waits in the mempool. */
  swap(timestamp: number, orders: readonly { zeroForOne: boolean; amountIn: bigint }[]): Promise<number>;
  stop(): Promise<void>;
}

/** Starts it. States before its newest block cannot be read. */
export async function openFleet({ state, pools }: Fleet): Promise<FleetMarket> {
  const anvil = await startAnvil({ timestamp: START, automine: false });
  const rpc = createRpc(anvil.url);
  const stop = () => {
    rpc.close();
    return anvil.stop();
  };
  try {
    await rpc.call("anvil_loadState", [state]);
    // not in a dump
    await rpc.call("anvil_setBlockTimestampInterval", [0]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    anvil,
    rpc,
    async swap(timestamp, orders) {
      const args = orders.map(({ zeroForOne, amountIn }) => ({
        zeroForOne,
        amountSpecified: amountIn,
        sqrtPriceLimitX96: zeroForOne ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96,
      }));
      const data = encodeFunctionData({ abi: marketActorAbi, functionName: "play", args: [args] });
      const calls = pools.map(({ actor }) => ({ from: MARKET_OPERATOR, to: actor, data }));
      return (await mine(rpc, timestamp, await enqueue(rpc, calls))).block;
    },
    stop,
  };
}
