import { describe, expect, it } from "vitest";
import { decide } from "../../ml/decide.ts";
import { loadModelSet } from "../../ml/models/index.ts";
import { settle } from "../../ml/settle.ts";
import type { PoolHistory } from "../../ml/types.ts";
import { bounds, market, settings, vault } from "./fixtures.ts";

const rules = await loadModelSet("rules");
const DAY = 86_400;
const whole = market({ hours: 240, feeOverLvr: 3 });

function until(toTimestamp: number): PoolHistory {
  const swaps = whole.swaps.filter((swap) => swap.timestamp <= toTimestamp);
  const last = swaps.at(-1) ?? whole.swaps[0];
  if (last === undefined) throw new Error("the fixture has no swaps");
  const { sqrtPriceX96, tick, liquidity, block } = last;
  return { ...whole, swaps, toTimestamp, toBlock: block, sqrtPriceX96, tick, liquidity };
}

const past = until(whole.toTimestamp - 2 * DAY);
const decision = await decide({ history: past, state: vault(past, 1), models: rules, bounds, settings });

describe("settle", () => {
  it("measures what the chosen range earned and lost beside what was predicted", () => {
    const outcome = settle({ decision, history: whole, horizonSeconds: DAY });
    expect(decision.action).toBe("move");
    expect(outcome.predicted?.feesBps).toBe(decision.candidates[decision.chosen]?.feesBps);
    expect(outcome.feesBps).toBeGreaterThan(0);
    expect(outcome.lvrBps).toBeGreaterThan(0);
    expect(outcome.ilBps).toBeLessThanOrEqual(0);
    expect(outcome.netBps).toBeCloseTo(outcome.feesBps - outcome.lvrBps, 9);
    expect(outcome.realisedVariance / 0.03 ** 2).toBeGreaterThan(0.5);
    expect(outcome.realisedVariance / 0.03 ** 2).toBeLessThan(2);
    // The market was made so that a full range earns three times its loss; so does a range while it is inside.
    expect(outcome.feesBps / outcome.lvrBps).toBeGreaterThan(1.5);
  });

  it("looks no further than the horizon", () => {
    const exact = until(past.toTimestamp + DAY);
    const outcome = settle({ decision, history: exact, horizonSeconds: DAY });
    expect(settle({ decision, history: whole, horizonSeconds: DAY })).toEqual(outcome);
  });

  it("settles standing aside at nothing", () => {
    const idle = { ...decision, chosen: decision.candidates.findIndex((c) => c.kind === "idle") };
    expect(settle({ decision: idle, history: whole, horizonSeconds: DAY })).toMatchObject({
      feesBps: 0,
      lvrBps: 0,
      netBps: 0,
    });
  });

  it("refuses to settle before the horizon has passed or when history is gone", () => {
    const early = until(past.toTimestamp + DAY - 1);
    expect(() => settle({ decision, history: early, horizonSeconds: DAY })).toThrow(/must reach from/);
    const late = { ...whole, fromTimestamp: past.toTimestamp + 1 };
    expect(() => settle({ decision, history: late, horizonSeconds: DAY })).toThrow(/must reach from/);
  });
});
