import { normalDistribution } from "../risk/normal.ts";

/** Quantile of Student's distribution: the normal one with the Cornish–Fisher terms (Abramowitz & Stegun 26.7.5). */
export function studentQuantile(probability: number, freedom: number): number {
  let [low, high] = [-40, 40];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (normalDistribution(middle) < probability) low = middle;
    else high = middle;
  }
  const z = low;
  return (
    z +
    (z ** 3 + z) / (4 * freedom) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3)
  );
}
