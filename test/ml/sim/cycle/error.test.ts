import { describe, expect, it } from "vitest";
import { compareWithExact, errorsOf } from "../../../../ml/sim/cycle/compare.ts";
import { createPool } from "../../../../ml/sim/exact/pool.ts";
import { createReferencePool } from "../../../../ml/sim/exact/reference.ts";
import { lively, plain } from "./fixture.ts";

describe("the cycle beside the exact engine, with real orders and a real position", () => {
  it("earns the same fees to 0.5 % and has the same value to 1 bp, in the mean", () => {
    const comparisons = compareWithExact({
      parameters: lively,
      settings: { environments: 24, rule: { tau: 0.06, width: 2 } },
      steps: 240,
      seed: 3,
      ordersPerStep: 32,
      makePool: createPool,
    });
    const { fees, value } = errorsOf(comparisons);
    expect(fees.mean).toBeLessThan(0.005);
    expect(value.mean).toBeLessThan(1e-4);
    // It is a comparison of something: positions moved, fees were earned, and floats are not integers.
    expect(comparisons.reduce((sum, { moves }) => sum + moves, 0)).toBeGreaterThan(48);
    for (const { exactFees, swaps } of comparisons) {
      expect(exactFees).toBeGreaterThan(0.005);
      expect(swaps).toBeGreaterThan(240 * 15);
    }
    expect(value.worst).toBeGreaterThan(0);
  });

  it("also for an agent that is a tenth of the pool, with dilution and impact", () => {
    const { fees, value } = errorsOf(
      compareWithExact({
        parameters: plain,
        settings: { environments: 8, capital: 1e6 },
        steps: 96,
        seed: 5,
        ordersPerStep: 16,
        makePool: createPool,
      }),
    );
    expect(fees.mean).toBeLessThan(0.02);
    expect(value.mean).toBeLessThan(2e-3);
  });

  it("is the same comparison on the readable engine", () => {
    const played = [createPool, createReferencePool].map((makePool) =>
      compareWithExact({
        parameters: lively,
        settings: { environments: 8 },
        steps: 24,
        seed: 1,
        ordersPerStep: 4,
        makePool,
      }),
    );
    expect(played[0]).toEqual(played[1]);
  });
});
