/** Standard normal quantile of 0.9. */
export const Z90 = 1.2815515655446004;

/** Standard normal distribution function, absolute error below 7.5e-8 (Abramowitz and Stegun 26.2.17). */
export function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return x >= 0 ? 1 - tail : tail;
}

/** Midpoints of `count` equally likely slices of a standard normal, ascending; found by bisection. */
export function normalGrid(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => {
    const target = (i + 0.5) / count;
    let [low, high] = [-8, 8];
    for (let step = 0; step < 50; step++) {
      const middle = (low + high) / 2;
      if (normalCdf(middle) < target) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  });
}
