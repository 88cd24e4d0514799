import { encodeFunctionData, parseAbi } from "viem";
import type { PoolEvent, PoolSwap } from "../../../../ml/data/events.ts";
import type { PoolState } from "../../../../ml/data/state.ts";
import { BaseError } from "../../../../ml/errors.ts";
import { positionOwner } from "../../../../ml/sim/exact/complete.ts";
import { directionOf, orderOf, type ReplayOrder } from "../../../../ml/sim/exact/orders.ts";
import { type ReplayPlan, withObservation } from "../../../../ml/sim/exact/plan.ts";
import type { Address, Hex, PoolMeta } from "../../../../ml/types.ts";
import type { Rpc } from "../rpc.ts";
import { marketActorAbi, marketPoolAbi } from "./actor.ts";
import { enqueue, fund, latestTimestamp, MARKET_OPERATOR, type MarketCall, mine, playBlock } from "./chain.ts";
import { deployLocal, type LocalDeployment } from "./deployLocal.ts";
import type { Market, MarketBlock, MarketSwap, SwapResult } from "./market.ts";
import { poolStorage, writeStorage } from "./poolStorage.ts";
import { type MarketOutcome, readReceipts } from "./receipts.ts";

export interface CreateReplayParameters {
  readonly plan: ReplayPlan;
  /** Orders found by a first pass; absent = find out how each swap was ordered. */
  readonly orders?: readonly ReplayOrder[];
  readonly outFolder?: string;
}

export interface ReplayMarket extends Market {
  readonly deployment: LocalDeployment;
  /** Orders of the swaps played so far, in their order. */
  readonly orders: readonly ReplayOrder[];
  /** Mints and burns so far whose amounts are those recorded. */
  readonly liquidityExact: () => number;
}

interface BlockEvents {
  readonly block: number;
  readonly timestamp: number;
  readonly events: readonly PoolEvent[];
}

const tokenAbi = parseAbi(["function mint(address to, uint256 amount)"]);

/**
 * Deploys Uniswap v3 on the local chain, writes the pool's starting storage, and plays the recorded events block by
 * block at their times. Without `orders` it finds out how each swap was ordered; with them it plays the same orders,
 * whatever else is in the pool.
 */
export async function createReplayMarket(rpc: Rpc, parameters: CreateReplayParameters): Promise<ReplayMarket> {
  const { plan, outFolder } = parameters;
  const { data, state } = plan;
  const deployment = await deployLocal(rpc, {
    token0: data.pool.token0,
    token1: data.pool.token1,
    feePips: state.feePips,
    tickSpacing: state.tickSpacing,
    sqrtPriceX96: state.sqrtPriceX96,
    observationCardinality: Math.min(state.observationCardinalityNext, 1000),
    ...(outFolder === undefined ? {} : { outFolder }),
  });
  await restorePool(rpc, deployment, state, await latestTimestamp(rpc));
  const owners = new Set(data.events.filter((e) => e.type !== "SWAP").map(positionOwner));
  await fund(rpc, [...owners]);
  await rpc.call("evm_setAutomine", [false]);
  return replayMarket(rpc, parameters, deployment);
}

async function restorePool(rpc: Rpc, deployment: LocalDeployment, state: PoolState, now: number): Promise<void> {
  const { pool } = deployment;
  await writeStorage(rpc, pool, poolStorage(withObservation(state, now)));
  const mint = (token: Address, amount: bigint): MarketCall => ({
    from: MARKET_OPERATOR,
    to: token,
    data: encodeFunctionData({ abi: tokenAbi, functionName: "mint", args: [pool, amount] }),
  });
  const automine = await rpc.call<boolean>("anvil_getAutomine");
  await rpc.call("evm_setAutomine", [false]);
  const calls = [mint(deployment.token0, state.balance0), mint(deployment.token1, state.balance1)];
  await mine(rpc, now, await enqueue(rpc, calls));
  await rpc.call("evm_setAutomine", [automine]);
}

function replayMarket(
  rpc: Rpc,
  { plan, orders: given }: CreateReplayParameters,
  deployment: LocalDeployment,
): ReplayMarket {
  const { data, state } = plan;
  const { pool, actor } = deployment;
  const blocks = groupByBlock(data.events);
  const orders: ReplayOrder[] = [];
  const positions = new Map<string, bigint>(
    state.positions.map((p) => [`${p.owner.toLowerCase()} ${p.tickLower} ${p.tickUpper}`, p.liquidity]),
  );
  let position = 0;
  let swapIndex = 0;
  let liquidityExact = 0;
  let last: SwapResult = {
    amount0: 0n,
    amount1: 0n,
    sqrtPriceX96: state.sqrtPriceX96,
    tick: state.tick,
    liquidity: state.liquidity,
  };
  let recordedPrice = state.sqrtPriceX96;

  async function next(): Promise<MarketBlock | null> {
    const group = blocks[position];
    if (!group) return null;
    position++;
    const swaps: { event: PoolSwap; zeroForOne: boolean; order: ReplayOrder | null }[] = [];
    const liquidityEvents: PoolEvent[] = [];
    const calls: MarketCall[] = [];
    let run: typeof swaps = [];
    const flush = () => {
      if (run.length > 0) calls.push({ from: MARKET_OPERATOR, to: actor, data: encodeSwaps(run) });
      run = [];
    };
    for (const event of group.events) {
      if (event.type === "SWAP") {
        const zeroForOne = directionOf(event, recordedPrice);
        recordedPrice = event.sqrtPriceX96;
        const order = given ? orderAt(given, swapIndex) : null;
        swapIndex++;
        const swap = { event, zeroForOne, order };
        swaps.push(swap);
        run.push(swap);
        continue;
      }
      const call = liquidityCall(event, deployment, positions);
      if (!call) continue;
      flush();
      calls.push(call);
      if (event.type !== "COLLECT") liquidityEvents.push(event);
    }
    flush();
    const mined = await playBlock(rpc, group.timestamp, calls);
    const outcome = readReceipts(mined.receipts, deployment);
    if (outcome.swaps.length !== swaps.length) {
      throw new BaseError(`block ${group.block}: ${outcome.swaps.length} of ${swaps.length} swaps left a trace`, {
        details: { block: group.block },
      });
    }
    liquidityExact += countExact(liquidityEvents, outcome.liquidity);
    const played = swaps.map(({ event, zeroForOne, order }, i): MarketSwap => {
      const { mode, result } = outcome.swaps[i] ?? { mode: "skipped" as const, result: null };
      if (result) last = result;
      const shown = mode === "skipped" ? (order?.mode ?? "moved") : (order?.mode ?? mode);
      orders.push(order ?? orderOf(shown, event, zeroForOne, result));
      return {
        ...(result ?? { ...last, amount0: 0n, amount1: 0n }),
        executed: result !== null,
        mode: shown,
        flow: "recorded",
        recorded: recordOf(event),
      };
    });
    return {
      block: mined.block,
      timestamp: mined.timestamp,
      swaps: played,
      mints: liquidityEvents.filter((e) => e.type === "MINT").length,
      burns: liquidityEvents.filter((e) => e.type === "BURN").length,
      referencePrice: null,
    };
  }

  const poolMeta: PoolMeta = {
    chainId: 31337,
    address: pool,
    token0: { ...data.pool.token0, address: deployment.token0 },
    token1: { ...data.pool.token1, address: deployment.token1 },
    feePips: state.feePips,
    tickSpacing: state.tickSpacing,
  };
  const nextTimestamp = () => blocks[position]?.timestamp ?? null;
  return {
    name: data.name,
    pool: poolMeta,
    actor,
    deployment,
    startTimestamp: plan.startTimestamp,
    endTimestamp: blocks.at(-1)?.timestamp ?? plan.startTimestamp,
    blocks: blocks.length,
    notes: plan.notes,
    orders,
    liquidityExact: () => liquidityExact,
    nextTimestamp,
    next,
    async fastForward(untilTimestamp) {
      let block: MarketBlock | null = null;
      for (let at = nextTimestamp(); at !== null && at <= untilTimestamp; at = nextTimestamp()) block = await next();
      return block;
    },
  };
}

function groupByBlock(events: readonly PoolEvent[]): BlockEvents[] {
  const blocks: { block: number; timestamp: number; events: PoolEvent[] }[] = [];
  for (const event of events) {
    const current = blocks.at(-1);
    if (current?.block === event.block) current.events.push(event);
    else blocks.push({ block: event.block, timestamp: event.timestamp, events: [event] });
  }
  return blocks;
}

function orderAt(orders: readonly ReplayOrder[], index: number): ReplayOrder {
  const order = orders[index];
  if (!order) {
    throw new BaseError(`order ${index} is missing: the first pass must have found ${index + 1} orders or more`, {
      details: { index, orders: orders.length },
    });
  }
  return order;
}

function encodeSwaps(run: readonly { event: PoolSwap; zeroForOne: boolean; order: ReplayOrder | null }[]): Hex {
  const orders = run.flatMap(({ order }) => (order ? [order] : []));
  if (orders.length > 0) return encodeFunctionData({ abi: marketActorAbi, functionName: "play", args: [orders] });
  const records = run.map(({ event, zeroForOne }) => ({
    zeroForOne,
    amount0: event.amount0,
    amount1: event.amount1,
    sqrtPriceX96: event.sqrtPriceX96,
    tick: event.tick,
  }));
  return encodeFunctionData({ abi: marketActorAbi, functionName: "replay", args: [records] });
}

/** The transaction of a mint, burn or collect; null where it changes nothing that the pool can be asked to change. */
function liquidityCall(
  event: PoolEvent,
  { pool, actor }: LocalDeployment,
  positions: Map<string, bigint>,
): MarketCall | null {
  if (event.type === "SWAP") return null;
  const owner = positionOwner(event);
  const { tickLower, tickUpper } = event;
  const key = `${owner.toLowerCase()} ${tickLower} ${tickUpper}`;
  const held = positions.get(key) ?? 0n;
  if (event.type === "COLLECT") {
    const args = [owner, tickLower, tickUpper, event.amount0, event.amount1] as const;
    return { from: owner, to: pool, data: encodeFunctionData({ abi: marketPoolAbi, functionName: "collect", args }) };
  }
  if (event.type === "MINT") {
    if (event.liquidityDelta === 0n) return null;
    positions.set(key, held + event.liquidityDelta);
    const args = [owner, { tickLower, tickUpper, liquidity: event.liquidityDelta }] as const;
    const mint = encodeFunctionData({ abi: marketActorAbi, functionName: "mintFor", args });
    return { from: MARKET_OPERATOR, to: actor, data: mint };
  }
  // The pool refuses to poke a position without liquidity, and here nobody may know that it had some.
  if (event.liquidityDelta === 0n && held === 0n) return null;
  positions.set(key, held + event.liquidityDelta);
  const args = [tickLower, tickUpper, -event.liquidityDelta] as const;
  return { from: owner, to: pool, data: encodeFunctionData({ abi: marketPoolAbi, functionName: "burn", args }) };
}

function countExact(events: readonly PoolEvent[], results: MarketOutcome["liquidity"]): number {
  return events.filter((event, i) => {
    const result = results[i];
    // Some files repeat the burned liquidity where a burn's amount0 should be: then only amount1 can be compared.
    const unrecorded = event.type === "BURN" && event.amount0 === -event.liquidityDelta;
    return result?.amount1 === event.amount1 && (unrecorded || result.amount0 === event.amount0);
  }).length;
}

const recordOf = ({ amount0, amount1, sqrtPriceX96, tick, liquidity }: PoolSwap): SwapResult => ({
  amount0,
  amount1,
  sqrtPriceX96,
  tick,
  liquidity,
});
