import type { PoolEvent, PoolSwap } from "../../data/events.ts";
import type { MarketData } from "../../data/market.ts";
import type { PoolState } from "../../data/state.ts";
import { BaseError } from "../../errors.ts";
import type { Address } from "../../types.ts";
import { amountsForLiquidity, ceilToSpacing, floorToSpacing, MAX_TICK, MIN_TICK } from "../../units.ts";
import { freshTick, missingLiquidity, tickNeeds } from "./complete.ts";

/** A market cannot be replayed because its event file holds no swap. */
export class NoSwapsError extends BaseError {
  override name = "NoSwapsError";
}

export interface ReconstructedState {
  readonly state: PoolState;
  /** Spans of one tick spacing whose liquidity was seen, out of all between the lowest and the highest price. */
  readonly seenSpans: number;
  readonly spans: number;
  /** Swaps whose liquidity contradicts an earlier one in the same span: something the file does not tell happened. */
  readonly contradictions: number;
}

const NOBODY: Address = "0x0000000000000000000000000000000000000000";

/**
 * A starting state from events alone. The liquidity in range after a swap, less all that was minted and burned over
 * its tick since the start, is what lay in that span of ticks at the start. A span that no swap ended in takes the
 * nearest one's. The price starts where the first swap ended, so that swap cannot be checked.
 */
export function reconstructState(data: Pick<MarketData, "name" | "events" | "pool">): ReconstructedState {
  const { events, pool } = data;
  const { tickSpacing } = pool;
  const first = events.find((event): event is PoolSwap => event.type === "SWAP");
  if (!first) {
    throw new NoSwapsError(`market ${data.name} holds ${events.length} events but no swap, so there is no price`, {
      details: { market: data.name, events: events.length },
    });
  }
  const { seen, contradictions } = observe(events, tickSpacing);
  const lowest = Math.min(...seen.keys());
  const highest = Math.max(...seen.keys());
  const profile = startingProfile(events, seen, tickSpacing);
  const global = { tick: first.tick, feeGrowthGlobal0X128: 0n, feeGrowthGlobal1X128: 0n };
  // Positions that are burned later must be there, and others that bring the net to what was seen.
  const needs = tickNeeds([...missingLiquidity([], events).values()]);
  const ticks = [];
  let before = 0n;
  for (const { from, liquidity } of [...profile, { from: floorToSpacing(MAX_TICK, tickSpacing), liquidity: 0n }]) {
    const net = liquidity - before;
    const need = needs.get(from) ?? { gross: 0n, net: 0n };
    const gross = need.gross + size(net - need.net);
    if (gross > 0n) ticks.push(freshTick(global, from, gross, net));
    before = liquidity;
  }
  const liquidity = profile.findLast(({ from }) => from <= first.tick)?.liquidity ?? 0n;
  const backing = balances(profile, events, first.sqrtPriceX96, tickSpacing);
  const state: PoolState = {
    address: pool.address ?? NOBODY,
    block: (events[0]?.block ?? 1) - 1,
    token0: pool.token0.address ?? NOBODY,
    token1: pool.token1.address ?? NOBODY,
    feePips: pool.feePips,
    tickSpacing,
    maxLiquidityPerTick: null,
    feeGrowthGlobal0X128: 0n,
    feeGrowthGlobal1X128: 0n,
    protocolFees0: 0n,
    protocolFees1: 0n,
    liquidity,
    sqrtPriceX96: first.sqrtPriceX96,
    tick: first.tick,
    observationIndex: 0,
    observationCardinality: 1,
    observationCardinalityNext: 1,
    feeProtocol: 0,
    balance0: backing.amount0,
    balance1: backing.amount1,
    ticks,
    positions: [],
    observations: [],
    notes: [],
  };
  return { state, seenSpans: seen.size, spans: (highest - lowest) / tickSpacing + 1, contradictions };
}

/** Liquidity at the start per span (by its lower tick), from the first swap that ended in it. */
function observe(events: readonly PoolEvent[], tickSpacing: number) {
  const seen = new Map<number, bigint>();
  const changes: { tickLower: number; tickUpper: number; liquidityDelta: bigint }[] = [];
  let contradictions = 0;
  for (const event of events) {
    if (event.type === "MINT" || event.type === "BURN") changes.push(event);
    if (event.type !== "SWAP") continue;
    const since = changes.reduce(
      (sum, { tickLower, tickUpper, liquidityDelta }) =>
        tickLower <= event.tick && event.tick < tickUpper ? sum + liquidityDelta : sum,
      0n,
    );
    const span = floorToSpacing(event.tick, tickSpacing);
    const atStart = event.liquidity - since;
    const earlier = seen.get(span);
    if (earlier === undefined) seen.set(span, atStart < 0n ? 0n : atStart);
    else if (earlier !== atStart) contradictions++;
  }
  return { seen, contradictions };
}

const size = (value: bigint): bigint => (value < 0n ? -value : value);

interface Span {
  /** Lower tick; the span ends where the next one begins. */
  readonly from: number;
  readonly liquidity: bigint;
}

/**
 * Liquidity at the start over all ticks. Burns may take from a span more than was seen near it; such a span starts
 * with at least what its events take.
 */
function startingProfile(events: readonly PoolEvent[], seen: ReadonlyMap<number, bigint>, tickSpacing: number): Span[] {
  const observed = [...seen].map(([from, liquidity]) => ({ from, liquidity })).sort((a, b) => a.from - b.from);
  const edges = new Set<number>([ceilToSpacing(MIN_TICK, tickSpacing)]);
  for (const { from } of observed) edges.add(from).add(from + tickSpacing);
  for (let i = 1; i < observed.length; i++) {
    // Half-way between two observations the nearer one changes.
    const [a, b] = [observed[i - 1]?.from ?? 0, observed[i]?.from ?? 0];
    edges.add(floorToSpacing((a + b + tickSpacing) / 2, tickSpacing));
  }
  const changes = events.filter((event) => event.type === "MINT" || event.type === "BURN");
  for (const { tickLower, tickUpper } of changes) edges.add(tickLower).add(tickUpper);
  const last = floorToSpacing(MAX_TICK, tickSpacing);
  return [...edges]
    .filter((edge) => edge < last)
    .sort((a, b) => a - b)
    .map((from) => {
      let balance = 0n;
      let least = 0n;
      for (const { tickLower, tickUpper, liquidityDelta } of changes) {
        if (tickLower > from || from >= tickUpper) continue;
        balance += liquidityDelta;
        if (balance < least) least = balance;
      }
      const nearby = nearest(observed, from);
      return { from, liquidity: nearby + least < 0n ? -least : nearby };
    });
}

/** Liquidity of the observed span nearest to a tick. */
function nearest(observed: readonly Span[], tick: number): bigint {
  let best = observed[0];
  for (const span of observed) {
    if (Math.abs(span.from - tick) < Math.abs((best?.from ?? 0) - tick)) best = span;
  }
  return best?.liquidity ?? 0n;
}

/** Tokens that back the liquidity near the price, and all that the recorded swaps take out. */
function balances(profile: readonly Span[], events: readonly PoolEvent[], sqrtPriceX96: bigint, tickSpacing: number) {
  let amount0 = 0n;
  let amount1 = 0n;
  profile.forEach(({ from, liquidity }, i) => {
    const to = profile[i + 1]?.from ?? floorToSpacing(MAX_TICK, tickSpacing);
    const amounts = amountsForLiquidity(sqrtPriceX96, from, to, liquidity, true);
    amount0 += amounts.amount0;
    amount1 += amounts.amount1;
  });
  for (const event of events) {
    if (event.type !== "SWAP" && event.type !== "BURN") continue;
    if (event.amount0 < 0n || event.type === "BURN") amount0 += event.amount0 < 0n ? -event.amount0 : event.amount0;
    if (event.amount1 < 0n || event.type === "BURN") amount1 += event.amount1 < 0n ? -event.amount1 : event.amount1;
  }
  return { amount0, amount1 };
}
