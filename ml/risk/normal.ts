const ROOT_TWO_PI = Math.sqrt(2 * Math.PI);

/** Density of the standard normal distribution. */
export const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / ROOT_TWO_PI;

/**
 * Probability that a standard normal number exceeds x >= 0, to about 1e-14 relative: the series of positive terms
 * x + x³/3 + x⁵/15 + … near the centre (Abramowitz & Stegun 26.2.11), the continued fraction 26.2.14 in the tail.
 */
function upperTail(x: number): number {
  if (x === Number.POSITIVE_INFINITY) return 0;
  if (x < 2.5) {
    let [term, sum] = [x, x];
    for (let n = 1; term > sum * 1e-18; n++) {
      term *= (x * x) / (2 * n + 1);
      sum += term;
    }
    return 0.5 - normalDensity(x) * sum;
  }
  // The farther out, the fewer terms of the continued fraction carry.
  let fraction = x;
  for (let n = Math.ceil(20 + 800 / (x * x)); n >= 1; n--) fraction = x + n / fraction;
  return normalDensity(x) / fraction;
}

/** Φ(x): probability that a standard normal number is at most x. */
export const normalDistribution = (x: number): number => (x < 0 ? upperTail(-x) : 1 - upperTail(x));

/** Φ(high) − Φ(low), without cancelling when both lie in the same tail. */
export function normalBetween(low: number, high: number): number {
  if (low >= high) return 0;
  if (low > 0) return upperTail(low) - upperTail(high);
  if (high < 0) return upperTail(-high) - upperTail(-low);
  return 1 - upperTail(-low) - upperTail(high);
}

/** Φ(x) with an absolute error below 7.5e-8, many times faster (Abramowitz & Stegun 26.2.17). */
export function quickNormalDistribution(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return x >= 0 ? 1 - tail : tail;
}
