import type { PoolEvent, PoolSwap } from "../../data/events.ts";
import { BaseError } from "../../errors.ts";
import { positionOwner } from "./complete.ts";
import { findOrder, playOrder, type ReplayOrder } from "./orders.ts";
import type { Amounts, ExactPool, SwapOutcome } from "./types.ts";

export interface PlayedSwap {
  readonly event: PoolSwap;
  readonly order: ReplayOrder;
  /** null = nothing was swapped: the price limit was passed already, or nothing was ordered. */
  readonly outcome: SwapOutcome | null;
  /** The first field that differs from the record; null = the swap is exact. */
  readonly mismatch: keyof SwapOutcome | null;
}

export interface PlayedLiquidity {
  readonly event: Exclude<PoolEvent, PoolSwap>;
  /** null = the pool cannot be asked for it: a mint of nothing, or a poke of a position that holds nothing here. */
  readonly amounts: Amounts | null;
  /** Whether the amounts are those recorded; for a collect, whether as much was owed. */
  readonly exact: boolean;
}

export type PlayedEvent = PlayedSwap | PlayedLiquidity;

const FIELDS = ["amount0", "amount1", "sqrtPriceX96", "tick", "liquidity"] as const;

/**
 * Plays recorded events in a pool, one call per event in their order, at their times. Without `orders` it finds out how
 * each swap was ordered; with those of an earlier pass it plays the same orders, whatever else is in the pool by now.
 */
export function eventPlayer(pool: ExactPool, orders?: readonly ReplayOrder[]): (event: PoolEvent) => PlayedEvent {
  let swaps = 0;
  return (event) => {
    pool.setTime(event.timestamp);
    if (event.type !== "SWAP") return playLiquidity(pool, event);
    const index = swaps++;
    if (orders === undefined) {
      const { order, outcome } = findOrder(pool, event);
      return played(event, order, outcome);
    }
    const order = orders[index];
    if (!order) {
      throw new BaseError(`order ${index} is missing: the first pass must have found ${index + 1} orders or more`, {
        details: { index, orders: orders.length },
      });
    }
    return played(event, order, playOrder(pool, order));
  };
}

const played = (event: PoolSwap, order: ReplayOrder, outcome: SwapOutcome | null): PlayedSwap => ({
  event,
  order,
  outcome,
  mismatch: FIELDS.find((field) => outcome?.[field] !== event[field]) ?? null,
});

function playLiquidity(pool: ExactPool, event: Exclude<PoolEvent, PoolSwap>): PlayedLiquidity {
  const { tickLower, tickUpper } = event;
  const key = { owner: positionOwner(event), tickLower, tickUpper };
  if (event.type === "COLLECT") {
    const amounts = pool.collect(key, event.amount0, event.amount1);
    return { event, amounts, exact: amounts.amount0 === event.amount0 && amounts.amount1 === event.amount1 };
  }
  const { liquidityDelta } = event;
  // The contract refuses to add nothing, and to poke a position without liquidity; here nobody may know that it had some.
  if (liquidityDelta === 0n && (event.type === "MINT" || pool.position(key).liquidity === 0n)) {
    return { event, amounts: null, exact: false };
  }
  const amounts = event.type === "MINT" ? pool.mint(key, liquidityDelta) : pool.burn(key, -liquidityDelta);
  // Some files repeat the burned liquidity where a burn's amount0 should be: then only amount1 can be compared.
  const unrecorded = event.type === "BURN" && liquidityDelta !== 0n && event.amount0 === -liquidityDelta;
  const exact = amounts.amount1 === event.amount1 && (unrecorded || amounts.amount0 === event.amount0);
  return { event, amounts, exact };
}

export interface ReplaySummary {
  readonly swaps: number;
  /** Swaps that end with the recorded amounts, price, tick and liquidity. */
  readonly exact: number;
  readonly exactIn: number;
  readonly exactOut: number;
  readonly atLimit: number;
  /** Swaps that no order explains: the price was moved to where it was recorded. */
  readonly moved: number;
  /** Mints and burns, without pokes of nothing. */
  readonly liquidityEvents: number;
  /** Mints and burns that moved exactly the recorded amounts. */
  readonly liquidityExact: number;
  readonly collects: number;
  /** Collects of which as much was owed as was paid. */
  readonly collectsExact: number;
  /** Swaps that differ from their record. */
  readonly mismatches: readonly PlayedSwap[];
  /** As the pool takes them, in the order of the swaps. */
  readonly orders: readonly ReplayOrder[];
}

/** Plays all events with nobody else in the pool and compares each with its record. */
export function replayEvents(pool: ExactPool, events: readonly PoolEvent[]): ReplaySummary {
  const play = eventPlayer(pool);
  const swaps: PlayedSwap[] = [];
  const changes: PlayedLiquidity[] = [];
  for (const event of events) {
    const result = play(event);
    if ("order" in result) swaps.push(result);
    else if (result.amounts !== null) changes.push(result);
  }
  const count = (mode: ReplayOrder["mode"]) => swaps.filter(({ order }) => order.mode === mode).length;
  const mismatches = swaps.filter(({ mismatch }) => mismatch !== null);
  const collects = changes.filter(({ event }) => event.type === "COLLECT");
  const liquidity = changes.filter(({ event }) => event.type !== "COLLECT");
  return {
    swaps: swaps.length,
    exact: swaps.length - mismatches.length,
    exactIn: count("exact-in"),
    exactOut: count("exact-out"),
    atLimit: count("price-limit"),
    moved: count("moved"),
    liquidityEvents: liquidity.length,
    liquidityExact: liquidity.filter(({ exact }) => exact).length,
    collects: collects.length,
    collectsExact: collects.filter(({ exact }) => exact).length,
    mismatches,
    orders: swaps.map(({ order }) => order),
  };
}
