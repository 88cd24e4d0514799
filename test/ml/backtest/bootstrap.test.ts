import { describe, expect, it } from "vitest";
import { blockLength, bootstrapMean } from "../../../ml/backtest/bootstrap.ts";
import { deflatedSharpe, expectedBestSharpe, momentsOf, sharpeOf } from "../../../ml/backtest/sharpe.ts";
import { benjaminiHochberg, normalQuantile, wilcoxonSignedRank } from "../../../ml/backtest/significance.ts";
import { seededRandom } from "../../../ml/random.ts";
import { drawNormal } from "../../../ml/sim/draw.ts";

describe("the stationary block bootstrap", () => {
  const random = seededRandom(5);
  const independent = Array.from({ length: 200 }, () => drawNormal(random));
  const base = { resamples: 2000, seed: 1, level: 0.95 };

  it("gives the textbook interval for independent numbers", () => {
    const { mean, low, high } = bootstrapMean({ ...base, values: independent, meanBlock: 1 });
    const half = (1.96 * momentsOf(independent).deviation) / Math.sqrt(200);
    expect(mean).toBeCloseTo(independent.reduce((a, b) => a + b) / 200, 12);
    expect(Math.abs(low - (mean - half))).toBeLessThan(0.12 * half);
    expect(Math.abs(high - (mean + half))).toBeLessThan(0.12 * half);
  });

  it("widens for numbers that follow one another, when blocks are long enough to see it", () => {
    // x = 0.8 x + e has (1 + 0.8) / (1 − 0.8) = 9 times the variance of the mean of independent numbers.
    let x = 0;
    const following = independent.map((e) => {
      x = 0.8 * x + e;
      return x;
    });
    const width = (meanBlock: number) => {
      const { low, high } = bootstrapMean({ ...base, values: following, meanBlock });
      return high - low;
    };
    expect(width(20) / width(1)).toBeGreaterThan(2);
    expect(width(20) / width(1)).toBeLessThan(3.5);
  });

  it("covers the truth about as often as it says", () => {
    const draw = seededRandom(77);
    let covered = 0;
    for (let trial = 0; trial < 200; trial++) {
      const values = Array.from({ length: 60 }, () => drawNormal(draw));
      const { low, high } = bootstrapMean({ values, meanBlock: 1, resamples: 300, seed: trial, level: 0.9 });
      if (low <= 0 && 0 <= high) covered++;
    }
    expect(covered / 200).toBeGreaterThan(0.83);
    expect(covered / 200).toBeLessThan(0.96);
  });

  it("repeats itself for the same seed only", () => {
    const of = (seed: number) => bootstrapMean({ ...base, values: independent, meanBlock: 6, seed });
    expect(of(3)).toEqual(of(3));
    expect(of(3)).not.toEqual(of(4));
  });

  it("says what it cannot resample, and how long its blocks are", () => {
    expect(() => bootstrapMean({ ...base, values: [], meanBlock: 1 })).toThrow("must hold at least one number");
    expect(() => bootstrapMean({ ...base, values: [1], meanBlock: 0 })).toThrow("meanBlock 0 must be at least 1");
    expect([1, 27, 40, 160].map(blockLength)).toEqual([1, 3, 3, 5]);
  });
});

describe("Wilcoxon's signed-rank test", () => {
  it("gives the published value on the depression data (Hollander and Wolfe 1973, p. 29)", () => {
    const before = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
    const after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    const result = wilcoxonSignedRank(before.map((value, index) => value - (after[index] ?? 0)));
    expect(result.statistic).toBe(40);
    // 0.01953 one-sided.
    expect(result.p).toBeCloseTo(2 * 0.01953125, 10);
  });

  it("counts out small samples: five positive differences have p = 2 / 32", () => {
    expect(wilcoxonSignedRank([1, 2, 3, 4, 5])).toEqual({ statistic: 15, p: 0.0625, count: 5 });
    expect(wilcoxonSignedRank([1, -1]).p).toBe(1);
    expect(wilcoxonSignedRank([0, 0])).toEqual({ statistic: 0, p: 1, count: 0 });
  });

  it("shares ranks among ties", () => {
    // |1|, |1|, |2|: ranks 1.5, 1.5, 3; W+ = 4.5. Sums at least as far from 3: {6, 0, 4.5 twice, 1.5 twice} of 8.
    const result = wilcoxonSignedRank([1, -1, 2]);
    expect(result.statistic).toBe(4.5);
    expect(result.p).toBeCloseTo(6 / 8, 12);
  });

  it("goes over into the normal approximation without a jump", () => {
    const values = (n: number) => Array.from({ length: n }, (_, i) => (i % 3 === 0 ? -1 : 1) * (i + 1));
    const [exact, approximate] = [wilcoxonSignedRank(values(50)).p, wilcoxonSignedRank(values(51)).p];
    expect(exact).toBeGreaterThan(0.01);
    expect(Math.abs(exact - approximate)).toBeLessThan(0.015);
  });
});

describe("the Benjamini–Hochberg adjustment", () => {
  it("calls the four that the paper calls at 5 % (JRSS B 1995, section 3.2)", () => {
    const p = [
      0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1,
    ];
    const adjusted = benjaminiHochberg(p);
    expect(adjusted.filter((q) => q <= 0.05)).toHaveLength(4);
    expect(adjusted[3]).toBeCloseTo((0.0095 * 15) / 4, 12);
  });

  it("keeps the order given and never falls below the p-value", () => {
    expect(benjaminiHochberg([0.04, 0.01, 0.03])).toEqual([0.04, 0.03, 0.04]);
    expect(benjaminiHochberg([])).toEqual([]);
  });
});

describe("the deflated Sharpe ratio", () => {
  it("gives the numbers of Bailey and López de Prado's example", () => {
    // 100 trials whose annual ratios vary by 1/2; 1,250 days; annual ratio 2.5, skew −3, kurtosis 10.
    const varianceOfTrials = 1 / 2 / 250;
    expect(expectedBestSharpe(100, varianceOfTrials)).toBeCloseTo(0.1132, 4);
    const sharpe = 2.5 / Math.sqrt(250);
    const probability = deflatedSharpe({
      sharpe,
      periods: 1250,
      skew: -3,
      kurtosis: 10,
      trials: 100,
      varianceOfTrials,
    });
    expect(probability).toBeCloseTo(0.9004, 4);
  });

  it("deflates nothing for a single try", () => {
    expect(expectedBestSharpe(1, 1)).toBe(0);
    expect(
      deflatedSharpe({ sharpe: 0, periods: 100, skew: 0, kurtosis: 3, trials: 1, varianceOfTrials: 0 }),
    ).toBeCloseTo(0.5, 12);
  });

  it("takes moments and ratios by hand", () => {
    const { mean, deviation, skew, kurtosis } = momentsOf([1, 2, 3, 6]);
    expect(mean).toBe(3);
    expect(deviation).toBeCloseTo(Math.sqrt(14 / 3), 12);
    // Central moments 3.5, (−8 − 1 + 27) / 4 = 4.5, (16 + 1 + 81) / 4 = 24.5.
    expect(skew).toBeCloseTo(4.5 / 3.5 ** 1.5, 12);
    expect(kurtosis).toBeCloseTo(24.5 / 3.5 ** 2, 12);
    expect(sharpeOf([1, 3])).toBeCloseTo(2 / Math.SQRT2, 12);
    expect(sharpeOf([1, 1])).toBeNull();
    expect(sharpeOf([1])).toBeNull();
  });

  it("inverts the normal distribution", () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 9);
    expect(normalQuantile(0.5)).toBeCloseTo(0, 9);
  });
});
