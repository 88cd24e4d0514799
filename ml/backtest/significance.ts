import { normalDistribution } from "../risk/normal.ts";

/** Up to this many differences the distribution of the signed-rank sum is counted out exactly. */
const EXACT_UP_TO = 50;

export interface WilcoxonResult {
  /** Sum of the ranks of positive differences. */
  readonly statistic: number;
  /** Two-sided. */
  readonly p: number;
  /** Differences that are not zero. */
  readonly count: number;
}

/**
 * Wilcoxon's signed-rank test of paired differences against a median of zero. Zeros are dropped, ties share their mean
 * rank. Exact (all sign patterns, given the ties) up to 50 differences, then normal with tie and continuity correction.
 */
export function wilcoxonSignedRank(differences: readonly number[]): WilcoxonResult {
  const sorted = differences.filter((d) => d !== 0).sort((a, b) => Math.abs(a) - Math.abs(b));
  const count = sorted.length;
  if (count === 0) return { statistic: 0, p: 1, count };
  // Twice the rank, so that mean ranks of ties are whole numbers.
  const doubled: number[] = [];
  let tieTerm = 0;
  for (let i = 0; i < count; ) {
    let end = i;
    while (end < count && Math.abs(sorted[end] as number) === Math.abs(sorted[i] as number)) end++;
    for (let k = i; k < end; k++) doubled.push(i + 1 + end);
    tieTerm += (end - i) ** 3 - (end - i);
    i = end;
  }
  const positive = sorted.reduce((sum, d, i) => sum + (d > 0 ? (doubled[i] as number) : 0), 0);
  const statistic = positive / 2;
  const p = count <= EXACT_UP_TO ? exactTwoSided(doubled, positive) : normalTwoSided(statistic, count, tieTerm);
  return { statistic, p, count };
}

/** Probability under all sign patterns of a sum at least as far from its mean. */
function exactTwoSided(doubled: readonly number[], positive: number): number {
  const total = doubled.reduce((a, b) => a + b, 0);
  let ways = new Float64Array(total + 1);
  ways[0] = 1;
  for (const rank of doubled) {
    const next = Float64Array.from(ways, (value) => value / 2);
    for (let sum = rank; sum <= total; sum++) next[sum] = (next[sum] as number) + (ways[sum - rank] as number) / 2;
    ways = next;
  }
  const extreme = Math.min(positive, total - positive);
  let tail = 0;
  for (let sum = 0; sum <= extreme; sum++) tail += ways[sum] as number;
  return Math.min(1, 2 * tail);
}

function normalTwoSided(statistic: number, count: number, tieTerm: number): number {
  const mean = (count * (count + 1)) / 4;
  const variance = (count * (count + 1) * (2 * count + 1)) / 24 - tieTerm / 48;
  const distance = Math.max(0, Math.abs(statistic - mean) - 0.5);
  return 2 * (1 - normalDistribution(distance / Math.sqrt(variance)));
}

/**
 * Benjamini–Hochberg (JRSS B 1995): p-values adjusted so that calling those below q significant keeps the expected share
 * of false calls at q. In the order given.
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  const count = pValues.length;
  const order = pValues.map((p, index) => ({ p, index })).sort((a, b) => b.p - a.p);
  const adjusted = new Array<number>(count);
  let least = 1;
  for (const [fromTop, { p, index }] of order.entries()) {
    least = Math.min(least, (p * count) / (count - fromTop));
    adjusted[index] = least;
  }
  return adjusted;
}

/** Φ⁻¹(p) for 0 < p < 1, by bisection of the distribution: to about 1e-12. */
export function normalQuantile(p: number): number {
  let [low, high] = [-40, 40];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (normalDistribution(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
