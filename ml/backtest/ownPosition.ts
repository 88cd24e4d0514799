import type { Range } from "../types.ts";
import { getSqrtPriceAtTick } from "../units.ts";

const Q96_FLOAT = 2 ** 96;

/** A position's edges as sqrt prices in floats, worked out once. */
export interface Edges {
  readonly lower: number;
  readonly upper: number;
}

export const sqrtFloat = (sqrtPriceX96: bigint): number => Number(sqrtPriceX96) / Q96_FLOAT;

export const edgesOf = ({ lowerTick, upperTick }: Range): Edges => ({
  lower: sqrtFloat(getSqrtPriceAtTick(lowerTick)),
  upper: sqrtFloat(getSqrtPriceAtTick(upperTick)),
});

/** Token amounts per unit of liquidity at a sqrt price. */
export function amountsPerLiquidity({ lower, upper }: Edges, sqrtPrice: number): { amount0: number; amount1: number } {
  const inside = Math.max(lower, Math.min(upper, sqrtPrice));
  return { amount0: 1 / inside - 1 / upper, amount1: inside - lower };
}
