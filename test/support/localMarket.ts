import { encodeFunctionData } from "viem";
import { HIGHEST_LIMIT_X96, LOWEST_LIMIT_X96 } from "../../ml/sim/exact/orders.ts";
import type { Hex } from "../../ml/types.ts";
import { type AnvilHandle, startAnvil } from "../../rebalancer/cli/demo/anvil.ts";
import { marketActorAbi } from "../../rebalancer/cli/demo/market/actor.ts";
import { enqueue, fund, MARKET_OPERATOR, mine } from "../../rebalancer/cli/demo/market/chain.ts";
import { deployLocal, type LocalDeployment } from "../../rebalancer/cli/demo/market/deployLocal.ts";
import { createRpc, type Rpc } from "../../rebalancer/cli/demo/rpc.ts";

export interface LocalMarket {
  readonly anvil: AnvilHandle;
  readonly rpc: Rpc;
  readonly deployment: LocalDeployment;
  /** Mines one block at a time with what waits in the mempool and with these swaps (exact in, token units). */
  swap(timestamp: number, orders: readonly { zeroForOne: boolean; amountIn: bigint }[]): Promise<number>;
  /** Swaps back and forth every `everySeconds` until `until`; a quiet market that never leaves its place. */
  oscillate(parameters: { from: number; until: number; everySeconds: number; amountIn: bigint }): Promise<void>;
  stop(): Promise<void>;
}

export const START = 1_700_000_000 - (1_700_000_000 % 86_400);

/** A private anvil with a real Uniswap v3 pool (0.3 %, both tokens 18 decimals, price 1) and deep liquidity in it. */
export async function startLocalMarket(parameters: { liquidity?: bigint } = {}): Promise<LocalMarket> {
  return withAnvil(async (anvil, rpc) => {
    const deployment = await deployLocal(rpc, {
      token0: { symbol: "AAA", decimals: 18 },
      token1: { symbol: "BBB", decimals: 18 },
      feePips: 3000,
      tickSpacing: 60,
      sqrtPriceX96: 2n ** 96n,
      observationCardinality: 500,
      outFolder: process.env.FOUNDRY_OUT ?? "out",
    });
    await fund(rpc, [MARKET_OPERATOR]);
    const position = { tickLower: -60_000, tickUpper: 60_000, liquidity: parameters.liquidity ?? 10n ** 24n };
    const data = encodeFunctionData({ abi: marketActorAbi, functionName: "open", args: [[position]] });
    const opened = await enqueue(rpc, [{ from: MARKET_OPERATOR, to: deployment.actor, data }]);
    await mine(rpc, START + 12, opened);
    return marketOf(anvil, rpc, deployment);
  });
}

/** A market whose chain was saved with `anvil_dumpState`: states before its newest block cannot be read. */
export async function resumeLocalMarket(saved: { state: Hex; deployment: LocalDeployment }): Promise<LocalMarket> {
  return withAnvil(async (anvil, rpc) => {
    await rpc.call("anvil_loadState", [saved.state]);
    // what deployLocal sets, and a dump does not carry
    await rpc.call("anvil_setBlockTimestampInterval", [0]);
    return marketOf(anvil, rpc, saved.deployment);
  });
}

async function withAnvil(open: (anvil: AnvilHandle, rpc: Rpc) => Promise<LocalMarket>): Promise<LocalMarket> {
  const anvil = await startAnvil({ timestamp: START, automine: false });
  const rpc = createRpc(anvil.url);
  try {
    return await open(anvil, rpc);
  } catch (error) {
    rpc.close();
    await anvil.stop();
    throw error;
  }
}

function marketOf(anvil: AnvilHandle, rpc: Rpc, deployment: LocalDeployment): LocalMarket {
  const swap: LocalMarket["swap"] = async (timestamp, orders) => {
    const args = orders.map(({ zeroForOne, amountIn }) => ({
      zeroForOne,
      amountSpecified: amountIn,
      sqrtPriceLimitX96: zeroForOne ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96,
    }));
    const data = encodeFunctionData({ abi: marketActorAbi, functionName: "play", args: [args] });
    const call = { from: MARKET_OPERATOR, to: deployment.actor, data };
    const hashes = orders.length === 0 ? [] : await enqueue(rpc, [call]);
    return (await mine(rpc, timestamp, hashes)).block;
  };
  return {
    anvil,
    rpc,
    deployment,
    swap,
    async oscillate({ from, until, everySeconds, amountIn }) {
      for (let time = from, turn = 0; time <= until; time += everySeconds, turn++) {
        await swap(time, [{ zeroForOne: turn % 2 === 0, amountIn }]);
      }
    },
    stop() {
      rpc.close();
      return anvil.stop();
    },
  };
}
