import { describe, expect, it } from "vitest";
import { normalBetween, normalDistribution } from "../../../ml/risk/normal.ts";
import { integrate, integrateFromNow } from "../../../ml/risk/quadrature.ts";

describe("the normal distribution", () => {
  it("has the tabulated values to fourteen digits", () => {
    for (const [x, p] of [
      [0, 0.5],
      [1, 0.8413447460685429],
      [1.959963984540054, 0.975],
      [-1, 0.15865525393145705],
      [-2.4, 0.00819753592459613],
      [-2.6, 0.00466118802371875],
      [-5, 2.866515718791939e-7],
      [-10, 7.619853024160525e-24],
    ] as const)
      expect(Math.abs(normalDistribution(x) / p - 1)).toBeLessThan(1e-13);
  });

  it("gives the probability of an interval in the far tail without cancelling", () => {
    expect(normalBetween(9, 10) / (1.1285884059538405e-19 - 7.619853024160525e-24)).toBeCloseTo(1, 12);
    expect(normalBetween(-10, -9)).toBe(normalBetween(9, 10));
    expect(normalBetween(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)).toBe(1);
    expect(normalBetween(1, 1)).toBe(0);
  });
});

describe("quadrature", () => {
  it("is exact for polynomials and for functions of a square root of time", () => {
    expect(integrate((x) => x ** 47, 0, 2) / (2 ** 48 / 48)).toBeCloseTo(1, 13);
    expect(integrateFromNow((t) => Math.sqrt(t), 4) / (16 / 3)).toBeCloseTo(1, 13);
    expect(integrateFromNow((t) => Math.exp(-Math.sqrt(t) * 1000), 1) / 2e-6).toBeCloseTo(1, 10);
  });
});
