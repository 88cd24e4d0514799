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

/** Part of a position's value at spot that is in the other token. */
export function otherShareOf(range: Offsets): number {
  const total = value(range, 0);
  const inside = Math.max(range.lower, Math.min(range.upper, 0));
  return (Math.exp(-inside / 2) - Math.exp(-range.upper / 2)) / total;
}

export interface MoveCost {
  /** Part of NAV that is swapped: positive = the asset is sold for the other token. */
  readonly swapShare: number;
  /** NAV lost by swap fee and price impact, a fraction of NAV. */
  readonly cost: number;
}

/** Cost of turning holdings worth `nav` asset units, `otherShare` of them in the other token, into what a range takes. */
export function moveCost(range: Offsets, otherShare: number, nav: number, market: MoveMarket): MoveCost {
  const swapShare = otherShareOf(range) - otherShare;
  const swapped = Math.abs(swapShare);
  const impact = swapImpact(swapped * nav, market);
  return { swapShare, cost: swapped * (pipsToRatio(market.feePips) + impact) };
}

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
