import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { InvalidInputError } from "../../../ml/errors.ts";
import { seededRandom } from "../../../ml/random.ts";
import { drawIndex, drawNormal, drawPoisson, drawQuantile } from "../../../ml/sim/draw.ts";
import { type MarketMoment, marketProcess, stationary } from "../../../ml/sim/market.ts";
import { type MarketParameters, parseMarketParameters } from "../../../ml/sim/parameters.ts";
import { playInPool } from "../../../ml/sim/pool.ts";
import { looksInformed, measureMarket } from "../../../ml/sim/statistics.ts";

const committed = parseMarketParameters(JSON.parse(readFileSync("ml/sim/parameters.json", "utf8")));

/** One regime, no jumps, flat activity: what comes out must be what went in. */
const plain: MarketParameters = {
  ...committed,
  startPrice: 2000,
  volatility: { regimes: [{ sigmaPerDay: 0.04, logSd: 0 }], transition: [[1]] },
  jumps: { perDay: 0, logSd: 0 },
  noise: {
    perDay: 300,
    elasticity: 0,
    referenceVariancePerDay: 0.0016,
    towardShare: 0.8,
    logSizeQuantiles: [Math.log(100), Math.log(1000), Math.log(10_000)],
  },
};

function play(parameters: MarketParameters, seed: number, days: number, stepSeconds = 120): MarketMoment[] {
  const process = marketProcess({ parameters, seed, stepSeconds });
  return Array.from({ length: (days * 86_400) / stepSeconds }, () => process.next().value as MarketMoment);
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const returns = (moments: readonly MarketMoment[]) =>
  moments.slice(1).map(({ price }, i) => Math.log(price / (moments[i]?.price ?? price)));

describe("draws", () => {
  it("have the moments of their distributions", () => {
    const random = seededRandom(7);
    const normals = Array.from({ length: 20_000 }, () => drawNormal(random));
    expect(mean(normals)).toBeCloseTo(0, 1);
    expect(mean(normals.map((x) => x * x))).toBeCloseTo(1, 1);
    const counts = Array.from({ length: 20_000 }, () => drawPoisson(random, 1.7));
    expect(mean(counts)).toBeCloseTo(1.7, 1);
    expect(mean(counts.map((n) => (n - 1.7) ** 2))).toBeCloseTo(1.7, 1);
    expect(drawPoisson(random, 0)).toBe(0);
    const indices = Array.from({ length: 20_000 }, () => drawIndex(random, [0.2, 0, 0.8]));
    expect(indices.filter((i) => i === 0).length / 20_000).toBeCloseTo(0.2, 1);
    expect(indices).not.toContain(1);
    const drawn = Array.from({ length: 20_000 }, () => drawQuantile(random, [0, 1, 10]));
    expect(drawn.filter((x) => x < 1).length / 20_000).toBeCloseTo(0.5, 1);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(10);
  });
});

describe("the market process", () => {
  it("is the same for a seed and another for another", () => {
    expect(play(committed, 3, 2)).toEqual(play(committed, 3, 2));
    expect(play(committed, 3, 2)).not.toEqual(play(committed, 4, 2));
  });

  it("does not look ahead: a longer run begins with the shorter one", () => {
    expect(play(committed, 5, 3).slice(0, 720)).toEqual(play(committed, 5, 1));
  });

  it("has the volatility, arrivals, sides and sizes of its parameters", () => {
    const moments = play(plain, 1, 60);
    expect(Math.sqrt(mean(returns(moments).map((r) => r * r)) * 720)).toBeCloseTo(0.04, 3);
    const orders = moments.flatMap((moment) => moment.orders);
    expect(orders.length / 60 / 300).toBeCloseTo(1, 1);
    expect(orders.filter(({ toward }) => toward).length / orders.length).toBeCloseTo(0.8, 1);
    expect(orders.filter(({ size }) => size < 1000).length / orders.length).toBeCloseTo(0.5, 1);
  });

  it("keeps its streams apart: other arrivals leave the price as it is", () => {
    const busier = { ...plain, noise: { ...plain.noise, perDay: 900 } };
    expect(play(busier, 2, 2).map(({ price }) => price)).toEqual(play(plain, 2, 2).map(({ price }) => price));
  });

  it("jumps as often and as far as its parameters say", () => {
    const jumpy = {
      ...plain,
      volatility: { regimes: [{ sigmaPerDay: 1e-6, logSd: 0 }], transition: [[1]] },
      jumps: { perDay: 4, logSd: 0.03 },
    };
    const jumps = returns(play(jumpy, 1, 200)).filter((r) => Math.abs(r) > 1e-4);
    expect(jumps.length / 200 / 4).toBeCloseTo(1, 1);
    expect(Math.sqrt(mean(jumps.map((r) => r * r)))).toBeCloseTo(0.03, 2);
  });

  it("spends its days in the regimes as their transitions say", () => {
    const days = play(committed, 11, 600, 21_600).filter((_, i) => i % 4 === 0);
    const shares = stationary(committed.volatility.transition);
    for (const [regime, share] of shares.entries()) {
      expect(Math.abs(days.filter((day) => day.regime === regime).length / days.length - share)).toBeLessThan(0.1);
    }
  });

  it("brings more orders on wild days", () => {
    const linked = { ...plain, noise: { ...plain.noise, elasticity: 0.5 } };
    const wild = { ...linked, volatility: { regimes: [{ sigmaPerDay: 0.12, logSd: 0 }], transition: [[1]] } };
    const count = (parameters: MarketParameters) => play(parameters, 1, 30).flatMap(({ orders }) => orders).length;
    expect(count(wild) / count(linked)).toBeCloseTo(3, 0);
  });
});

describe("orders in a pool", () => {
  const pool = { feeRatio: 0.003, marginRatio: 0.001, liquidity: 1e7 };

  it("come from arbitrage only beyond fee and margin, and then towards the price elsewhere, up to the fee", () => {
    const quiet = play({ ...plain, noise: { ...plain.noise, perDay: 1e-9 } }, 1, 30);
    const swaps = [...playInPool(quiet, pool)];
    expect(swaps.length).toBeGreaterThan(50);
    for (const swap of swaps) {
      expect(swap.buys).toBe(swap.lnReference > swap.lnBefore);
      expect(Math.abs(swap.lnReference - swap.lnBefore)).toBeGreaterThan(0.004);
      expect(Math.abs(swap.lnReference - swap.lnAfter)).toBeCloseTo(0.003, 10);
      expect(looksInformed(swap, 0.003)).toBe(true);
    }
    expect(measureMarket(swaps, 0.003).informedShareOfVolume).toBe(1);
  });

  it("go towards the price elsewhere or away from it, as they say, on either side of it", () => {
    const start = { seconds: 0, price: 2000, regime: 0, orders: [] };
    for (const toward of [true, false]) {
      for (const price of [2003, 1997]) {
        const [swap] = [
          ...playInPool([start, { seconds: 1, price, regime: 0, orders: [{ toward, size: 100 }] }], pool),
        ];
        expect(swap?.buys).toBe(price > 2000 === toward);
      }
    }
  });

  it("pay for the move of the price: the token0 that goes in is liquidity times the move of its root", () => {
    const [swap] = [
      ...playInPool([{ seconds: 0, price: 2000, regime: 0, orders: [{ toward: false, size: 50_000 }] }], pool),
    ];
    expect(swap?.size).toBe(50_000);
    const moved = Math.exp((swap?.lnAfter ?? 0) / 2) - Math.exp((swap?.lnBefore ?? 0) / 2);
    expect((Math.abs(moved) * pool.liquidity) / 50_000).toBeCloseTo(0.997, 6);
  });
});

describe("market parameters", () => {
  it("carry the real statistics beside the simulated, and the sha256 of every file", () => {
    const { files, residuals, how } = committed.provenance;
    expect(files.length).toBeGreaterThanOrEqual(5);
    for (const { sha256 } of files) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    for (const name of ["volatility.regimes", "jumps", "noise.perDay", "arbitrage.marginBps", "depth.bands"]) {
      expect(how[name]).toBeTruthy();
    }
    const turnover = residuals.find(({ statistic }) => statistic === "turnoverPerDay");
    expect(Math.abs((turnover?.simulated ?? 0) / (turnover?.real ?? 1) - 1)).toBeLessThan(0.05);
    expect(residuals.find(({ statistic }) => statistic === "feeOverLvrHourly")?.simulated).toBeGreaterThan(0.5);
  });

  it("are refused by the name of the field that is wrong", () => {
    const broken = { ...committed, jumps: { perDay: -1, logSd: 0.1 } };
    expect(() => parseMarketParameters(broken)).toThrow(InvalidInputError);
    expect(() => parseMarketParameters(broken)).toThrow("jumps.perDay");
    const leaky = { ...committed, volatility: { ...plain.volatility, transition: [[0.5]] } };
    expect(() => parseMarketParameters(leaky)).toThrow("volatility.transition.0");
  });
});
