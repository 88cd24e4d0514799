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
  /** NAV lost by swap fee, price impact and what a reference away from spot makes of the move; a fraction of NAV. */
  readonly cost: number;
  /** Of the cost, what the vault pays even when all reference prices agree. */
  readonly paid: number;
}

/** Cost of turning holdings into those that a range takes. `value` is what moves, in asset units. */
export function moveCost(range: Offsets, otherShare: number, nav: number, market: MoveMarket): MoveCost {
  const swapShare = otherShareOf(range) - otherShare;
  const swapped = Math.abs(swapShare);
  const impact = swapImpact(swapped * nav, market);
  const paid = swapped * (pipsToRatio(market.feePips) + impact);
  const gap = Math.abs(market.referenceGap);
  // Low and high reference reach at most twice as far from spot as their middle does.
  const away =
    swapped * Math.expm1(2 * gap) - Math.min(impermanentLoss(range, 2 * gap), impermanentLoss(range, -2 * gap));
  return { swapShare, cost: paid + away, paid };
}

/** Mean log-price slippage of swapping this value through the liquidity in range. */
export function swapImpact(
  value: number,
  { otherLiquidity, lnPrice }: Pick<MoveMarket, "otherLiquidity" | "lnPrice">,
): number {
  if (value === 0) return 0;
  const depth = fullRangeValue(otherLiquidity, lnPrice) / 2;
  return depth > 0 ? value / depth : Number.POSITIVE_INFINITY;
}
