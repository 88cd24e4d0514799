import { InvalidInputError } from "../errors.ts";

/**
 * A concentrated position in whole units: prices in asset units per unit of the other token, liquidity in
 * √(asset × other). `lowerPrice` 0 and `upperPrice` Infinity make a full range.
 */
export interface RangePosition {
  readonly lowerPrice: number;
  readonly upperPrice: number;
  readonly liquidity: number;
}

export type PriceRange = Omit<RangePosition, "liquidity">;

/** Refuses a range that is empty, reversed or not made of prices. */
export function checkRange<T extends PriceRange>(range: T): T {
  const { lowerPrice, upperPrice } = range;
  if (!(lowerPrice >= 0 && upperPrice > lowerPrice && lowerPrice < Number.POSITIVE_INFINITY)) {
    throw new InvalidInputError(`range ${lowerPrice}:${upperPrice}: rule: 0 <= lower price < upper price`);
  }
  return range;
}

/** 1 − √(a/b) for 0 <= a <= b, exact to the last digits also for a close to b. */
const rootGap = (a: number, b: number): number =>
  b === Number.POSITIVE_INFINITY ? 1 : (b - a) / (b * (1 + Math.sqrt(a / b)));

/**
 * Value in the asset (Uniswap v3 whitepaper, 6.29 and 6.30): L(2√P − P/√Pb − √Pa) inside, L·P(1/√Pa − 1/√Pb) below,
 * L(√Pb − √Pa) above; written with differences that do not cancel in narrow ranges.
 */
export function rangeValue({ lowerPrice, upperPrice, liquidity }: RangePosition, price: number): number {
  if (price <= lowerPrice) return ((liquidity * price) / Math.sqrt(lowerPrice)) * rootGap(lowerPrice, upperPrice);
  if (price >= upperPrice) return liquidity * Math.sqrt(upperPrice) * rootGap(lowerPrice, upperPrice);
  return liquidity * Math.sqrt(price) * (rootGap(lowerPrice, price) + rootGap(price, upperPrice));
}

/** dV/dP = the amount of the other token held: L(1/√P − 1/√Pb), P taken no lower than Pa; 0 above the range. */
export function rangeDelta({ lowerPrice, upperPrice, liquidity }: RangePosition, price: number): number {
  if (price >= upperPrice) return 0;
  const inside = Math.max(price, lowerPrice);
  return (liquidity / Math.sqrt(inside)) * rootGap(inside, upperPrice);
}

/** Whether a price lies strictly inside, where the position trades. */
export const isInside = ({ lowerPrice, upperPrice }: PriceRange, price: number): boolean =>
  price > lowerPrice && price < upperPrice;

/** d²V/dP² = −L/(2 P^{3/2}) inside, 0 outside: per asset unit of price, twice. */
export const rangeGamma = (position: RangePosition, price: number): number =>
  isInside(position, price) ? -position.liquidity / (2 * price ** 1.5) : 0;

/** The position in `range` that is worth `value` asset units at a price. */
export function positionOfValue(range: PriceRange, price: number, value: number): RangePosition {
  const { lowerPrice, upperPrice } = checkRange(range);
  const unit = rangeValue({ lowerPrice, upperPrice, liquidity: 1 }, price);
  return { lowerPrice, upperPrice, liquidity: value / unit };
}

/** Asset units per year that a delta-hedged position loses to traders who know the price: −σ²P²Γ/2 = L σ² √P / 4
 * inside, 0 outside (Milionis, Moallemi, Roughgarden, Zhang, arXiv 2208.06046). σ per square root of a year. */
export const lvrPerYear = (position: RangePosition, price: number, sigma: number): number =>
  isInside(position, price) ? (position.liquidity * sigma * sigma * Math.sqrt(price)) / 4 : 0;

/** V(P) less what the amounts held at `startPrice` are worth at `price`, asset units; <= 0 up to rounding. */
export function impermanentLossOf(position: RangePosition, startPrice: number, price: number): number {
  const held = rangeValue(position, startPrice) + rangeDelta(position, startPrice) * (price - startPrice);
  return rangeValue(position, price) - held;
}
