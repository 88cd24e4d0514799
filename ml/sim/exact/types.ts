import type { ObservationState, PoolState, PositionState, TickState } from "../../data/state.ts";
import { BaseError } from "../../errors.ts";
import type { Address } from "../../types.ts";

/** An operation that the pool contract would revert. The pool is as it was before. */
export class PoolRevertError extends BaseError {
  override name = "PoolRevertError";
  /** The contract's own reason: "AS", "SPL", "TLU", "LO", "LOK", …; "" where it reverts without one. */
  readonly reason: string;
  constructor(operation: string, reason: string, rule: string) {
    super(`${operation}: the pool reverts with "${reason}": ${rule}`);
    this.reason = reason;
  }
}

/** `amountSpecified` > 0 = exact input, < 0 = exact output, fee included, token units. */
export interface SwapOrder {
  readonly zeroForOne: boolean;
  readonly amountSpecified: bigint;
  readonly sqrtPriceLimitX96: bigint;
}

/** Amounts are the pool's view: positive = paid into the pool. Price, tick and liquidity are after the swap. */
export interface SwapOutcome {
  readonly amount0: bigint;
  readonly amount1: bigint;
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  readonly liquidity: bigint;
}

export interface PositionKey {
  readonly owner: Address;
  readonly tickLower: number;
  readonly tickUpper: number;
}

export interface Amounts {
  readonly amount0: bigint;
  readonly amount1: bigint;
}

/** A pool's whole state at one moment, opaque and immutable; belongs to the engine that made it. */
export interface PoolSnapshot {
  readonly engine: string;
}

/**
 * A Uniswap v3 pool whose every state word equals the contract's after every operation. Amounts are token units, prices
 * Q64.96, fee growth Q128.128 modulo 2^256. An operation that the contract would revert throws PoolRevertError and
 * changes nothing. Balances of tokens are not part of it: `balance` checks of the contract's callbacks never fail here.
 */
export interface ExactPool {
  readonly feePips: number;
  readonly tickSpacing: number;
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  /** In range. */
  readonly liquidity: bigint;
  readonly feeGrowthGlobal0X128: bigint;
  readonly feeGrowthGlobal1X128: bigint;
  /** As the contract packs it: token0's denominator in the low four bits, token1's in the high four. */
  readonly feeProtocol: number;
  readonly protocolFees0: bigint;
  readonly protocolFees1: bigint;
  readonly observationIndex: number;
  readonly observationCardinality: number;
  readonly observationCardinalityNext: number;

  /** Sets the block time in unix seconds that the next operations see; taken modulo 2^32 as the contract does. */
  setTime(timestamp: number): void;
  initialize(sqrtPriceX96: bigint): void;
  swap(order: SwapOrder): SwapOutcome;
  /** Amounts that the contract asks for in its callback. */
  mint(key: PositionKey, liquidity: bigint): Amounts;
  /** `liquidity` 0n = poke: credits fees only. Amounts are owed to the position, not yet paid. */
  burn(key: PositionKey, liquidity: bigint): Amounts;
  /** Pays at most what is owed. */
  collect(key: PositionKey, amount0Requested: bigint, amount1Requested: bigint): Amounts;
  /** Fees paid beyond the lent amounts go to those in range, as a donation does. */
  flash(paid0: bigint, paid1: bigint): void;
  setFeeProtocol(feeProtocol0: number, feeProtocol1: number): void;
  collectProtocol(amount0Requested: bigint, amount1Requested: bigint): Amounts;
  increaseObservationCardinalityNext(cardinalityNext: number): void;

  observe(secondsAgos: readonly number[]): {
    readonly tickCumulatives: readonly bigint[];
    readonly secondsPerLiquidityCumulativeX128s: readonly bigint[];
  };
  snapshotCumulativesInside(
    tickLower: number,
    tickUpper: number,
  ): {
    readonly tickCumulativeInside: bigint;
    readonly secondsPerLiquidityInsideX128: bigint;
    readonly secondsInside: number;
  };
  /** Zeros for a position that never was. */
  position(key: PositionKey): PositionState;
  /** What burn(key, 0n) and collect of everything would pay now, to the wei; changes nothing. */
  uncollectedFees(key: PositionKey): Amounts;
  tickState(tick: number): TickState;
  observation(index: number): ObservationState;
  /** 256 bits, one per tick spacing, of which initialised ticks are set; `position` = floor(tick / spacing / 256). */
  bitmapWord(position: number): bigint;
  /**
   * Everything, in the shape of a state file: ticks sorted, positions sorted by owner (lower case) and ticks and without
   * those that are all zeros, observations up to the next cardinality. `balance0/1` are passed through from the state it
   * was made of.
   */
  state(): PoolState;
  snapshot(): PoolSnapshot;
  /** Any number of times, also on a fork of the same engine. */
  restore(snapshot: PoolSnapshot): void;
  /** An independent pool in the same state. */
  fork(): ExactPool;
}
