import { quickNormalDistribution as normalCdf } from "../../risk/normal.ts";

export { normalCdf };

/** Standard normal quantile of 0.9. */
export const Z90 = 1.2815515655446004;

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
