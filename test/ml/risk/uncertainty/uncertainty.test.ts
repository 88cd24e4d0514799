import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../../ml/random.ts";
import { SETTINGS } from "../../../../ml/risk/uncertainty/calibration.ts";
import { fadingQuantile, trust } from "../../../../ml/risk/uncertainty/conformal.ts";
import { widening } from "../../../../ml/risk/uncertainty/missBudget.ts";
import { emptyRegression, learn, posterior } from "../../../../ml/risk/uncertainty/regression.ts";
import {
  changedWithin,
  errorQuantile,
  errorRank,
  expectedRun,
  firstRun,
  observeError,
  type Run,
} from "../../../../ml/risk/uncertainty/runs.ts";
import { lnGamma, studentDistribution, studentQuantile } from "../../../../ml/risk/uncertainty/studentT.ts";

/** Standard normal numbers. */
function normals(seed: number): () => number {
  const random = seededRandom(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

describe("Student's t", () => {
  it("has the values of the tables", () => {
    // Quantiles .975 and .95 as every textbook prints them.
    for (const [degrees, two, one] of [
      [1, 12.7062, 6.3138],
      [4, 2.7764, 2.1318],
      [10, 2.2281, 1.8125],
      [30, 2.0423, 1.6973],
    ] as const) {
      expect(studentQuantile(0.975, degrees)).toBeCloseTo(two, 4);
      expect(studentQuantile(0.95, degrees)).toBeCloseTo(one, 4);
    }
    expect(studentDistribution(1.959964, 1e7)).toBeCloseTo(0.975, 6);
    expect(studentDistribution(-1, 1)).toBeCloseTo(0.25, 12);
    expect(lnGamma(10)).toBeCloseTo(Math.log(362880), 10);
  });
});

describe("the regression", () => {
  it("finds coefficients, and with them what is not known yet", () => {
    const normal = normals(3);
    let state = emptyRegression(2);
    const prior = [1e-3, 1];
    expect(posterior(state, prior).mean([1, 1])).toBe(0);
    expect(posterior(state, prior).leverage([0, 1])).toBeCloseTo(1, 12);
    for (let i = 0; i < 2000; i++) {
      const x = normal();
      state = learn(state, [1, x], 0.7 - 0.4 * x + 0.1 * normal(), 1);
    }
    const fitted = posterior(state, prior);
    expect(fitted.mean([1, 0])).toBeCloseTo(0.7, 1.9);
    expect(fitted.mean([0, 1])).toBeCloseTo(-0.4, 1.9);
    expect(fitted.leverage([1, 0])).toBeCloseTo(1 / 2000, 4);
  });

  it("is the closed form of the normal prior", () => {
    // One input: precision 2, three observations: mean Σxy / (2 + Σx²).
    let state = emptyRegression(1);
    for (const [x, y] of [
      [1, 2],
      [2, 1],
      [3, 3],
    ] as const)
      state = learn(state, [x], y, 1);
    expect(posterior(state, [2]).mean([1])).toBeCloseTo(13 / 16, 12);
    expect(posterior(state, [2]).leverage([2])).toBeCloseTo(4 / 16, 12);
  });

  it("forgets", () => {
    let state = emptyRegression(1);
    for (let i = 0; i < 200; i++) state = learn(state, [1], i < 100 ? 0 : 1, 0.9);
    expect(posterior(state, [1e-3]).mean([1])).toBeGreaterThan(0.99);
  });
});

describe("the run lengths", () => {
  const { runs: settings } = SETTINGS;
  const feed = (runs: readonly Run[], errors: readonly number[]) =>
    errors.reduce<readonly Run[]>((now, error) => observeError(now, error, settings), runs);
  const normal = normals(11);
  const calm = Array.from({ length: 300 }, () => 0.3 * normal());
  const wild = Array.from({ length: 20 }, () => 1.5 * normal());

  it("grow while nothing changes and start anew when errors do", () => {
    const before = feed(firstRun, calm);
    expect(expectedRun(before)).toBeGreaterThan(150);
    expect(changedWithin(before, 10)).toBeLessThan(0.2);
    const after = feed(before, wild);
    expect(changedWithin(after, 25)).toBeGreaterThan(0.95);
    expect(expectedRun(after)).toBeLessThan(25);
  });

  it("widen the posterior after a change, within days", () => {
    const before = feed(firstRun, calm);
    const after = feed(before, wild);
    const q = (runs: readonly Run[]) => errorQuantile(runs, 0.9, 1, settings);
    expect(q(before)).toBeCloseTo(1.28 * 0.3, 1);
    expect(q(after)).toBeGreaterThan(3 * q(before));
  });

  it("keep a distribution: probabilities that sum to 1, a rank that its quantile has", () => {
    const after = feed(firstRun, [...calm, ...wild]);
    expect(after.length).toBeLessThanOrEqual(settings.most);
    expect(after.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
    for (const p of [0.05, 0.5, 0.9]) {
      expect(errorRank(after, errorQuantile(after, p, 1.3, settings), 1.3, settings)).toBeCloseTo(p, 6);
    }
  });
});

describe("the miss budget", () => {
  const { budget } = SETTINGS;
  const ages = (...list: number[]) => widening(list, budget);

  it("widens with every miss that is used up, sharply at the last", () => {
    const [none, four, five, six] = [
      ages(),
      ages(30, 20, 10, 5),
      ages(30, 25, 20, 10, 5),
      ages(30, 25, 20, 15, 10, 5),
    ] as const;
    expect(none).toBeLessThan(1);
    expect(four).toBeGreaterThan(none);
    expect(five).toBeGreaterThan(four);
    expect(six).toBeGreaterThan(1.5 * none);
    expect(six).toBeGreaterThan(five);
  });

  it("relaxes when the oldest miss is about to leave, and forgets those that left", () => {
    expect(ages(59, 25, 20, 10, 5)).toBeLessThan(ages(26, 25, 20, 10, 5));
    expect(ages(60, 61, 400)).toBe(ages());
    expect(ages(59, 58, 57, 56, 55, 54)).toBe(ages(6, 5, 4, 3, 2, 1));
  });
});

describe("the conformal quantile", () => {
  it("is the split conformal one where nothing fades", () => {
    const scores = Array.from({ length: 99 }, (_, i) => ((i * 37) % 99) + 1);
    // ceil(100 x .95) = the 95th of 99.
    expect(fadingQuantile(scores, { missRate: 0.05, forgetting: 1 })).toBe(95);
    expect(fadingQuantile(scores.slice(0, 5), { missRate: 0.05, forgetting: 1 })).toBe(Math.max(...scores.slice(0, 5)));
  });

  it("follows what is recent", () => {
    const scores = [...new Array(300).fill(1), ...new Array(100).fill(3)];
    expect(fadingQuantile(scores, { missRate: 0.5, forgetting: 1 })).toBe(1);
    expect(fadingQuantile(scores, { missRate: 0.5, forgetting: 0.98 })).toBe(3);
  });

  it("trusts what lost less", () => {
    const shares = trust([10, 20, 400], 0.02);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(shares[0]).toBeGreaterThan(shares[1] as number);
    expect(shares[2]).toBeLessThan(0.001);
  });
});
