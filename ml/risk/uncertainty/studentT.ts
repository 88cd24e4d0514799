import { normalDistribution } from "../normal.ts";

/** Lanczos coefficients (g = 7, n = 9): ln Γ to about 1e-15 relative. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;

/** ln Γ(x), x > 0. */
export function lnGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x);
  const shifted = x - 1;
  const t = shifted + 7.5;
  const series = LANCZOS.reduce((sum, c, i) => (i === 0 ? c : sum + c / (shifted + i)), 0);
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(series);
}

/** Regularised incomplete beta function I_x(a, b), by its continued fraction (modified Lentz). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const tiny = 1e-300;
  const guard = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / guard(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 300; m++) {
    for (const term of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 / guard(1 + term * d);
      c = guard(1 + term / c);
      fraction *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return front * fraction;
}

/** Probability that Student's t with these degrees of freedom is at most x. */
export function studentDistribution(x: number, degrees: number): number {
  if (degrees > 1e6) return normalDistribution(x);
  const tail = incompleteBeta(degrees / (degrees + x * x), degrees / 2, 0.5) / 2;
  return x < 0 ? tail : 1 - tail;
}

/** ln of the density of Student's t. */
export const studentLnDensity = (x: number, degrees: number): number =>
  lnGamma((degrees + 1) / 2) -
  lnGamma(degrees / 2) -
  0.5 * Math.log(degrees * Math.PI) -
  ((degrees + 1) / 2) * Math.log1p((x * x) / degrees);

/** The x that an increasing `distribution` takes `probability` at, by bisection between two bounds. */
export function invert(distribution: (x: number) => number, probability: number, from: number, to: number): number {
  let [low, high] = [from, to];
  for (let round = 0; round < 60 && high - low > 1e-9 * Math.max(1, Math.abs(high)); round++) {
    const middle = (low + high) / 2;
    if (distribution(middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Quantile of Student's t. */
export const studentQuantile = (probability: number, degrees: number): number =>
  invert((x) => studentDistribution(x, degrees), probability, -1e4, 1e4);
