import { describe, expect, it } from "vitest";
import { decide } from "../../../ml/decide.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import { breachProbability, lossMoves } from "../../../ml/ranges/breach.ts";
import { logSpread, waitingThreshold } from "../../../ml/ranges/waiting.ts";
import { impermanentLoss, type Offsets } from "../../../ml/risk/position.ts";
import type { Candidate, DecisionSettings } from "../../../ml/types.ts";
import { bounds, market, settings, vault } from "../fixtures.ts";

const RANGES: Offsets[] = [
  { lower: -40, upper: 40 },
  { lower: -0.05, upper: 0.05 },
  { lower: -0.3, upper: 0.02 },
  { lower: 0, upper: 0.1 },
  { lower: 0.02, upper: 0.2 },
  { lower: -0.2, upper: -0.02 },
];

describe("breach of the loss bound", () => {
  it("puts the two prices where the loss is exactly the bound", () => {
    for (const range of RANGES) {
      for (const loss of [1e-4, 0.01, 0.05, 0.3]) {
        const { down, up } = lossMoves(range, loss);
        for (const move of [down, up].filter(Number.isFinite))
          expect(impermanentLoss(range, move)).toBeCloseTo(-loss, 9);
        // Where no move is told, none loses as much.
        if (!Number.isFinite(down)) expect(impermanentLoss(range, -60)).toBeGreaterThanOrEqual(-loss - 1e-9);
        if (!Number.isFinite(up)) expect(impermanentLoss(range, 60)).toBeGreaterThanOrEqual(-loss - 1e-9);
      }
    }
  });

  it("agrees with adding up the lognormal price", () => {
    const variance = 0.06 ** 2;
    for (const range of RANGES) {
      for (const loss of [0.002, 0.02]) {
        let sum = 0;
        const step = 1e-4;
        for (let z = -8 + step / 2; z < 8; z += step) {
          const lost = -impermanentLoss(range, 0.06 * z - variance / 2) > loss;
          if (lost) sum += (step * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
        }
        expect(breachProbability(range, variance, loss)).toBeCloseTo(sum, 3);
      }
    }
  });

  it("is certain where nothing may be lost and impossible where nothing moves", () => {
    expect(breachProbability({ lower: -0.1, upper: 0.1 }, 0.01, 0)).toBe(1);
    expect(breachProbability({ lower: -0.1, upper: 0.1 }, 0, 0.01)).toBe(0);
  });
});

describe("the right to decide later", () => {
  it("is worth as much as moving now at the threshold, and more below it, at whatever time of waiting", () => {
    const random = normals(200_000);
    const threshold = waitingThreshold(1 / 24);
    const best = (edge: number): number =>
      Math.max(
        ...[1 / 24, 0.08, 0.12, 0.16, 0.25, 0.5].map((part) => {
          const later = random.reduce((sum, z) => sum + Math.max(0, edge + Math.sqrt(part) * z), 0) / random.length;
          return (1 - part) * later;
        }),
      );
    expect(best(threshold)).toBeCloseTo(threshold, 2);
    expect(best(0.8 * threshold)).toBeGreaterThan(0.8 * threshold);
    expect(best(1.3 * threshold)).toBeLessThan(1.3 * threshold);
  });

  it("is worth nothing where forecasts are certain", () => {
    expect(logSpread({ q50: 2, q90: 2 })).toBe(0);
    expect(logSpread({ q50: 0, q90: 1 })).toBe(0);
    expect(logSpread({ q50: 1, q90: Math.exp(1.2815515655446004) })).toBeCloseTo(1, 12);
  });
});

describe("a decision", () => {
  const history = market({ hours: 72, feeOverLvr: 3 });
  const state = vault(history, 1);
  const decided = async (over: Partial<DecisionSettings>) =>
    decide({ history, state, models: await loadModelSet("rules"), bounds, settings: { ...settings, ...over } });
  const chosen = ({ candidates, chosen }: Awaited<ReturnType<typeof decided>>) => candidates[chosen] as Candidate;
  const width = ({ range }: Candidate): number => (range === null ? 0 : range.upperTick - range.lowerTick);

  it("subtracts every risk by its weight and says what each came to", async () => {
    const weights = {
      lvrWeight: 0.5,
      riskAversion: 0.2,
      deviationWeight: 0.01,
      breachWeightBps: 300,
      lossBoundBps: 20,
      waitWeight: 1,
    };
    const { candidates } = await decided(weights);
    expect(Math.max(...candidates.map(({ breach }) => breach))).toBeGreaterThan(0.05);
    expect(Math.max(...candidates.map(({ deviationBps }) => deviationBps))).toBeGreaterThan(100);
    expect(candidates.filter(({ kind, waitBps }) => kind === "range" && waitBps > 0).length).toBeGreaterThan(50);
    for (const c of candidates) {
      const risks = 0.2 * c.tailBps + 0.01 * c.deviationBps + 300 * c.breach;
      expect(c.netBps).toBeCloseTo(c.feesBps - 0.5 * c.lvrBps - c.costBps - risks, 3);
    }
  });

  it("goes wider where a breach costs more", async () => {
    const free = chosen(await decided({ lossBoundBps: 60 }));
    const dear = chosen(await decided({ lossBoundBps: 60, breachWeightBps: 300 }));
    expect(free.kind).toBe("range");
    expect(width(dear)).toBeGreaterThan(width(free));
    expect(dear.breach).toBeLessThan(free.breach);
  });

  it("keeps closer to the reference the more distance weighs", async () => {
    const near = chosen(await decided({ deviationWeight: 1 }));
    const far = chosen(await decided({}));
    expect(near.kind).toBe("range");
    expect(near.deviationBps).toBeLessThanOrEqual(far.deviationBps);
    expect(near.deviationBps).toBeLessThan(40);
  });

  it("waits where the right to decide later is worth more than the edge", async () => {
    const now = await decided({ waitWeight: 1 });
    expect(now.action).toBe("move");
    const { netBps, waitBps } = chosen(now);
    const later = await decided({ waitWeight: (1.5 * netBps) / waitBps + 20 });
    expect(later).toMatchObject({ action: "stand-aside", reasonKey: "no-edge" });
    expect(later.reason).toMatch(/more for the right to wait/);
  });

  it("holds the bound to what is left of the vault's budget", async () => {
    const tight = { ...state, lossBudgetLeftWad: 10n ** 15n };
    const models = await loadModelSet("rules");
    const most = async (of: typeof state) =>
      Math.max(
        ...(await decide({ history, state: of, models, bounds, settings })).candidates.map(({ breach }) => breach),
      );
    expect(await most(tight)).toBeGreaterThan(await most(state));
  });
});

/** Normal numbers at equally likely places. */
function normals(count: number): number[] {
  const numbers: number[] = [];
  let [z, below] = [-8, 0];
  for (let i = 0; i < count; i++) {
    const target = (i + 0.5) / count;
    while (below < target) {
      below += (1e-5 * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
      z += 1e-5;
    }
    numbers.push(z);
  }
  return numbers;
}
