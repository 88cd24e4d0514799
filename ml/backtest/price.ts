import type { Numeraire, PoolMeta } from "../types.ts";
import { sqrtPriceX96ToLnPrice } from "../units.ts";

/** Which token is the asset, and how many raw units a whole one of each has. */
export interface Orientation {
  readonly numeraire: Numeraire;
  readonly assetUnit: number;
  readonly otherUnit: number;
}

export function orientationOf({ token0, token1 }: PoolMeta, numeraire: Numeraire): Orientation {
  const [asset, other] = numeraire === 0 ? [token0, token1] : [token1, token0];
  return { numeraire, assetUnit: 10 ** asset.decimals, otherUnit: 10 ** other.decimals };
}

/** ln of the raw price in the numeraire → whole asset units per whole unit of the other token. */
export const wholePrice = (lnPrice: number, { assetUnit, otherUnit }: Orientation): number =>
  (Math.exp(lnPrice) * otherUnit) / assetUnit;

export const priceAtSqrt = (sqrtPriceX96: bigint, orientation: Orientation): number =>
  wholePrice(sqrtPriceX96ToLnPrice(sqrtPriceX96, orientation.numeraire), orientation);

/** Two raw amounts, token0 first → whole units of the asset and of the other token. */
export const wholeAmounts = (
  amount0: number,
  amount1: number,
  { numeraire, assetUnit, otherUnit }: Orientation,
): { asset: number; other: number } =>
  numeraire === 0
    ? { asset: amount0 / assetUnit, other: amount1 / otherUnit }
    : { asset: amount1 / assetUnit, other: amount0 / otherUnit };
