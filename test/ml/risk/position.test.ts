import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../ml/random.ts";
import {
  concentration,
  delta,
  impermanentLoss,
  inRangeShare,
  lossVersusRebalancing,
  lvrRate,
  type Offsets,
  value,
} from "../../../ml/risk/position.ts";
import { amountsForLiquidity, getSqrtPriceAtTick } from "../../../ml/units.ts";

const FULL: Offsets = { lower: -40, upper: 40 };
const RANGES: Offsets[] = [
  { lower: -0.05, upper: 0.05 },
  { lower: -0.3, upper: 0.1 },
  { lower: 0.02, upper: 0.2 },
  { lower: -0.2, upper: -0.02 },
];

describe("closed forms of a position", () => {
  it("values a position as the pool's own amounts do", () => {
    const liquidity = 10n ** 24n;
    for (const [lower, upper] of [
      [-600, 600],
      [-1200, -60],
      [60, 900],
    ] as const) {
      const { amount0, amount1 } = amountsForLiquidity(getSqrtPriceAtTick(0), lower, upper, liquidity);
      const offsets = { lower: lower * Math.log(1.0001), upper: upper * Math.log(1.0001) };
      expect(Number(amount0 + amount1) / 1e24 / value(offsets, 0)).toBeCloseTo(1, 12);
      expect(Number(amount0) / 1e24 - delta(offsets, 0)).toBeCloseTo(0, 12);
    }
  });

  it("has the delta as slope of the value", () => {
    for (const range of RANGES) {
      for (const x of [-0.4, -0.1, 0, 0.07, 0.15, 0.4]) {
        const h = 1e-6;
        const slope = (value(range, x + h) - value(range, x - h)) / (Math.exp(x + h) - Math.exp(x - h));
        expect(slope).toBeCloseTo(delta(range, x), 6);
      }
    }
  });

  it("is cash and a strip of short puts", () => {
    for (const { lower, upper } of RANGES) {
      for (const x of [-0.4, 0, 0.1, 0.4]) {
        const steps = 20_000;
        let puts = 0;
        for (let i = 0; i < steps; i++) {
          const k = Math.exp(lower) + ((i + 0.5) / steps) * (Math.exp(upper) - Math.exp(lower));
          puts += ((Math.exp(upper) - Math.exp(lower)) / steps / (2 * k ** 1.5)) * Math.max(0, k - Math.exp(x));
        }
        expect(value({ lower, upper }, x)).toBeCloseTo(Math.exp(upper / 2) - Math.exp(lower / 2) - puts, 8);
      }
    }
  });

  it("has the impermanent loss of the constant product over the full range", () => {
    for (const x of [-1, -0.1, 0.3, 2]) {
      // Full range 50:50 against holding: 2 sqrt(p) - (1 + p), over the starting value 2.
      expect(impermanentLoss(FULL, x)).toBeCloseTo((2 * Math.exp(x / 2) - 1 - Math.exp(x)) / 2, 6);
    }
    expect(concentration(FULL)).toBeCloseTo(1, 6);
  });

  it("never gains against holding, whatever the range", () => {
    for (const range of RANGES) {
      expect(impermanentLoss(range, 0)).toBe(0);
      for (let x = -1; x <= 1; x += 0.05) expect(impermanentLoss(range, x)).toBeLessThanOrEqual(0);
    }
  });

  it("loses σ²/8 of its value per unit of time over the full range", () => {
    const variance = 0.03 ** 2;
    expect(lvrRate(FULL, 0, variance)).toBeCloseTo(variance / 8, 8);
    const random = seededRandom(3);
    const steps = 100_000;
    let x = 0;
    const path = Float64Array.from({ length: steps }, () => {
      x += (random() < 0.5 ? -1 : 1) * Math.sqrt(variance / steps);
      return x;
    });
    expect(lossVersusRebalancing(FULL, path) / (variance / 8)).toBeCloseTo(1, 1);
  });

  it("loses by the concentration more in a range, and nothing outside of it", () => {
    const range = { lower: -0.1, upper: 0.1 };
    expect(lvrRate(range, 0, 1)).toBeCloseTo(concentration(range) / 8, 12);
    expect(lvrRate(range, 0.2, 1)).toBe(0);
    expect(lossVersusRebalancing(range, [0.3, 0.2, 0.5]) - lossVersusRebalancing(range, [0.3])).toBeCloseTo(0, 12);
    for (const step of [-0.3, -0.01, 0.01, 0.3]) {
      expect(lossVersusRebalancing(range, [step])).toBeGreaterThan(0);
    }
  });

  it("counts the share of a bar inside the range", () => {
    const range = { lower: -0.1, upper: 0.1 };
    expect(inRangeShare(range, 0, 0)).toBe(1);
    expect(inRangeShare(range, 0.2, 0.2)).toBe(0);
    expect(inRangeShare(range, 0, 0.2)).toBeCloseTo(0.5, 12);
    expect(inRangeShare(range, -0.2, 0.2)).toBeCloseTo(0.5, 12);
  });
});
