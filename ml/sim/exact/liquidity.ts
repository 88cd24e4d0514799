import { MAX_INT128, uint128 } from "./integers.ts";
import { cumulativesNow, writeObservation } from "./oracle.ts";
import { positionId, updatePosition } from "./positions.ts";
import { contractRequires } from "./revert.ts";
import { amount0Between, amount1Between } from "./sqrtPrice.ts";
import { positionOf, putTick, type Storage, tickOf } from "./storage.ts";
import { sqrtPriceAtTick } from "./tickMath.ts";
import { addLiquidity, checkTicks, type FeeGrowth, feeGrowthInside, updateTick } from "./ticks.ts";
import type { Amounts, PositionKey } from "./types.ts";

/** Adds liquidity to a position and returns what the pool asks for it, rounded up. */
export function mint(storage: Storage, key: PositionKey, liquidity: bigint, time: number): Amounts {
  requireInitialised(storage, "mint");
  contractRequires(liquidity > 0n, "mint", "", `the liquidity must be above 0, got ${liquidity}`);
  return changePosition(storage, "mint", key, liquidity, time);
}

/** Takes liquidity from a position; what it pays, rounded down, is owed to the position. */
export function burn(storage: Storage, key: PositionKey, liquidity: bigint, time: number): Amounts {
  requireInitialised(storage, "burn");
  contractRequires(liquidity >= 0n, "burn", "", `the liquidity must not be negative, got ${liquidity}`);
  const { amount0, amount1 } = changePosition(storage, "burn", key, -liquidity, time);
  const held = positionOf(storage, key);
  storage.positions.set(positionId(key), {
    ...held,
    tokensOwed0: uint128(held.tokensOwed0 + amount0),
    tokensOwed1: uint128(held.tokensOwed1 + amount1),
  });
  return { amount0, amount1 };
}

/** Pays out what a position is owed, at most what is asked for. */
export function collect(storage: Storage, key: PositionKey, amount0: bigint, amount1: bigint): Amounts {
  requireInitialised(storage, "collect");
  const held = positionOf(storage, key);
  const paid0 = amount0 < held.tokensOwed0 ? amount0 : held.tokensOwed0;
  const paid1 = amount1 < held.tokensOwed1 ? amount1 : held.tokensOwed1;
  storage.positions.set(positionId(key), {
    ...held,
    tokensOwed0: held.tokensOwed0 - paid0,
    tokensOwed1: held.tokensOwed1 - paid1,
  });
  return { amount0: paid0, amount1: paid1 };
}

export function requireInitialised({ sqrtPriceX96 }: Storage, operation: string): void {
  contractRequires(sqrtPriceX96 !== 0n, operation, "LOK", "the pool must be initialised");
}

export const globalFeeGrowth = (storage: Storage): FeeGrowth => ({
  feeGrowth0X128: storage.feeGrowthGlobal0X128,
  feeGrowth1X128: storage.feeGrowthGlobal1X128,
});

/** Amounts are never negative: paid in for `delta` > 0, owed for `delta` < 0. */
function changePosition(storage: Storage, operation: string, key: PositionKey, delta: bigint, time: number): Amounts {
  const { tickLower, tickUpper } = key;
  const { tick, tickSpacing, sqrtPriceX96 } = storage;
  const size = delta < 0n ? -delta : delta;
  contractRequires(size <= MAX_INT128, operation, "", `the liquidity must be below 2^127, got ${size}`);
  checkTicks(operation, tickLower, tickUpper);

  let lower = tickOf(storage, tickLower);
  let upper = tickOf(storage, tickUpper);
  if (delta !== 0n) {
    const cumulatives = cumulativesNow(storage.oracle, time, tick, storage.liquidity);
    const moment = { time, ...globalFeeGrowth(storage), ...cumulatives };
    const change = { delta, currentTick: tick, maxLiquidity: storage.maxLiquidity };
    lower = updateTick(operation, lower, { ...change, upper: false }, moment);
    upper = updateTick(operation, upper, { ...change, upper: true }, moment);
    contractRequires(
      tickLower % tickSpacing === 0 && tickUpper % tickSpacing === 0,
      operation,
      "",
      `ticks ${tickLower} and ${tickUpper} must be multiples of the spacing ${tickSpacing}`,
    );
  }
  const inside = feeGrowthInside(lower, upper, tick, globalFeeGrowth(storage));
  const position = updatePosition(operation, positionOf(storage, key), delta, inside);
  const inRange = tickLower <= tick && tick < tickUpper;
  const liquidity = inRange ? addLiquidity(operation, storage.liquidity, delta) : storage.liquidity;

  if (delta !== 0n) {
    putTick(storage, lower);
    putTick(storage, upper);
    if (inRange) writeObservation(storage.oracle, time, tick, storage.liquidity);
  }
  storage.positions.set(positionId(key), position);
  storage.liquidity = liquidity;
  return amountsOf(sqrtPriceX96, tick, key, size, delta > 0n);
}

/** Where the price lies is told by the tick: right on a tick's price that was crossed downwards it is the one below. */
function amountsOf(
  priceX96: bigint,
  tick: number,
  { tickLower, tickUpper }: PositionKey,
  liquidity: bigint,
  roundUp: boolean,
): Amounts {
  if (liquidity === 0n) return { amount0: 0n, amount1: 0n };
  const lower = sqrtPriceAtTick(tickLower);
  const upper = sqrtPriceAtTick(tickUpper);
  if (tick < tickLower) return { amount0: amount0Between(lower, upper, liquidity, roundUp), amount1: 0n };
  if (tick >= tickUpper) return { amount0: 0n, amount1: amount1Between(lower, upper, liquidity, roundUp) };
  return {
    amount0: amount0Between(priceX96, upper, liquidity, roundUp),
    amount1: amount1Between(lower, priceX96, liquidity, roundUp),
  };
}
