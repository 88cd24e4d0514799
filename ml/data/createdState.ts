import type { Address } from "../types.ts";
import type { MarketPool } from "./market.ts";
import type { PoolState } from "./state.ts";
import type { PoolInitialize, StoredEvent } from "./store/eventTypes.ts";

const NOBODY: Address = "0x0000000000000000000000000000000000000000";

/** The empty pool that a record begins with when its first event gives the pool its price; else null. */
export function createdState(events: readonly StoredEvent[], pool: MarketPool): PoolState | null {
  const [first, second] = events;
  if (first?.type !== "INITIALIZE") return null;
  return {
    address: pool.address ?? NOBODY,
    block: first.block,
    token0: pool.token0.address ?? NOBODY,
    token1: pool.token1.address ?? NOBODY,
    feePips: pool.feePips,
    tickSpacing: pool.tickSpacing,
    maxLiquidityPerTick: null,
    feeGrowthGlobal0X128: 0n,
    feeGrowthGlobal1X128: 0n,
    protocolFees0: 0n,
    protocolFees1: 0n,
    liquidity: 0n,
    sqrtPriceX96: first.sqrtPriceX96,
    tick: first.tick,
    observationIndex: 0,
    observationCardinality: 1,
    observationCardinalityNext: 1,
    feeProtocol: 0,
    balance0: 0n,
    balance1: 0n,
    ticks: [],
    positions: [],
    // Where the pool was used in the very block of its creation, the replay makes the first observation itself.
    observations: second !== undefined && second.timestamp > first.timestamp ? [observationOf(first)] : [],
    notes: [],
  };
}

const observationOf = ({ timestamp }: PoolInitialize) => ({
  blockTimestamp: timestamp,
  tickCumulative: 0n,
  secondsPerLiquidityCumulativeX128: 0n,
  initialized: true,
});
