import type { TickState } from "../../data/state.ts";
import { MAX_TICK, MIN_TICK } from "../../units.ts";
import { int56, MAX_INT128, MAX_UINT128, uint32, uint160, uint256 } from "./integers.ts";
import type { Cumulatives } from "./oracle.ts";
import { contractRequires } from "./revert.ts";

export interface FeeGrowth {
  readonly feeGrowth0X128: bigint;
  readonly feeGrowth1X128: bigint;
}

/** What a tick needs to know of the pool when it is initialised or crossed. */
export interface PoolMoment extends FeeGrowth, Cumulatives {
  readonly time: number;
}

export const emptyTick = (tick: number): TickState => ({
  tick,
  liquidityGross: 0n,
  liquidityNet: 0n,
  feeGrowthOutside0X128: 0n,
  feeGrowthOutside1X128: 0n,
  tickCumulativeOutside: 0n,
  secondsPerLiquidityOutsideX128: 0n,
  secondsOutside: 0,
  initialized: false,
});

/** The most liquidity that may begin or end at one tick: all ticks full still fit in 128 bits. */
export function maxLiquidityPerTick(tickSpacing: number): bigint {
  const ticks = Math.trunc(MAX_TICK / tickSpacing) - Math.trunc(MIN_TICK / tickSpacing) + 1;
  return MAX_UINT128 / BigInt(ticks);
}

export function checkTicks(operation: string, tickLower: number, tickUpper: number): void {
  const range = `${tickLower} to ${tickUpper}`;
  contractRequires(tickLower < tickUpper, operation, "TLU", `the lower tick must be below the upper one, got ${range}`);
  contractRequires(
    tickLower >= MIN_TICK,
    operation,
    "TLM",
    `the lower tick must be at least ${MIN_TICK}, got ${range}`,
  );
  contractRequires(tickUpper <= MAX_TICK, operation, "TUM", `the upper tick must be at most ${MAX_TICK}, got ${range}`);
}

/** Liquidity after a change; it must stay within 0 and 2^128. */
export function addLiquidity(operation: string, liquidity: bigint, delta: bigint): bigint {
  const after = liquidity + delta;
  contractRequires(after >= 0n, operation, "LS", `liquidity ${liquidity} is less than the ${-delta} to take from it`);
  contractRequires(after <= MAX_UINT128, operation, "LA", `liquidity ${after} must fit in 128 bits`);
  return after;
}

/**
 * A tick after a position that begins (or, as `upper`, ends) at it changed. Left without liquidity it keeps its growth:
 * the position's fees are still to be reckoned before it is cleared.
 */
export function updateTick(
  operation: string,
  held: TickState,
  change: { delta: bigint; upper: boolean; currentTick: number; maxLiquidity: bigint },
  moment: PoolMoment,
): TickState {
  const { delta, upper, currentTick, maxLiquidity } = change;
  const liquidityGross = addLiquidity(operation, held.liquidityGross, delta);
  contractRequires(
    liquidityGross <= maxLiquidity,
    operation,
    "LO",
    `liquidity at tick ${held.tick} must be at most ${maxLiquidity}, got ${liquidityGross}`,
  );
  const liquidityNet = held.liquidityNet + (upper ? -delta : delta);
  contractRequires(
    liquidityNet <= MAX_INT128 && liquidityNet >= -MAX_INT128 - 1n,
    operation,
    "",
    `net liquidity at tick ${held.tick} must fit in 128 bits`,
  );
  if (held.liquidityGross > 0n) return { ...held, liquidityGross, liquidityNet };
  // By convention all growth before a tick is initialised happened below it.
  const below = held.tick <= currentTick;
  return {
    tick: held.tick,
    liquidityGross,
    liquidityNet,
    feeGrowthOutside0X128: below ? moment.feeGrowth0X128 : 0n,
    feeGrowthOutside1X128: below ? moment.feeGrowth1X128 : 0n,
    tickCumulativeOutside: below ? moment.tickCumulative : 0n,
    secondsPerLiquidityOutsideX128: below ? moment.secondsPerLiquidityCumulativeX128 : 0n,
    secondsOutside: below ? moment.time : 0,
    initialized: true,
  };
}

/** A tick after the price crossed it: "outside" is now the other side. */
export function crossTick(held: TickState, moment: PoolMoment): TickState {
  return {
    ...held,
    feeGrowthOutside0X128: uint256(moment.feeGrowth0X128 - held.feeGrowthOutside0X128),
    feeGrowthOutside1X128: uint256(moment.feeGrowth1X128 - held.feeGrowthOutside1X128),
    tickCumulativeOutside: int56(moment.tickCumulative - held.tickCumulativeOutside),
    secondsPerLiquidityOutsideX128: uint160(
      moment.secondsPerLiquidityCumulativeX128 - held.secondsPerLiquidityOutsideX128,
    ),
    secondsOutside: uint32(moment.time - held.secondsOutside),
  };
}

/** Fees per unit of liquidity earned inside a range so far, modulo 2^256: only differences mean anything. */
export function feeGrowthInside(lower: TickState, upper: TickState, currentTick: number, global: FeeGrowth): FeeGrowth {
  const inside = (all: bigint, outsideLower: bigint, outsideUpper: bigint) => {
    const below = currentTick >= lower.tick ? outsideLower : all - outsideLower;
    const above = currentTick < upper.tick ? outsideUpper : all - outsideUpper;
    return uint256(all - below - above);
  };
  return {
    feeGrowth0X128: inside(global.feeGrowth0X128, lower.feeGrowthOutside0X128, upper.feeGrowthOutside0X128),
    feeGrowth1X128: inside(global.feeGrowth1X128, lower.feeGrowthOutside1X128, upper.feeGrowthOutside1X128),
  };
}
