import type { PoolState, PositionState, TickState } from "../../data/state.ts";
import { type Bitmap, flipTick } from "./bitmap.ts";
import type { Oracle } from "./oracle.ts";
import { emptyPosition, positionId } from "./positions.ts";
import { emptyTick, maxLiquidityPerTick } from "./ticks.ts";
import type { PositionKey } from "./types.ts";

/** What a pool contract stores. Records inside are replaced, never changed, so that a copy is shallow. */
export interface Storage {
  readonly feePips: number;
  readonly tickSpacing: number;
  readonly maxLiquidity: bigint;
  /** 0n before the pool is initialised. */
  sqrtPriceX96: bigint;
  tick: number;
  feeProtocol: number;
  feeGrowthGlobal0X128: bigint;
  feeGrowthGlobal1X128: bigint;
  protocolFees0: bigint;
  protocolFees1: bigint;
  liquidity: bigint;
  readonly oracle: Oracle;
  readonly ticks: Map<number, TickState>;
  readonly bitmap: Bitmap;
  readonly positions: Map<string, PositionState>;
}

/** A pool that was just deployed. */
export interface FreshPool {
  readonly feePips: number;
  readonly tickSpacing: number;
}

export function freshStorage({ feePips, tickSpacing }: FreshPool): Storage {
  return {
    feePips,
    tickSpacing,
    maxLiquidity: maxLiquidityPerTick(tickSpacing),
    sqrtPriceX96: 0n,
    tick: 0,
    feeProtocol: 0,
    feeGrowthGlobal0X128: 0n,
    feeGrowthGlobal1X128: 0n,
    protocolFees0: 0n,
    protocolFees1: 0n,
    liquidity: 0n,
    oracle: { ring: [], index: 0, cardinality: 0, cardinalityNext: 0 },
    ticks: new Map(),
    bitmap: new Map(),
    positions: new Map(),
  };
}

/** Ticks without liquidity are left out, as the contract clears them; the bitmap follows from the others. */
export function storageOf(state: PoolState): Storage {
  const storage = freshStorage(state);
  for (const tick of state.ticks) {
    if (tick.liquidityGross === 0n) continue;
    storage.ticks.set(tick.tick, { ...tick, initialized: true });
    flipTick(storage.bitmap, tick.tick, state.tickSpacing);
  }
  for (const position of state.positions) {
    storage.positions.set(positionId(position), {
      ...position,
      owner: position.owner.toLowerCase() as PositionKey["owner"],
    });
  }
  return {
    ...storage,
    sqrtPriceX96: state.sqrtPriceX96,
    tick: state.tick,
    feeProtocol: state.feeProtocol,
    feeGrowthGlobal0X128: state.feeGrowthGlobal0X128,
    feeGrowthGlobal1X128: state.feeGrowthGlobal1X128,
    protocolFees0: state.protocolFees0,
    protocolFees1: state.protocolFees1,
    liquidity: state.liquidity,
    oracle: {
      ring: [...state.observations],
      index: state.observationIndex,
      cardinality: state.observationCardinality,
      cardinalityNext: state.observationCardinalityNext,
    },
  };
}

/** An independent copy. */
export const copyStorage = (storage: Storage): Storage => ({
  ...storage,
  oracle: { ...storage.oracle, ring: [...storage.oracle.ring] },
  ticks: new Map(storage.ticks),
  bitmap: new Map(storage.bitmap),
  positions: new Map(storage.positions),
});

export const tickOf = ({ ticks }: Storage, tick: number): TickState => ticks.get(tick) ?? emptyTick(tick);

export const positionOf = ({ positions }: Storage, key: PositionKey): PositionState =>
  positions.get(positionId(key)) ?? emptyPosition(key);

/** Stores a tick, or clears it when no liquidity is left at it, and keeps the bitmap in step. */
export function putTick(storage: Storage, tick: TickState): void {
  const before = storage.ticks.has(tick.tick);
  const after = tick.liquidityGross > 0n;
  if (after) storage.ticks.set(tick.tick, tick);
  else storage.ticks.delete(tick.tick);
  if (before !== after) flipTick(storage.bitmap, tick.tick, storage.tickSpacing);
}

export const isPlain = (p: PositionState) =>
  p.liquidity === 0n &&
  p.feeGrowthInside0LastX128 === 0n &&
  p.feeGrowthInside1LastX128 === 0n &&
  p.tokensOwed0 === 0n &&
  p.tokensOwed1 === 0n;

export const byOwnerAndTicks = (a: PositionState, b: PositionState): number => {
  if (a.owner !== b.owner) return a.owner < b.owner ? -1 : 1;
  return a.tickLower - b.tickLower || a.tickUpper - b.tickUpper;
};

/** The parts of a state file that the engine knows. */
export function stateOf(
  storage: Storage,
): Omit<PoolState, "address" | "block" | "token0" | "token1" | "balance0" | "balance1" | "notes"> {
  const { oracle } = storage;
  return {
    feePips: storage.feePips,
    tickSpacing: storage.tickSpacing,
    maxLiquidityPerTick: storage.maxLiquidity,
    feeGrowthGlobal0X128: storage.feeGrowthGlobal0X128,
    feeGrowthGlobal1X128: storage.feeGrowthGlobal1X128,
    protocolFees0: storage.protocolFees0,
    protocolFees1: storage.protocolFees1,
    liquidity: storage.liquidity,
    sqrtPriceX96: storage.sqrtPriceX96,
    tick: storage.tick,
    observationIndex: oracle.index,
    observationCardinality: oracle.cardinality,
    observationCardinalityNext: oracle.cardinalityNext,
    feeProtocol: storage.feeProtocol,
    ticks: [...storage.ticks.values()].sort((a, b) => a.tick - b.tick),
    positions: [...storage.positions.values()].filter((p) => !isPlain(p)).sort(byOwnerAndTicks),
    observations: [...oracle.ring],
  };
}
