import type { PoolEvent } from "../../../ml/data/events.ts";
import type { MarketData } from "../../../ml/data/market.ts";
import type { PoolState } from "../../../ml/data/state.ts";
import type { StoredEvent } from "../../../ml/data/store/eventTypes.ts";
import { getTickAtSqrtPrice, Q96 } from "../../../ml/units.ts";

/** The price from the other token's side: one over it. Never −0, which is no tick. */
export const mirrorSqrtPrice = (sqrtPriceX96: bigint): bigint => (Q96 * Q96 + sqrtPriceX96 / 2n) / sqrtPriceX96;
const minus = (tick: number): number => 0 - tick;

/** Both ends of a range, turned round. */
export const mirrorTicks = <T extends { readonly lowerTick: number; readonly upperTick: number }>(range: T): T => ({
  ...range,
  lowerTick: minus(range.upperTick),
  upperTick: minus(range.lowerTick),
});

/** An event of the same pool with its tokens in the other order. */
export function mirrorEvent<T extends PoolEvent | StoredEvent>(event: T): T {
  const turned: Record<string, unknown> = { ...event, amount0: event.amount1, amount1: event.amount0 };
  if ("sqrtPriceX96" in event && event.sqrtPriceX96 !== null) {
    const sqrtPriceX96 = mirrorSqrtPrice(event.sqrtPriceX96);
    Object.assign(turned, { sqrtPriceX96, tick: getTickAtSqrtPrice(sqrtPriceX96) });
  }
  if ("tickLower" in event && event.tickLower !== null && event.tickUpper !== null) {
    Object.assign(turned, { tickLower: minus(event.tickUpper), tickUpper: minus(event.tickLower) });
  }
  return turned as unknown as T;
}

/** A recorded market with its tokens in the other order: the same trades, ticks running the other way. */
export const mirrorMarket = (data: MarketData): MarketData => ({
  ...data,
  events: data.events.map(mirrorEvent),
  state: data.state === null ? null : mirrorState(data.state),
  pool: { ...data.pool, token0: data.pool.token1, token1: data.pool.token0 },
});

function mirrorState(state: PoolState): PoolState {
  const sqrtPriceX96 = mirrorSqrtPrice(state.sqrtPriceX96);
  return {
    ...state,
    ...{ token0: state.token1, token1: state.token0, sqrtPriceX96, tick: getTickAtSqrtPrice(sqrtPriceX96) },
    ...{ feeGrowthGlobal0X128: state.feeGrowthGlobal1X128, feeGrowthGlobal1X128: state.feeGrowthGlobal0X128 },
    ...{ protocolFees0: state.protocolFees1, protocolFees1: state.protocolFees0 },
    ...{ balance0: state.balance1, balance1: state.balance0 },
    feeProtocol: (state.feeProtocol >> 4) + ((state.feeProtocol & 15) << 4),
    // Outside is on the side where the price is not: it stays there.
    ticks: state.ticks
      .map((one) => ({
        ...one,
        ...{
          tick: minus(one.tick),
          liquidityNet: -one.liquidityNet,
          tickCumulativeOutside: -one.tickCumulativeOutside,
        },
        ...{ feeGrowthOutside0X128: one.feeGrowthOutside1X128, feeGrowthOutside1X128: one.feeGrowthOutside0X128 },
      }))
      .sort((a, b) => a.tick - b.tick),
    positions: state.positions.map((one) => ({
      ...one,
      ...{ tickLower: minus(one.tickUpper), tickUpper: minus(one.tickLower) },
      ...{
        feeGrowthInside0LastX128: one.feeGrowthInside1LastX128,
        feeGrowthInside1LastX128: one.feeGrowthInside0LastX128,
      },
      ...{ tokensOwed0: one.tokensOwed1, tokensOwed1: one.tokensOwed0 },
    })),
    observations: state.observations.map((one) => ({ ...one, tickCumulative: -one.tickCumulative })),
  };
}
