import { describe, expect, it } from "vitest";
import { createCycle } from "../../../../ml/sim/cycle/cycle.ts";
import { angle, bits, cosPi, radius, side, sinPi, uniform } from "../../../../ml/sim/cycle/random.ts";
import { lively, mean, plain } from "./fixture.ts";

const COUNT = 400_000;
const draws = Array.from({ length: COUNT }, (_, i) => bits(i, 0x12345678, 0x9abcdef0));

/** n-th central moment over the n-th power of the standard deviation. */
function standardMoment(values: readonly number[], power: number): number {
  const m = mean(values);
  return mean(values.map((x) => (x - m) ** power)) / mean(values.map((x) => (x - m) ** 2)) ** (power / 2);
}

describe("the kernel's random numbers", () => {
  it("are uniform, in both halves of their bits, and do not follow from the one before", () => {
    const u = draws.map(uniform);
    expect(mean(u)).toBeCloseTo(0.5, 2);
    expect(mean(u.map((x) => (x - 0.5) ** 2))).toBeCloseTo(1 / 12, 3);
    const low = draws.map((b) => side(b) / 32768);
    expect(mean(low)).toBeCloseTo(0, 2);
    expect(mean(low.map((x) => x * x))).toBeCloseTo(1 / 3, 2);
    expect(mean(u.slice(1).map((x, i) => (x - 0.5) * ((u[i] ?? 0) - 0.5)))).toBeCloseTo(0, 3);
    expect(mean(u.map((x, i) => (x - 0.5) * (low[i] ?? 0)))).toBeCloseTo(0, 2);
    const neighbour = Array.from({ length: 1000 }, (_, i) => bits(i, 0x12345679, 0x9abcdef0));
    expect(neighbour.filter((b, i) => b === draws[i]).length).toBe(0);
  });

  it("make pairs of normal numbers: mean 0, variance 1, skew 0, kurtosis 3, tails, no correlation", () => {
    const pairs = Array.from({ length: COUNT / 2 }, (_, i) => {
      const [r, turn] = [radius(draws[2 * i] ?? 0), angle(draws[2 * i + 1] ?? 0)];
      return [r * cosPi(turn), r * sinPi(turn)] as const;
    });
    for (const which of [0, 1] as const) {
      const z = pairs.map((pair) => pair[which]);
      expect(Math.abs(mean(z))).toBeLessThan(0.01);
      expect(Math.abs(mean(z.map((x) => x * x)) - 1)).toBeLessThan(0.01);
      expect(Math.abs(standardMoment(z, 3))).toBeLessThan(0.03);
      expect(Math.abs(standardMoment(z, 4) - 3)).toBeLessThan(0.06);
      // 4.55 % beyond two and 0.27 % beyond three standard deviations.
      expect(Math.abs(z.filter((x) => Math.abs(x) > 2).length / z.length - 0.0455)).toBeLessThan(0.0015);
      expect(Math.abs(z.filter((x) => Math.abs(x) > 3).length / z.length - 0.0027)).toBeLessThan(0.0005);
    }
    expect(Math.abs(mean(pairs.map(([a, b]) => a * b)))).toBeLessThan(0.01);
  });
});

describe("the cycle's market", () => {
  const STEPS = 240;
  const run = (parameters: typeof plain, environments = 2048) => {
    const cycle = createCycle(parameters, { environments, horizonSteps: STEPS });
    cycle.reset(1);
    const returns: number[] = [];
    const gross: number[] = [];
    let before = Float64Array.from(cycle.fields.ref);
    for (let step = 0; step < STEPS; step++) {
      cycle.step();
      const now = Float64Array.from(cycle.fields.ref);
      for (let i = 0; i < 64; i++) returns.push(2 * Math.log((now[i] ?? 1) / (before[i] ?? 1)));
      for (let i = 0; i < 64; i++) gross.push(cycle.fields.gross[i] ?? 0);
      before = now;
    }
    return { cycle, returns, gross };
  };

  it("has the volatility and the noise of its parameters, and no drift", () => {
    const { cycle, returns, gross } = run(plain);
    expect(Math.sqrt(mean(returns.map((r) => r * r)) * 24) / 0.04).toBeCloseTo(1, 1);
    // Relative path of a step = twice the turnover, less the fee.
    const activity = (0.04 ** 2 / plain.noise.referenceVariancePerDay) ** plain.noise.elasticity;
    const expected = (2 * plain.noise.turnoverPerDay * (1 - 0.003) * activity) / 24;
    expect(mean(gross) / expected).toBeCloseTo(1, 1);
    const variation = Math.sqrt(mean(gross.map((g) => (g / mean(gross) - 1) ** 2)));
    expect(variation).toBeCloseTo(plain.noise.hourlyVariation, 1);
    // sd of the price after ten days is about 13 %; over 2,048 markets the mean is known to 0.3 %.
    expect(Math.abs(mean(cycle.fields.ref.map((s) => s * s)) - 1)).toBeLessThan(0.012);
  });

  it("jumps, crashes and comes back in part, without drift either", () => {
    const { cycle } = run({ ...lively, flashCrashes: { ...lively.flashCrashes, perDay: 0.2 } });
    expect(Math.abs(mean(cycle.fields.ref.map((s) => s * s)) - 1)).toBeLessThan(0.02);
    expect(Math.min(...cycle.fields.liquidity)).toBeLessThan(0.6);
    expect(Math.max(...cycle.fields.liquidity)).toBeLessThanOrEqual(1);
    expect(mean(cycle.fields.rebound)).toBeGreaterThan(0);
  });

  it("keeps the pool inside the band around the price elsewhere", () => {
    const { cycle } = run(lively, 256);
    const { band, bandInverse } = cycle.world;
    for (let i = 0; i < 256; i++) {
      const ratio = (cycle.fields.pool[i] ?? 0) / (cycle.fields.ref[i] ?? 1);
      expect(ratio).toBeLessThan(band * (1 + 1e-6));
      expect(ratio).toBeGreaterThan(bandInverse * (1 - 1e-6));
    }
  });
});
