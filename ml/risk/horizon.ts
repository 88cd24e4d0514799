import { InvalidInputError } from "../errors.ts";
import { logPriceAt, type PriceProcess, partialMoment } from "./lognormal.ts";
import { normalDistribution } from "./normal.ts";
import { integrateFromNow } from "./quadrature.ts";
import { impermanentLossOf, type RangePosition, rangeDelta, rangeValue } from "./range.ts";

/** E[V(P_T)] in closed form: the three pieces of V weighted with lognormal partial moments, asset units. */
export function expectedValue(position: RangePosition, process: PriceProcess, years: number): number {
  const { lowerPrice, upperPrice, liquidity } = position;
  const at = logPriceAt(process, years);
  const below = lowerPrice === 0 ? 0 : partialMoment(at, 1, 0, lowerPrice) * rangeDelta(position, lowerPrice);
  const inside =
    2 * partialMoment(at, 0.5, lowerPrice, upperPrice) -
    partialMoment(at, 1, lowerPrice, upperPrice) / Math.sqrt(upperPrice) -
    Math.sqrt(lowerPrice) * partialMoment(at, 0, lowerPrice, upperPrice);
  const above =
    upperPrice === Number.POSITIVE_INFINITY
      ? 0
      : partialMoment(at, 0, upperPrice, Number.POSITIVE_INFINITY) * rangeValue(position, upperPrice);
  return below + liquidity * inside + above;
}

/** Expected impermanent loss over the horizon, asset units, <= 0: E[V(P_T)] less the expected value of holding. */
export function expectedImpermanentLoss(position: RangePosition, process: PriceProcess, years: number): number {
  const { price, drift = 0 } = process;
  const held = rangeValue(position, price) + rangeDelta(position, price) * price * Math.expm1(drift * years);
  return expectedValue(position, process, years) - held;
}

/**
 * Expected LVR over the horizon, asset units, >= 0: ∫ L σ²/4 · E[√P_t; inside] dt. With a fair price it equals the
 * expected impermanent loss with its sign turned, because holding has no expected gain.
 */
export function expectedLvr(position: RangePosition, process: PriceProcess, years: number): number {
  const { lowerPrice, upperPrice, liquidity } = position;
  const rate = (t: number) => partialMoment(logPriceAt(process, t), 0.5, lowerPrice, upperPrice);
  return (liquidity * process.sigma ** 2 * integrateFromNow(rate, years)) / 4;
}

/**
 * −∂(expected LVR)/∂σ over the horizon at a fair price, asset units per 1.00 of sigma, <= 0. By the relation of vega and
 * gamma of any European claim, ∂E[V(P_T)]/∂σ = σT·E[P_T² V''(P_T)] = −σT (L/2) E[√P_T; inside].
 */
export function rangeVega(position: RangePosition, { price, sigma }: PriceProcess, years: number): number {
  const { lowerPrice, upperPrice, liquidity } = position;
  const inside = partialMoment(logPriceAt({ price, sigma }, years), 0.5, lowerPrice, upperPrice);
  return -sigma * years * (liquidity / 2) * inside;
}

/** Probability that impermanent loss over the horizon is at least `loss`, a positive fraction of the starting value. */
export function impermanentLossProbability(
  position: RangePosition,
  process: PriceProcess,
  years: number,
  loss: number,
): number {
  const start = Math.log(process.price);
  const worth = rangeValue(position, process.price);
  const enough = (x: number) => impermanentLossOf(position, process.price, Math.exp(x)) <= -loss * worth;
  const { mean, variance } = logPriceAt(process, years);
  const reach = 40 * Math.sqrt(variance) + Math.abs(mean - start);
  // The loss grows with the distance on either side, so each side has one edge or none within reach.
  const edge = (side: 1 | -1): number => {
    if (!enough(start + side * reach)) return side * Number.POSITIVE_INFINITY;
    let [near, far] = [start, start + side * reach];
    for (let i = 0; i < 80; i++) {
      const middle = (near + far) / 2;
      if (enough(middle)) far = middle;
      else near = middle;
    }
    return far;
  };
  const deviation = Math.sqrt(variance);
  return normalDistribution((edge(-1) - mean) / deviation) + normalDistribution((mean - edge(1)) / deviation);
}

/** The `tail` quantile (e.g. 0.1) of impermanent loss over the horizon, a fraction of the starting value; <= 0. */
export function impermanentLossQuantile(
  position: RangePosition,
  process: PriceProcess,
  years: number,
  tail: number,
): number {
  if (!(tail > 0 && tail < 1)) throw new InvalidInputError(`tail ${tail}: rule: between 0 and 1`);
  let [low, high] = [0, 1];
  while (impermanentLossProbability(position, process, years, high) > tail) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (impermanentLossProbability(position, process, years, middle) > tail) low = middle;
    else high = middle;
  }
  return -high;
}
