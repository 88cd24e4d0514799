import { isInside, lvrPerYear, type RangePosition, rangeValue } from "./range.ts";

/** What a pool pays. `poolLiquidity` is what others have in range, in the unit of RangePosition.liquidity. */
export interface FeeFlow {
  /** Part of the volume paid as fee, e.g. 0.003. */
  readonly feeRate: number;
  /** Part of the fee that the protocol keeps; 0 when left out. */
  readonly protocolShare?: number;
  /** Asset units traded per year. */
  readonly volumePerYear: number;
  readonly poolLiquidity: number;
}

/** Asset units per year that a position earns while in range: φ(1 − protocol) · volume · L/(L + L_pool); 0 outside. */
export function feesPerYear(position: RangePosition, price: number, flow: FeeFlow): number {
  if (!isInside(position, price)) return 0;
  const { feeRate, protocolShare = 0, volumePerYear, poolLiquidity } = flow;
  const share = position.liquidity / (position.liquidity + poolLiquidity);
  return feeRate * (1 - protocolShare) * volumePerYear * share;
}

/**
 * The same from a fee yield: what a full-range position of unit value earns per year. A unit of liquidity over the full
 * range is worth 2√P, so a range in which the price lies earns yield · L · 2√P.
 */
export const feesFromYield = (position: RangePosition, price: number, yieldPerYear: number): number =>
  isInside(position, price) ? yieldPerYear * position.liquidity * 2 * Math.sqrt(price) : 0;

/** The full-range fee yield per year that pays a range's LVR: σ²/8, whatever the range (both grow with L√P). */
export const breakEvenYield = (sigma: number): number => (sigma * sigma) / 8;

/** Fees per year, as a fraction of the position's value, at which it breaks even: its LVR rate over its value. */
export const breakEvenRate = (position: RangePosition, price: number, sigma: number): number =>
  lvrPerYear(position, price, sigma) / rangeValue(position, price);

/** Volume over the pool's full-range-equivalent assets at which fees pay LVR: σ²/(8φ), per unit of σ²'s time. */
export const breakEvenVolume = (sigma: number, feeRate: number): number => breakEvenYield(sigma) / feeRate;
