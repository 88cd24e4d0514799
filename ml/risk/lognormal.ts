import { normalBetween } from "./normal.ts";
import { integrateFromNow } from "./quadrature.ts";
import type { PriceRange } from "./range.ts";

/**
 * A price that follows geometric Brownian motion, dP = μ P dt + σ P dW. `sigma` per square root of a year, `drift` μ per
 * year (0 when left out: a fair price).
 */
export interface PriceProcess {
  readonly price: number;
  readonly sigma: number;
  readonly drift?: number;
}

/** A normal distribution of the log price. */
export interface LogPrice {
  readonly mean: number;
  readonly variance: number;
}

/** ln P_t ~ N(ln P + (μ − σ²/2)t, σ²t). */
export const logPriceAt = ({ price, sigma, drift = 0 }: PriceProcess, years: number): LogPrice => ({
  mean: Math.log(price) + (drift - (sigma * sigma) / 2) * years,
  variance: sigma * sigma * years,
});

/** E[P^power · 1(low < P < high)] of a lognormal price: exp(aμ + a²s²/2) [Φ((ln h − μ)/s − as) − Φ((ln l − μ)/s − as)]. */
export function partialMoment({ mean, variance }: LogPrice, power: number, low: number, high: number): number {
  const deviation = Math.sqrt(variance);
  if (deviation === 0) {
    const price = Math.exp(mean);
    return price > low && price < high ? price ** power : 0;
  }
  const at = (bound: number) => (Math.log(bound) - mean) / deviation - power * deviation;
  return Math.exp(power * mean + (power * power * variance) / 2) * normalBetween(at(low), at(high));
}

/** Probability that the price is inside the range at one time. */
export const inRangeProbability = (range: PriceRange, process: PriceProcess, years: number): number =>
  partialMoment(logPriceAt(process, years), 0, range.lowerPrice, range.upperPrice);

/** Expected share of the next `years` that the price spends inside the range, 0..1. */
export const timeInRange = (range: PriceRange, process: PriceProcess, years: number): number =>
  integrateFromNow((t) => inRangeProbability(range, process, t), years) / years;

/**
 * Probability that the price does not leave the range during the next `years`: the images of a Brownian motion with
 * drift ν = μ − σ²/2 between two barriers a < 0 < b in log price, Σ_k e^{νc/σ²}[Φ((b−c−νT)/s) − Φ((a−c−νT)/s)] with
 * c = 2k(b−a), less the same with c = 2b + 2k(b−a) (Cox and Miller, The Theory of Stochastic Processes, 5.7).
 */
export function stayProbability(range: PriceRange, { price, sigma, drift = 0 }: PriceProcess, years: number): number {
  if (price <= range.lowerPrice || price >= range.upperPrice) return 0;
  const variance = sigma * sigma;
  const deviation = sigma * Math.sqrt(years);
  if (deviation === 0) return 1;
  const below = Math.log(range.lowerPrice / price);
  const above = Math.log(range.upperPrice / price);
  const tilt = drift - variance / 2;
  const image = (c: number) =>
    Math.exp((tilt * c) / variance) *
    normalBetween((below - c - tilt * years) / deviation, (above - c - tilt * years) / deviation);
  const width = above - below;
  if (width === Number.POSITIVE_INFINITY) {
    const barrier = Number.isFinite(above) ? above : below;
    return Number.isFinite(barrier) ? image(0) - image(2 * barrier) : 1;
  }
  const images = Math.ceil(3 + (5 * deviation) / width);
  // Beyond some forty images nothing is left inside to any digit, and the sum would only collect rounding.
  if (images > 40) return 0;
  let sum = 0;
  for (let k = -images; k <= images; k++) sum += image(2 * k * width) - image(2 * above + 2 * k * width);
  return Math.max(0, sum);
}
