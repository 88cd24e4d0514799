import { fullRangeValue } from "../data/bars.ts";
import { impermanentLoss, type Offsets, value } from "../risk/position.ts";
import type { Numeraire, Range } from "../types.ts";
import { orientation, pipsToRatio, tickToLnPrice } from "../units.ts";

/** The pool as a move meets it. */
export interface MoveMarket {
  readonly numeraire: Numeraire;
  /** ln of spot in the numeraire. */
  readonly lnPrice: number;
  /** In-range liquidity of others: ours is burned before the swap. */
  readonly otherLiquidity: number;
  readonly feePips: number;
  /** ln of the reference price minus ln of spot, in the numeraire. */
  readonly referenceGap: number;
}

/** Log-price distances of a range from spot, in the numeraire. */
export function offsetsOf(
  { lowerTick, upperTick }: Range,
  { numeraire, lnPrice }: Pick<MoveMarket, "numeraire" | "lnPrice">,
): Offsets {
  const a = tickToLnPrice(lowerTick, numeraire) - lnPrice;
  const b = tickToLnPrice(upperTick, numeraire) - lnPrice;
  return orientation(numeraire) === 1 ? { lower: a, upper: b } : { lower: b, upper: a };
}

/** Part of a position's value at spot that is in the other token; `total` = that value, per unit of liquidity. */
export function otherShareOf(range: Offsets, total = value(range, 0)): number {
  const inside = Math.max(range.lower, Math.min(range.upper, 0));
  return (Math.exp(-inside / 2) - Math.exp(-range.upper / 2)) / total;
}

export interface Placement {
  /** Part of NAV to swap first: positive = the asset is sold for the other token. */
  readonly swapShare: number;
  /** Part of each token to offer to the range afterwards; the pool takes what its price asks for. */
  readonly weight: number;
}

/**
 * The smallest swap that lets a range take `target` of NAV when at most `maxWeight` of each token may be offered. The
 * token that is scarce decides how much goes in, so the other one need not be sold down to the range's proportion.
 */
export const placement = (range: Offsets, otherShare: number, target: number, maxWeight: number): Placement =>
  placementOf(otherShareOf(range), otherShare, target, maxWeight);

/** The same for a range whose positions have the part `wanted` of their value in the other token. */
export function placementOf(wanted: number, otherShare: number, target: number, maxWeight: number): Placement {
  const offered = Math.max(maxWeight, 1e-9);
  const needOther = (target * wanted) / offered;
  const needAsset = (target * (1 - wanted)) / offered;
  if (otherShare < needOther) return { swapShare: needOther - otherShare, weight: maxWeight };
  if (1 - otherShare < needAsset) return { swapShare: 1 - otherShare - needAsset, weight: maxWeight };
  const most = Math.min(
    wanted > 0 ? otherShare / wanted : Number.POSITIVE_INFINITY,
    wanted < 1 ? (1 - otherShare) / (1 - wanted) : Number.POSITIVE_INFINITY,
  );
  return { swapShare: 0, weight: Math.min(maxWeight, target / most) };
}

/** NAV lost by the swap's fee and price impact, a fraction of NAV. */
export const swapCost = (swapShare: number, nav: number, market: MoveMarket): number => {
  const swapped = Math.abs(swapShare);
  return swapped * (pipsToRatio(market.feePips) + swapImpact(swapped * nav, market));
};

/**
 * What the vault measures beyond that cost when its reference prices lie up to `gap` (log price) from spot: tokens swapped
 * and minted at spot are valued there. No money is lost by it, but the declared cost must cover it. A fraction of NAV.
 */
export const referenceLoss = (range: Offsets, swapShare: number, gap: number): number =>
  Math.abs(swapShare) * Math.expm1(gap) - Math.min(impermanentLoss(range, gap), impermanentLoss(range, -gap));

/** Mean log-price slippage of swapping this value through the liquidity in range. */
export function swapImpact(
  value: number,
  { otherLiquidity, lnPrice }: Pick<MoveMarket, "otherLiquidity" | "lnPrice">,
): number {
  if (value === 0) return 0;
  const depth = fullRangeValue(otherLiquidity, lnPrice) / 2;
  return depth > 0 ? value / depth : Number.POSITIVE_INFINITY;
}
