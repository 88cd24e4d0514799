import type { SwapMode } from "../../../../ml/sim/exact/orders.ts";
import type { Address, PoolMeta } from "../../../../ml/types.ts";

/** What one swap did. Amounts are the pool's view (positive = paid into the pool); price, tick and liquidity are after it. */
export interface SwapResult {
  readonly amount0: bigint;
  readonly amount1: bigint;
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  readonly liquidity: bigint;
}

export interface MarketSwap extends SwapResult {
  /** false = its price limit was already passed, so nothing was swapped. */
  readonly executed: boolean;
  readonly mode: SwapMode;
  /** Why it came: recorded events do not say. */
  readonly flow: "noise" | "informed" | "recorded";
  /** What the record says the same order did; null where there is no record. */
  readonly recorded: SwapResult | null;
}

/** One mined block: the market's own doings in it. Other people's transactions were mined in the same block. */
export interface MarketBlock {
  readonly block: number;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly swaps: readonly MarketSwap[];
  readonly mints: number;
  readonly burns: number;
  /** Price outside the pool, raw token1 per raw token0, where the market has one. */
  readonly referencePrice: number | null;
}

/**
 * A market that plays on a chain, block by block. What others put in the mempool before `next()` is mined in the same
 * block, ahead of the market's own transactions.
 */
export interface Market {
  readonly name: string;
  readonly pool: PoolMeta;
  /** The contract that trades for the market and can hold benchmark positions. */
  readonly actor: Address;
  /** Unix seconds of the last moment before the first block. */
  readonly startTimestamp: number;
  /** Unix seconds of the last block. */
  readonly endTimestamp: number;
  /** Blocks in all. */
  readonly blocks: number;
  /** What had to be guessed or reconstructed, for the report. */
  readonly notes: readonly string[];
  /** Unix seconds of the next block, or null when the market is over. */
  nextTimestamp(): number | null;
  /** Queues the market's transactions, mines one block at its time, and says what happened; null = over. */
  next(): Promise<MarketBlock | null>;
  /** Plays all blocks up to a time in few requests, for spans in which nobody else acts. Returns the last block played. */
  fastForward(untilTimestamp: number): Promise<MarketBlock | null>;
}
