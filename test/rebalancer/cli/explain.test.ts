import { describe, expect, it } from "vitest";
import { decide } from "../../../ml/decide.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import type { Bounds, DecisionSettings } from "../../../ml/types.ts";
import { explainDecision } from "../../../rebalancer/cli/explain.ts";
import { bounds, market, settings, vault } from "../../ml/fixtures.ts";

const history = market({ hours: 72, feeOverLvr: 3 });
const weighed = { ...settings, breachWeightBps: 50, lossBoundBps: 60, deviationWeight: 0.002, waitWeight: 1 };

async function explained(over: Partial<DecisionSettings>, limits: Bounds = bounds) {
  const given = { ...weighed, ...over };
  const models = await loadModelSet("rules");
  const decision = await decide({ history, state: vault(history, 1), models, bounds: limits, settings: given });
  return {
    decision,
    text: explainDecision(decision, given),
    words: explainDecision(decision, given).replace(/\s+/g, " "),
  };
}

describe("a decision explained", () => {
  it("adds up in the printed column, and says when a move has paid back", async () => {
    const { decision, text, words } = await explained({});
    expect(decision.action).toBe("move");
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    const first = (title: string): number => {
      const line = text.split("\n").find((one) => one.startsWith(title)) ?? "";
      return Number(line.slice(25).trim().split(/\s+/).at(-3));
    };
    const parts = ["expected fees", "expected LVR", "swap, gas", "loss tail", "off the", "breach of"].map(first);
    expect(parts.reduce((sum, part) => sum + part, 0)).toBeCloseTo(first("net"), 1);
    expect(first("net")).toBeCloseTo(decision.candidates[decision.chosen]?.netBps ?? Number.NaN, 2);
    const hours = Number(/have earned it after ([\d.]+) of the 24 hours/.exec(words)?.[1]);
    expect(hours).toBeGreaterThan(0);
    expect(hours).toBeLessThan(24);
    expect(words).toMatch(/The best range not taken, -?\d+\.\.-?\d+, nets [\d.]+ bp, [\d.]+ bp less after the right/);
  });

  it("says how much the best range lacked, and of what", async () => {
    const { decision, words } = await explained({ hysteresisBps: 500 });
    expect(decision.action).toBe("stand-aside");
    const best = Math.max(...decision.candidates.filter(({ kind }) => kind === "range").map(({ netBps }) => netBps));
    const [, nets, need, lack] = /nets ([\d.]+) bp and would need ([\d.]+): .* It lacks ([\d.]+) bp/.exec(words) ?? [];
    expect(Number(nets)).toBeCloseTo(best, 2);
    expect(Number(need) - Number(nets)).toBeCloseTo(Number(lack), 1);
    expect(words).toContain("500.00 of hysteresis");
  });

  it("names the bound that refused the best range", async () => {
    const { words } = await explained({}, { ...bounds, maxSwapShareWad: 0n });
    expect(words).toMatch(/is refused: needs to swap [\d.]+ % of NAV/);
  });

  it("says so where nothing was scored", async () => {
    const { words } = await explained({ minHistorySeconds: 10 ** 9 });
    expect(words).toMatch(/^Nothing was scored.*of history/);
  });
});
