import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../ml/random.ts";
import { expectedInside } from "../../../ml/risk/bridge.ts";
import { optionGreeks } from "../../../ml/risk/option.ts";
import { PATHS, type StressPath, walkPath } from "../../../ml/risk/paths.ts";
import type { Holding } from "../../../ml/risk/portfolio.ts";
import { impermanentLossOf, positionOfValue, rangeDelta, rangeValue } from "../../../ml/risk/range.ts";
import { MOVES, stress, stressTable, VOLATILITIES } from "../../../ml/risk/stress.ts";
import { drawNormal } from "../../../ml/sim/draw.ts";

const WEEK = 7 / 365;
const position = positionOfValue({ lowerPrice: 1800, upperPrice: 2200 }, 2000, 10_000);
const range: Holding = { kind: "range", position };
const plain = { holdings: [range], price: 2000, sigma: 0.6, feeYieldPerYear: 0 };

describe("a stress table", () => {
  it("has a range's loss from the end price alone, and impermanent loss as its gap to holding", () => {
    for (const move of MOVES) {
      const to = 2000 * (1 + move);
      const cell = stress(plain, { move, volatility: 1, years: WEEK });
      expect(cell.profit).toBeCloseTo(rangeValue(position, to) - 10_000, 8);
      expect(cell.profit - cell.held).toBeCloseTo(impermanentLossOf(position, 2000, to), 8);
      expect(stress(plain, { move, volatility: 3, years: 0 }).profit).toBeCloseTo(cell.profit, 8);
    }
  });

  it("covers every move, volatility and time", () => {
    const table = stressTable(plain, [0, WEEK]);
    expect(table.length).toBe(2 * MOVES.length * VOLATILITIES.length);
    expect(MOVES[0]).toBe(-0.5);
    expect(MOVES.at(-1)).toBe(0.5);
  });

  it("pays fees for the expected time in range: all of it when still, less the wilder", () => {
    const paid = { ...plain, feeYieldPerYear: 0.2 };
    const fees = (volatility: number, move = 0) => stress(paid, { move, volatility, years: WEEK }).fees;
    expect(fees(1e-6) / (0.2 * WEEK * 2 * position.liquidity * Math.sqrt(2000))).toBeCloseTo(1, 9);
    expect(fees(1)).toBeLessThan(fees(0.5));
    expect(fees(3)).toBeLessThan(fees(1));
    expect(fees(1, -0.3)).toBeLessThan(fees(1) / 2);
    expect(stress(paid, { move: 0, volatility: 1, years: WEEK }).profit).toBeCloseTo(fees(1), 9);
  });

  it("takes the time in range between two prices as a simulated bridge does", () => {
    const random = seededRandom(17);
    const [paths, steps] = [4000, 200];
    const bridge = { from: 2000, to: 2150, sigma: 0.9, years: WEEK };
    const shares = Array.from({ length: paths }, () => {
      let x = 0;
      let inside = 0;
      const goal = Math.log(bridge.to / bridge.from);
      for (let i = 0; i < steps; i++) {
        // The next point of a bridge, given this one and the end; times at the middle of each step.
        const price = bridge.from * Math.exp(x);
        if (price > 1800 && price < 2200) inside += 1 / (steps + 1);
        const left = steps - i;
        const step = (bridge.sigma ** 2 * WEEK) / steps;
        x += (goal - x) / left + Math.sqrt((step * (left - 1)) / left) * drawNormal(random);
      }
      return inside + (bridge.to < 2200 ? 1 / (steps + 1) : 0);
    });
    const mean = shares.reduce((sum, share) => sum + share, 0) / paths;
    const error = Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / paths / paths);
    expect(Math.abs(expectedInside(position, bridge, 0) / WEEK - mean) / error).toBeLessThan(4);
    expect(error).toBeLessThan(0.01);
  });

  it("reprices options at the new price, volatility and age", () => {
    const option = { right: "put", strike: 1800, years: 30 / 365, quantity: 3 } as const;
    const cell = stress(
      { ...plain, holdings: [{ kind: "option", option }] },
      { move: -0.3, volatility: 2, years: WEEK },
    );
    const before = optionGreeks(option, { price: 2000, sigma: 0.6 }).value;
    const after = optionGreeks({ ...option, years: 23 / 365 }, { price: 1400, sigma: 1.2 }).value;
    expect(cell.profit).toBeCloseTo(after - before, 9);
    expect(cell.held).toBe(cell.profit);
    const mixed = [{ kind: "spot", amount: 2 } as const, { kind: "cash", amount: 50 } as const];
    expect(stress({ ...plain, holdings: mixed }, { move: 0.1, volatility: 1, years: 0 }).profit).toBeCloseTo(400, 9);
  });
});

describe("a stress path", () => {
  const straight = (factors: number[], assetPeg = 1): StressPath => ({ name: "test", years: WEEK, factors, assetPeg });

  it("ends where its last price does, remembers its worst moment, and pays fees on the way", () => {
    const crash = walkPath(plain, straight([1, 0.6, 1]));
    expect(crash.profit).toBeCloseTo(0, 8);
    expect(crash.worst).toBeCloseTo(rangeValue(position, 1200) - 10_000, 6);
    expect(crash.inRange).toBeLessThan(0.3);
    const paid = walkPath({ ...plain, feeYieldPerYear: 0.2 }, straight([1, 0.6, 1]));
    expect(paid.profit).toBeCloseTo(paid.fees, 8);
    expect(paid.fees).toBeGreaterThan(0);
  });

  it("has the LVR of a hedger who acts at the named prices", () => {
    const { lvr } = walkPath(plain, straight([1, 0.6, 1]));
    const down = rangeDelta(position, 2000) * -800 - (rangeValue(position, 1200) - 10_000);
    const up = rangeDelta(position, 1200) * 800 - (10_000 - rangeValue(position, 1200));
    expect(lvr).toBeCloseTo(down + up, 6);
    expect(walkPath(plain, straight([1, 1])).lvr).toBeCloseTo(0, 9);
  });

  it("counts what the asset itself has lost", () => {
    const flat = walkPath({ ...plain, holdings: [{ kind: "cash", amount: 100 }] }, straight([1, 1], 0.88));
    expect(flat.profit).toBeCloseTo(-12, 9);
  });

  it("has shapes that start at the price and name what happens", () => {
    expect(PATHS.length).toBeGreaterThanOrEqual(6);
    expect(new Set(PATHS.map(({ name }) => name)).size).toBe(PATHS.length);
    for (const { factors, years } of PATHS) {
      expect(factors[0]).toBe(1);
      expect(years).toBeGreaterThan(0);
    }
  });
});
