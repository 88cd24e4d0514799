import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../ml/random.ts";
import {
  expectedImpermanentLoss,
  expectedLvr,
  expectedValue,
  impermanentLossProbability,
  impermanentLossQuantile,
  rangeVega,
} from "../../../ml/risk/horizon.ts";
import { inRangeProbability, stayProbability, timeInRange } from "../../../ml/risk/lognormal.ts";
import { normalDensity } from "../../../ml/risk/normal.ts";
import { integrate } from "../../../ml/risk/quadrature.ts";
import { lvrPerYear, positionOfValue, rangeValue } from "../../../ml/risk/range.ts";

const WEEK = 7 / 365;
const FULL = { lowerPrice: 0, upperPrice: Number.POSITIVE_INFINITY };
const RANGES = [
  { lowerPrice: 90, upperPrice: 110 },
  { lowerPrice: 99, upperPrice: 101 },
  { lowerPrice: 20, upperPrice: 500 },
  { lowerPrice: 103, upperPrice: 120 },
  { lowerPrice: 70, upperPrice: 95 },
  FULL,
];

/** E[f(P_T)] by brute force over the normal density, in panels. */
function expectation(f: (price: number) => number, price: number, sigma: number, years: number, drift: number): number {
  const deviation = sigma * Math.sqrt(years);
  let sum = 0;
  for (let z = -10; z < 10; z += 0.005) {
    sum += integrate(
      (x) => normalDensity(x) * f(price * Math.exp(deviation * x + (drift - sigma ** 2 / 2) * years)),
      z,
      z + 0.005,
    );
  }
  return sum;
}

describe("a range over a horizon of geometric Brownian motion", () => {
  it("has the expected value that integrating over the density gives", () => {
    for (const range of RANGES.slice(0, 5)) {
      const position = positionOfValue(range, 100, 1000);
      const process = { price: 100, sigma: 0.8, drift: 0.5 };
      const numeric = expectation((price) => rangeValue(position, price), 100, 0.8, WEEK, 0.5);
      expect(expectedValue(position, process, WEEK) / numeric).toBeCloseTo(1, 7);
    }
  });

  it("loses e^{−σ²T/8} of a full range", () => {
    const position = positionOfValue(FULL, 100, 1000);
    const process = { price: 100, sigma: 0.9 };
    expect(expectedValue(position, process, 1) / 1000).toBeCloseTo(Math.exp(-0.81 / 8), 12);
    expect(expectedLvr(position, process, 1) / 1000).toBeCloseTo(1 - Math.exp(-0.81 / 8), 10);
  });

  it("expects of LVR what it expects of impermanent loss, at a fair price", () => {
    for (const range of RANGES)
      for (const sigma of [0.1, 0.8, 2])
        for (const years of [1 / 365, WEEK, 0.5]) {
          const position = positionOfValue(range, 100, 1000);
          const process = { price: 100, sigma };
          const lvr = expectedLvr(position, process, years);
          expect(Math.abs(lvr + expectedImpermanentLoss(position, process, years))).toBeLessThan(1e-9 * 1000);
          expect(lvr).toBeGreaterThanOrEqual(0);
        }
  });

  it("starts at the LVR rate, and parts from impermanent loss where the price drifts", () => {
    const position = positionOfValue({ lowerPrice: 90, upperPrice: 110 }, 100, 1000);
    const short = 1e-6;
    expect(
      expectedLvr(position, { price: 100, sigma: 0.8 }, short) / short / lvrPerYear(position, 100, 0.8),
    ).toBeCloseTo(1, 5);
    const process = { price: 100, sigma: 0.8, drift: 20 };
    expect(-expectedImpermanentLoss(position, process, WEEK)).toBeGreaterThan(
      1.5 * expectedLvr(position, process, WEEK),
    );
  });

  it("has the slope of expected LVR as vega", () => {
    for (const range of RANGES) {
      const position = positionOfValue(range, 100, 1000);
      const slope =
        (expectedLvr(position, { price: 100, sigma: 0.8 + 1e-4 }, WEEK) -
          expectedLvr(position, { price: 100, sigma: 0.8 - 1e-4 }, WEEK)) /
        2e-4;
      expect(rangeVega(position, { price: 100, sigma: 0.8 }, WEEK)).toBeCloseTo(-slope, 4);
    }
  });

  it("knows the loss tail: what it says is lost with 10 % probability, is", () => {
    const position = positionOfValue({ lowerPrice: 90, upperPrice: 110 }, 100, 1000);
    const process = { price: 100, sigma: 0.8 };
    const q10 = impermanentLossQuantile(position, process, WEEK, 0.1);
    expect(q10).toBeLessThan(-0.01);
    expect(impermanentLossProbability(position, process, WEEK, -q10)).toBeCloseTo(0.1, 9);
    expect(impermanentLossProbability(position, process, WEEK, 0.9)).toBeLessThan(1e-12);
    // The mean of the loss is the integral of its tail probabilities.
    const mean = Array.from({ length: 40 }, (_, i) =>
      integrate((loss) => impermanentLossProbability(position, process, WEEK, loss), i * 0.01, (i + 1) * 0.01),
    ).reduce((sum, part) => sum + part, 0);
    expect((-mean * 1000) / expectedImpermanentLoss(position, process, WEEK)).toBeCloseTo(1, 5);
    expect(() => impermanentLossQuantile(position, process, WEEK, 1)).toThrow("tail 1");
  });
});

describe("time in range", () => {
  const range = { lowerPrice: 90, upperPrice: 110 };
  it("is the average of the probabilities of being inside", () => {
    const process = { price: 100, sigma: 0.8, drift: 0 };
    const steps = 4000;
    let sum = 0;
    for (let i = 0; i < steps; i++) sum += inRangeProbability(range, process, (WEEK * (i + 0.5)) / steps) / steps;
    expect(timeInRange(range, process, WEEK)).toBeCloseTo(sum, 6);
    expect(timeInRange(FULL, process, WEEK)).toBeCloseTo(1, 12);
  });

  it("ends at the first exit with the probability that the eigenfunctions of the interval give", () => {
    for (const [price, sigma, drift] of [
      [100, 0.8, 0],
      [108, 1.5, 3],
      [91, 0.6, -2],
    ] as const) {
      const [a, b] = [Math.log(range.lowerPrice / price), Math.log(range.upperPrice / price)];
      const [width, nu, variance] = [b - a, drift - sigma ** 2 / 2, sigma ** 2];
      let sum = 0;
      for (let n = 1; n < 400; n++) {
        const k = (n * Math.PI) / width;
        // ∫ e^{νx/σ²} sin(k(x−a)) dx over [a, b], and the start at x = 0.
        const c = nu / variance;
        const integral = (k * (Math.exp(c * a) - (-1) ** n * Math.exp(c * b))) / (c * c + k * k);
        sum += (2 / width) * Math.sin(-k * a) * integral * Math.exp((-k * k * variance * WEEK) / 2);
      }
      const expected = sum * Math.exp((-nu * nu * WEEK) / (2 * variance));
      expect(stayProbability(range, { price, sigma, drift }, WEEK)).toBeCloseTo(expected, 9);
    }
  });

  it("is over at once outside, never over without bounds, and one-sided with one bound", () => {
    const process = { price: 100, sigma: 0.8 };
    expect(stayProbability({ lowerPrice: 101, upperPrice: 120 }, process, WEEK)).toBe(0);
    expect(stayProbability(FULL, process, WEEK)).toBe(1);
    const one = stayProbability({ lowerPrice: 90, upperPrice: Number.POSITIVE_INFINITY }, process, WEEK);
    expect(one).toBeCloseTo(stayProbability({ lowerPrice: 90, upperPrice: 1e9 }, process, WEEK), 10);
    const above = stayProbability({ lowerPrice: 0, upperPrice: 110 }, process, WEEK);
    expect(above).toBeCloseTo(stayProbability({ lowerPrice: 1e-9, upperPrice: 110 }, process, WEEK), 10);
    expect(stayProbability(range, { price: 100, sigma: 9 }, 1)).toBeLessThan(1e-12);
    const random = seededRandom(1);
    for (let i = 0; i < 50; i++) {
      const at = { price: 90 + 20 * random(), sigma: 0.2 + random() };
      const years = random() / 10;
      expect(stayProbability(range, at, years)).toBeLessThanOrEqual(inRangeProbability(range, at, years) + 1e-12);
    }
  });
});
