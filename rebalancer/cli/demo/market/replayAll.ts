import type { MarketSwap, SwapResult } from "./market.ts";
import type { ReplayMarket } from "./replay.ts";

export interface ReplayMismatch {
  /** Position of the swap in its file, from 0. */
  readonly index: number;
  readonly field: keyof SwapResult;
  readonly recorded: bigint | number;
  readonly replayed: bigint | number;
}

export interface ReplayReport {
  readonly swaps: number;
  /** Swaps that end with the recorded amounts, price, tick and liquidity. */
  readonly exact: number;
  readonly exactIn: number;
  readonly exactOut: number;
  readonly atLimit: number;
  /** Swaps that no order explains: the price was moved to where it was recorded. */
  readonly moved: number;
  readonly mints: number;
  readonly burns: number;
  /** Mints and burns that moved exactly the recorded amounts. */
  readonly liquidityExact: number;
  /** Median over the swaps that are not exact of the larger relative error of both amounts, basis points; null = none. */
  readonly medianAmountErrorBps: number | null;
  /** The first field that differs, for each swap that is not exact. */
  readonly mismatches: readonly ReplayMismatch[];
}

const FIELDS = ["amount0", "amount1", "sqrtPriceX96", "tick", "liquidity"] as const;

/** The first field in which a swap differs from its record; null = none, it is exact. */
export function firstMismatch(swap: MarketSwap): Omit<ReplayMismatch, "index"> | null {
  const { recorded } = swap;
  if (recorded === null) return null;
  for (const field of FIELDS) {
    if (swap[field] !== recorded[field]) return { field, recorded: recorded[field], replayed: swap[field] };
  }
  return null;
}

/** Plays a recorded market to its end with nobody else in the pool and compares every swap with its record. */
export async function replayAll(
  market: ReplayMarket,
  onProgress?: (blocksDone: number, blocks: number) => void,
): Promise<ReplayReport> {
  const swaps: MarketSwap[] = [];
  let [mints, burns, done] = [0, 0, 0];
  for (let block = await market.next(); block !== null; block = await market.next()) {
    swaps.push(...block.swaps);
    mints += block.mints;
    burns += block.burns;
    done++;
    if (done % 50 === 0) onProgress?.(done, market.blocks);
  }
  const mismatches = swaps.flatMap((swap, index) => {
    const difference = firstMismatch(swap);
    return difference ? [{ index, ...difference }] : [];
  });
  const count = (mode: MarketSwap["mode"]) => swaps.filter((swap) => swap.mode === mode).length;
  const errors = mismatches.flatMap(({ index }) => {
    const error = amountErrorBps(swaps[index]);
    return error === null ? [] : [error];
  });
  return {
    swaps: swaps.length,
    exact: swaps.length - mismatches.length,
    exactIn: count("exact-in"),
    exactOut: count("exact-out"),
    atLimit: count("price-limit"),
    moved: count("moved"),
    mints,
    burns,
    liquidityExact: market.liquidityExact(),
    medianAmountErrorBps: median(errors),
    mismatches,
  };
}

function amountErrorBps(swap: MarketSwap | undefined): number | null {
  if (!swap?.recorded || !swap.executed) return null;
  const error = (got: bigint, recorded: bigint) =>
    recorded === 0n ? (got === 0n ? 0 : 10_000) : (Math.abs(Number(got - recorded)) / Math.abs(Number(recorded))) * 1e4;
  return Math.max(error(swap.amount0, swap.recorded.amount0), error(swap.amount1, swap.recorded.amount1));
}

/** Middle value; null for none. */
export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
