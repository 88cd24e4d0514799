import type { PoolSwap } from "../../data/events.ts";
import { type ExactPool, PoolRevertError, type SwapOrder, type SwapOutcome } from "./types.ts";

/** How a swap was ordered. `moved` = no order explains the record, so the price was moved to where it was seen. */
export type SwapMode = "exact-in" | "exact-out" | "price-limit" | "moved";

/** How one recorded swap is ordered when it is played again. */
export interface ReplayOrder extends SwapOrder {
  readonly mode: SwapMode;
  /** As in any order; 0n = nothing to order: the record moved neither price nor tokens. */
  readonly amountSpecified: bigint;
}

/** What the record of a swap tells of its outcome. */
export type SwapRecord = Pick<PoolSwap, "amount0" | "amount1" | "sqrtPriceX96" | "tick" | "liquidity">;

/** The widest price limits of a v3 pool. */
export const LOWEST_LIMIT_X96 = 4295128740n;
export const HIGHEST_LIMIT_X96 = 1461446703485210103287273052203988822378723970341n;

/** An amount for "as much as it takes to reach the limit". */
export const UNLIMITED = (1n << 127n) - 1n;

const widestLimit = (zeroForOne: boolean): bigint => (zeroForOne ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96);

/** Whether a recorded swap sold token0. A record of two zero amounts tells its direction by the price alone. */
export const directionOf = ({ amount0, amount1, sqrtPriceX96 }: SwapRecord, priceBefore: bigint): boolean =>
  amount0 === 0n && amount1 === 0n ? sqrtPriceX96 < priceBefore : amount0 > 0n || amount1 < 0n;

/** The order that a record stands for, given how it was ordered. `result` is what moving the price took. */
export function orderOf(
  mode: SwapMode,
  record: SwapRecord,
  zeroForOne: boolean,
  result: Pick<SwapOutcome, "amount0" | "amount1"> | null,
): ReplayOrder {
  const [input, output] = zeroForOne ? [record.amount0, record.amount1] : [record.amount1, record.amount0];
  const sqrtPriceLimitX96 = widestLimit(zeroForOne);
  if (mode === "exact-in") return { mode, zeroForOne, amountSpecified: input, sqrtPriceLimitX96 };
  if (mode === "exact-out") return { mode, zeroForOne, amountSpecified: output, sqrtPriceLimitX96 };
  if (mode === "price-limit") {
    return { mode, zeroForOne, amountSpecified: UNLIMITED, sqrtPriceLimitX96: record.sqrtPriceX96 };
  }
  // Moved: what it took to get there is taken again as an exact input, so that more liquidity means less movement.
  const moved = result ?? { amount0: 0n, amount1: 0n };
  const down = moved.amount0 > 0n;
  return {
    mode,
    zeroForOne: down,
    amountSpecified: down ? moved.amount0 : moved.amount1,
    sqrtPriceLimitX96: widestLimit(down),
  };
}

export interface FoundOrder {
  readonly order: ReplayOrder;
  /** null = the price was there already and no order explains the record: nothing was swapped. */
  readonly outcome: SwapOutcome | null;
}

/**
 * Plays a recorded swap in a pool, finding out how it was ordered: exact input, exact output or a bare price limit, the
 * first that ends with the recorded amounts, price and tick. Where none does, the price is moved to the recorded one.
 */
export function findOrder(pool: ExactPool, record: SwapRecord): FoundOrder {
  const priceBefore = pool.sqrtPriceX96;
  const zeroForOne = directionOf(record, priceBefore);
  let before = null;
  for (const mode of ["exact-in", "exact-out", "price-limit"] as const) {
    before ??= pool.snapshot();
    const order = orderOf(mode, record, zeroForOne, null);
    const outcome = trySwap(pool, order);
    if (outcome && endsAs(outcome, record)) return { order, outcome };
    if (outcome) pool.restore(before);
  }
  if (priceBefore === record.sqrtPriceX96) return { order: orderOf("moved", record, zeroForOne, null), outcome: null };
  const outcome = pool.swap({
    zeroForOne: priceBefore > record.sqrtPriceX96,
    amountSpecified: UNLIMITED,
    sqrtPriceLimitX96: record.sqrtPriceX96,
  });
  return { order: orderOf("moved", record, zeroForOne, outcome), outcome };
}

/** Carries out an order; null where nothing is ordered, or its price limit is already passed. */
export function playOrder(pool: ExactPool, order: ReplayOrder): SwapOutcome | null {
  const { sqrtPriceX96 } = pool;
  const passed = order.zeroForOne ? sqrtPriceX96 <= order.sqrtPriceLimitX96 : sqrtPriceX96 >= order.sqrtPriceLimitX96;
  return passed || order.amountSpecified === 0n ? null : pool.swap(order);
}

function trySwap(pool: ExactPool, order: SwapOrder): SwapOutcome | null {
  try {
    return pool.swap(order);
  } catch (error) {
    if (error instanceof PoolRevertError) return null;
    throw error;
  }
}

const endsAs = (outcome: SwapOutcome, record: SwapRecord): boolean =>
  outcome.amount0 === record.amount0 &&
  outcome.amount1 === record.amount1 &&
  outcome.sqrtPriceX96 === record.sqrtPriceX96 &&
  outcome.tick === record.tick;
