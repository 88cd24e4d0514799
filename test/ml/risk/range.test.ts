import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../ml/random.ts";
import { breakEvenRate, breakEvenVolume, breakEvenYield, feesFromYield, feesPerYear } from "../../../ml/risk/fees.ts";
import {
  checkRange,
  impermanentLossOf,
  lvrPerYear,
  positionOfValue,
  type RangePosition,
  rangeDelta,
  rangeGamma,
  rangeValue,
} from "../../../ml/risk/range.ts";
import { stripByQuadrature, stripDensity, stripValue } from "../../../ml/risk/strip.ts";
import { amountsForLiquidity, getSqrtPriceAtTick } from "../../../ml/units.ts";

const random = seededRandom(11);
const between = (low: number, high: number) => low + (high - low) * random();
/** Ranges from one basis point to a factor of twenty wide, at prices from 1e-4 to 1e6. */
const randomPosition = (): RangePosition => {
  const lowerPrice = Math.exp(between(-9, 14));
  return { lowerPrice, upperPrice: lowerPrice * Math.exp(10 ** between(-4, 0.47)), liquidity: 10 ** between(-3, 9) };
};
/** Below, inside and above the range; below by at most a factor of 30, as the sum of cash and puts vanishes with P. */
const pricesOf = ({ lowerPrice, upperPrice }: RangePosition): number[] => [
  lowerPrice * between(0.03, 1),
  lowerPrice,
  lowerPrice * (upperPrice / lowerPrice) ** random(),
  lowerPrice * (upperPrice / lowerPrice) ** random(),
  upperPrice,
  upperPrice * between(1, 50),
];

describe("a range in whole units", () => {
  it("is worth what the pool's own amounts are worth", () => {
    const liquidity = 10n ** 27n;
    for (const [lower, upper] of [
      [-600, 600],
      [-1200, -60],
      [60, 900],
    ] as const) {
      const { amount0, amount1 } = amountsForLiquidity(getSqrtPriceAtTick(0), lower, upper, liquidity);
      const position = { lowerPrice: 1.0001 ** lower, upperPrice: 1.0001 ** upper, liquidity: 1 };
      expect(Number(amount0 + amount1) / 1e27 / rangeValue(position, 1)).toBeCloseTo(1, 12);
      expect(Number(amount0) / 1e27 - rangeDelta(position, 1)).toBeCloseTo(0, 13);
    }
  });

  it("has delta and gamma as slopes of value and delta", () => {
    for (let i = 0; i < 200; i++) {
      const { lowerPrice } = randomPosition();
      const position = { lowerPrice, upperPrice: lowerPrice * between(1.2, 8), liquidity: 1 };
      for (const price of [lowerPrice * 0.5, lowerPrice * 1.1, position.upperPrice * 1.3]) {
        const h = price * 1e-5;
        const slope = (rangeValue(position, price + h) - rangeValue(position, price - h)) / (2 * h);
        const bend = (rangeDelta(position, price + h) - rangeDelta(position, price - h)) / (2 * h);
        expect(Math.abs(slope - rangeDelta(position, price)) * Math.sqrt(price)).toBeLessThan(1e-8);
        expect(Math.abs(bend - rangeGamma(position, price)) * price ** 1.5).toBeLessThan(1e-8);
      }
    }
  });

  it("is cash and a strip of short puts to 1e-12, for every price, in closed form and by quadrature", () => {
    let worst = 0;
    for (let i = 0; i < 5000; i++) {
      const position = randomPosition();
      for (const price of pricesOf(position)) {
        const value = rangeValue(position, price);
        worst = Math.max(
          worst,
          Math.abs(stripValue(position, price).value / value - 1),
          Math.abs(stripByQuadrature(position, price).value / value - 1),
        );
      }
    }
    expect(worst).toBeLessThan(1e-12);
    expect(worst).toBeGreaterThan(0);
  });

  it("holds 1/(2K^{3/2}) puts of strike K: the strip's density is what a kink in the value shows", () => {
    const position = { lowerPrice: 100, upperPrice: 400, liquidity: 3 };
    // d²V/dP² at K is minus the density of puts struck there.
    for (const strike of [120, 200, 390]) {
      expect(stripDensity(3, strike)).toBeCloseTo(-rangeGamma(position, strike), 14);
    }
  });

  it("has LVR of σ²P²|Γ|/2, σ²/8 of its value over all prices, and none outside", () => {
    const full = { lowerPrice: 0, upperPrice: Number.POSITIVE_INFINITY, liquidity: 7 };
    const sigma = 0.05 * Math.sqrt(365);
    // 5 % a day costs 3.125 basis points a day.
    expect((lvrPerYear(full, 2000, sigma) / rangeValue(full, 2000) / 365) * 1e4).toBeCloseTo(3.125, 10);
    expect(breakEvenVolume(sigma, 0.003) / 365).toBeCloseTo(0.1041666, 6);
    for (let i = 0; i < 100; i++) {
      const position = randomPosition();
      const price = Math.sqrt(position.lowerPrice * position.upperPrice);
      const expected = (-(sigma ** 2) * price ** 2 * rangeGamma(position, price)) / 2;
      expect(lvrPerYear(position, price, sigma) / expected).toBeCloseTo(1, 12);
      expect(lvrPerYear(position, position.upperPrice * 1.01, sigma)).toBe(0);
      // Every range breaks even at the same full-range fee yield.
      expect(feesFromYield(position, price, breakEvenYield(sigma)) / lvrPerYear(position, price, sigma)).toBeCloseTo(
        1,
        12,
      );
      expect((breakEvenRate(position, price, sigma) * rangeValue(position, price)) / expected).toBeCloseTo(1, 12);
    }
  });

  it("earns its share of the pool's fees while in range, diluting the pool", () => {
    const position = { lowerPrice: 1500, upperPrice: 2500, liquidity: 100 };
    const flow = { feeRate: 0.003, protocolShare: 0.1, volumePerYear: 1e6, poolLiquidity: 300 };
    expect(feesPerYear(position, 2000, flow)).toBeCloseTo(0.003 * 0.9 * 1e6 * 0.25, 9);
    expect(feesPerYear(position, 2600, flow)).toBe(0);
    expect(feesPerYear(position, 2000, { ...flow, protocolShare: 0 })).toBeCloseTo(750, 9);
  });

  it("never gains against holding what it started with", () => {
    for (let i = 0; i < 500; i++) {
      const position = randomPosition();
      const start = position.lowerPrice * between(0.5, 3);
      const price = start * between(0.3, 3);
      const loss = impermanentLossOf(position, start, price);
      expect(loss / rangeValue(position, start)).toBeLessThanOrEqual(1e-12);
    }
    const full = positionOfValue({ lowerPrice: 0, upperPrice: Number.POSITIVE_INFINITY }, 100, 1000);
    // Doubling costs 2√2/3 − 1 = −5.72 % of what holding is worth (1500).
    expect(impermanentLossOf(full, 100, 200) / 1500).toBeCloseTo((2 * Math.SQRT2) / 3 - 1, 12);
  });

  it("refuses what is no range, naming it", () => {
    for (const [lowerPrice, upperPrice] of [
      [2, 1],
      [1, 1],
      [-1, 1],
      [Number.NaN, 1],
    ] as const)
      expect(() => checkRange({ lowerPrice, upperPrice })).toThrow(`range ${lowerPrice}:${upperPrice}`);
  });
});
