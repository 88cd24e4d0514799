import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../ml/random.ts";
import { hedge } from "../../../ml/risk/hedge.ts";
import { expectedValue } from "../../../ml/risk/horizon.ts";
import { optionGreeks, type VanillaOption } from "../../../ml/risk/option.ts";
import { type Holding, portfolioGreeks } from "../../../ml/risk/portfolio.ts";
import { integrate } from "../../../ml/risk/quadrature.ts";
import { positionOfValue, rangeValue } from "../../../ml/risk/range.ts";
import { stripDensity } from "../../../ml/risk/strip.ts";

const random = seededRandom(5);
const between = (low: number, high: number) => low + (high - low) * random();

describe("vanilla options", () => {
  it("have the textbook values (Hull: S 42, K 40, r 10 %, σ 20 %, half a year: 4.76 and 0.81)", () => {
    const market = { price: 42, sigma: 0.2, rate: 0.1 };
    const option = { strike: 40, years: 0.5, quantity: 1 };
    expect(optionGreeks({ ...option, right: "call" }, market).value).toBeCloseTo(4.759422392871532, 10);
    expect(optionGreeks({ ...option, right: "put" }, market).value).toBeCloseTo(0.8085993729000922, 10);
  });

  it("have greeks that are slopes of their value, and obey parity", () => {
    for (let i = 0; i < 300; i++) {
      const option: VanillaOption = {
        right: random() < 0.5 ? "call" : "put",
        strike: between(50, 150),
        years: between(0.05, 2),
        quantity: between(-3, 3),
      };
      const market = { price: between(60, 140), sigma: between(0.2, 1.5), rate: between(-0.02, 0.1) };
      const greeks = optionGreeks(option, market);
      const value = (change: Partial<typeof market>, years = option.years) =>
        optionGreeks({ ...option, years }, { ...market, ...change }).value;
      const h = 1e-3;
      const { price, sigma, rate } = market;
      expect((value({ price: price + h }) - value({ price: price - h })) / (2 * h)).toBeCloseTo(greeks.delta, 6);
      expect((value({ price: price + h }) - 2 * value({}) + value({ price: price - h })) / h ** 2).toBeCloseTo(
        greeks.gamma,
        5,
      );
      expect((value({ sigma: sigma + 1e-5 }) - value({ sigma: sigma - 1e-5 })) / 2e-5).toBeCloseTo(greeks.vega, 4);
      expect((value({}, option.years - 1e-6) - value({}, option.years + 1e-6)) / 2e-6).toBeCloseTo(greeks.theta, 3);
      const other = optionGreeks({ ...option, right: option.right === "call" ? "put" : "call" }, market);
      const forward = option.quantity * (price - option.strike * Math.exp(-rate * option.years));
      expect(greeks.value - other.value).toBeCloseTo(option.right === "call" ? forward : -forward, 9);
    }
  });

  it("are worth their intrinsic value at expiry", () => {
    const put: VanillaOption = { right: "put", strike: 100, years: 0, quantity: 2 };
    expect(optionGreeks(put, { price: 90, sigma: 0.5 })).toEqual({ value: 20, delta: -2, gamma: 0, theta: 0, vega: 0 });
    expect(optionGreeks(put, { price: 110, sigma: 0.5 }).value).toBe(0);
    expect(optionGreeks({ ...put, years: -1 }, { price: 90, sigma: 0.5 }).value).toBe(20);
  });

  it("make up a range: cash less a strip of Black–Scholes puts is the range's expected value", () => {
    for (const [lowerPrice, upperPrice] of [
      [90, 115],
      [40, 300],
      [105, 130],
    ] as const) {
      const position = positionOfValue({ lowerPrice, upperPrice }, 100, 1000);
      const puts = integrate(
        (strike) =>
          stripDensity(position.liquidity, strike) *
          optionGreeks({ right: "put", strike, years: 0.25, quantity: 1 }, { price: 100, sigma: 0.8 }).value,
        lowerPrice,
        upperPrice,
      );
      const expected = expectedValue(position, { price: 100, sigma: 0.8 }, 0.25);
      expect((rangeValue(position, upperPrice) - puts) / expected).toBeCloseTo(1, 11);
    }
  });
});

describe("a hedged portfolio", () => {
  const market = { price: 2000, sigma: 0.6, years: 7 / 365 };
  const holdings: Holding[] = [
    { kind: "range", position: positionOfValue({ lowerPrice: 1800, upperPrice: 2200 }, 2000, 10_000) },
    { kind: "range", position: positionOfValue({ lowerPrice: 1000, upperPrice: 4000 }, 2000, 5_000) },
    { kind: "option", option: { right: "put", strike: 1700, years: 0.1, quantity: 1 } },
    { kind: "spot", amount: 0.5 },
    { kind: "cash", amount: 300 },
  ];

  it("sums its holdings", () => {
    const whole = portfolioGreeks(holdings, market);
    const parts = holdings.map((holding) => portfolioGreeks([holding], market));
    for (const key of ["value", "delta", "gamma", "vega", "gammaCost"] as const) {
      expect(whole[key]).toBeCloseTo(
        parts.reduce((sum, part) => sum + part[key], 0),
        9,
      );
    }
    expect(whole.value).toBeGreaterThan(16_300);
    expect(whole.gamma).toBeLessThan(0);
  });

  it("has no delta with spot, and no gamma with an option besides; the value is unchanged", () => {
    const spot = hedge(holdings, market);
    expect(spot.after.delta).toBeCloseTo(0, 10);
    expect(spot.after.gamma).toBeCloseTo(portfolioGreeks(holdings, market).gamma, 12);
    const both = hedge(holdings, market, { right: "call", strike: 2100, years: 0.08 });
    expect(both.after.delta).toBeCloseTo(0, 10);
    expect(both.after.gamma).toBeCloseTo(0, 12);
    expect(both.options).toBeGreaterThan(0);
    expect(both.after.value).toBeCloseTo(portfolioGreeks(holdings, market).value, 8);
  });

  it("refuses an option that has no gamma", () => {
    expect(() => hedge(holdings, market, { right: "call", strike: 2100, years: 0 })).toThrow("option with gamma");
  });
});
