import { encodeFunctionData, parseAbi } from "viem";
import type { PoolEvent, PoolSwap } from "../../../../ml/data/events.ts";
import type { MarketData } from "../../../../ml/data/market.ts";
import type { PoolState } from "../../../../ml/data/state.ts";
import { BaseError } from "../../../../ml/errors.ts";
import type { Address, Hex, PoolMeta } from "../../../../ml/types.ts";
import type { Rpc } from "../rpc.ts";
import { HIGHEST_LIMIT_X96, LOWEST_LIMIT_X96, marketActorAbi, marketPoolAbi, UNLIMITED } from "./actor.ts";
import { enqueue, fund, latestTimestamp, MARKET_OPERATOR, type MarketCall, mine, playBlock } from "./chain.ts";
import { completeState, positionOwner } from "./completeState.ts";
import { deployLocal, type LocalDeployment } from "./deployLocal.ts";
import type { Market, MarketBlock, MarketSwap, SwapMode, SwapResult } from "./market.ts";
import { PoolStateError, poolStorage, writeStorage } from "./poolStorage.ts";
import { type MarketOutcome, readReceipts } from "./receipts.ts";
import { NoSwapsError, reconstructState } from "./reconstruct.ts";

/** How one recorded swap is ordered when it is played again; amounts as the pool takes them (negative = exact output). */
export interface ReplayOrder {
  readonly mode: SwapMode;
  readonly zeroForOne: boolean;
  /** 0n = nothing to order: the record moved neither price nor tokens. */
  readonly amountSpecified: bigint;
  readonly sqrtPriceLimitX96: bigint;
}

export interface ReplayPlan {
  readonly data: MarketData;
  /** The pool before the first event, with all that later events prove to have been in it. */
  readonly state: PoolState;
  /** The chain must be started at this time, Unix seconds. */
  readonly startTimestamp: number;
  readonly reconstructed: boolean;
  readonly notes: readonly string[];
}

/** Works out the starting pool of a recorded market: from its state file, else from what the events reveal. */
export function planReplay(data: MarketData): ReplayPlan {
  const { events } = data;
  const firstEvent = events[0];
  if (!firstEvent || !events.some((event) => event.type === "SWAP")) {
    throw new NoSwapsError(`market ${data.name} holds ${events.length} events but no swap: nothing to replay`, {
      details: { market: data.name, events: events.length },
    });
  }
  const notes: string[] = [...data.notes];
  let start: PoolState;
  if (data.state !== null) {
    start = data.state;
  } else {
    const { state, seenSpans, spans, contradictions } = reconstructState(data);
    start = state;
    notes.push(
      `no starting state: liquidity reconstructed from the events (${seenSpans} of ${spans} tick spans seen, ` +
        `${contradictions} contradictions)`,
    );
  }
  const { state, deducedPositions, deducedTicks } = completeState(start, events);
  if (deducedPositions > 0) {
    notes.push(
      `${deducedPositions} positions that are burned later, and ${deducedTicks} ticks of theirs, added to the start`,
    );
  }
  return {
    data,
    state,
    startTimestamp: startTime(state, firstEvent),
    reconstructed: data.state === null,
    notes,
  };
}

/** As long before the first event as the blocks between tell, but never before the pool's last observation. */
function startTime(state: PoolState, first: PoolEvent): number {
  const observed = Math.max(0, ...state.observations.filter((o) => o.initialized).map((o) => o.blockTimestamp));
  if (observed >= first.timestamp) {
    throw new PoolStateError(
      `pool state at block ${state.block}: its last observation is at ${observed}, but the first event, which must be later, is at ${first.timestamp}`,
      { details: { observed, firstEvent: first.timestamp } },
    );
  }
  const seconds = Math.min(3600, Math.max(1, first.block - state.block) * 12);
  return Math.max(observed, first.timestamp - seconds, 1);
}

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

/** The ring as recorded, or one fresh observation where the file lacks the newest. */
function withObservation(state: PoolState, now: number): PoolState {
  if (state.observations[state.observationIndex]?.initialized) return state;
  const observation = {
    blockTimestamp: now,
    tickCumulative: 0n,
    secondsPerLiquidityCumulativeX128: 0n,
    initialized: true,
  };
  return { ...state, observationIndex: 0, observationCardinality: 1, observations: [observation] };
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

/** A record of two zero amounts tells its direction by the price alone. */
const directionOf = ({ amount0, amount1, sqrtPriceX96 }: PoolSwap, priceBefore: bigint): boolean =>
  amount0 === 0n && amount1 === 0n ? sqrtPriceX96 < priceBefore : amount0 > 0n || amount1 < 0n;

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

function orderOf(mode: SwapMode, event: PoolSwap, zeroForOne: boolean, result: SwapResult | null): ReplayOrder {
  const anyPrice = zeroForOne ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96;
  const [input, output] = zeroForOne ? [event.amount0, event.amount1] : [event.amount1, event.amount0];
  if (mode === "exact-in") return { mode, zeroForOne, amountSpecified: input, sqrtPriceLimitX96: anyPrice };
  if (mode === "exact-out") return { mode, zeroForOne, amountSpecified: output, sqrtPriceLimitX96: anyPrice };
  if (mode === "price-limit") {
    return { mode, zeroForOne, amountSpecified: UNLIMITED, sqrtPriceLimitX96: event.sqrtPriceX96 };
  }
  // Moved: what it took to get there is taken again as an exact input, so that more liquidity means less movement.
  const moved = result ?? { amount0: 0n, amount1: 0n };
  const down = moved.amount0 > 0n;
  return {
    mode,
    zeroForOne: down,
    amountSpecified: down ? moved.amount0 : moved.amount1,
    sqrtPriceLimitX96: down ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96,
  };
}

const recordOf = ({ amount0, amount1, sqrtPriceX96, tick, liquidity }: PoolSwap): SwapResult => ({
  amount0,
  amount1,
  sqrtPriceX96,
  tick,
  liquidity,
});
