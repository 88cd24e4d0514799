import type { Numeraire, Range } from "../../ml/types.ts";

/** Token amounts of a position, raw units in floating point. Whitepaper, equations 6.29 and 6.30. */
export function amountsOf(liquidity: bigint, range: Range, sqrtPriceX96: bigint): readonly [number, number] {
  const lower = 1.0001 ** (range.lowerTick / 2);
  const upper = 1.0001 ** (range.upperTick / 2);
  const at = Math.min(Math.max(Number(sqrtPriceX96) / 2 ** 96, lower), upper);
  return [Number(liquidity) * (1 / at - 1 / upper), Number(liquidity) * (at - lower)];
}

/** Raw asset units per raw unit of the other token. */
export function rawPrice(sqrtPriceX96: bigint, numeraire: Numeraire): number {
  const ratio = (Number(sqrtPriceX96) / 2 ** 96) ** 2;
  return numeraire === 1 ? ratio : 1 / ratio;
}

/** Value of two token amounts in asset units (raw). */
export function worthOf(amount0: number, amount1: number, sqrtPriceX96: bigint, numeraire: Numeraire): number {
  const price = rawPrice(sqrtPriceX96, numeraire);
  return numeraire === 1 ? amount0 * price + amount1 : amount0 + amount1 * price;
}
