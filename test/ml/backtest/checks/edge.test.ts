import { describe, expect, it } from "vitest";
import { EDGE_KINDS, edge } from "../../../../ml/backtest/checks/edge.ts";
import { VARIANTS } from "../../../../ml/backtest/decisionVariants.ts";
import { loadModelSet } from "../../../../ml/models/index.ts";
import { bounds, settings as decision } from "../../fixtures.ts";

const HOUR = 3600;

describe("the walked decision where the edge is known", () => {
  const walk = async (id: string) => {
    const kind = EDGE_KINDS.find((one) => one.id === id);
    if (kind === undefined) throw new Error(`no kind ${id}`);
    return edge({
      ...{ kind, seed: 1, markets: 2, days: 5, capital: 10_000, models: await loadModelSet("rules") },
      bounds: { ...bounds, maxSwapShareWad: 10n ** 18n, cooldownSeconds: HOUR, maxMovesPerDay: 24 },
      decision: { ...decision, minHistorySeconds: 6 * HOUR },
      rule: { firstShare: 0.4, windowShare: 0.1, embargoSeconds: HOUR },
      ...{ blockHours: 6, level: 0.95 },
      variants: VARIANTS.filter(({ id }) => /^decision-24h-(bold|careful)-soon$/.test(id)),
      rules: ["full-range", "fixed-5", "fixed-2-reset", "daily-5"],
    });
  };

  it("stands aside where fees do not pay, and gives up nothing by it", async () => {
    const row = await walk("poor");
    expect(row).toMatchObject({ markets: 2, withinCosts: 2, proven: 0, moves: 0, ours: 0, costs: 0 });
    expect(row.difference).toBeGreaterThanOrEqual(0);
    expect(row.withinUnbounded).toBe(2);
  });

  it("tells in how many markets ours is behind by no more than its costs, and how far where it is", async () => {
    const side = { headlineBps: 0, feesBps: 0, lvrBps: 0, costsBps: 6, moves: 2, aside: 0 };
    const told = [
      // Of the calm rule's difference and its upper end, and of any rule's difference.
      [1, 9, -20],
      [-5, 2, -6],
      [-10, 1, -6.5],
      [-30, -7, -30],
      [-8, -6.5, -40],
    ].map(([calm = 0, high = 0, any = 0]) => ({
      ours: side,
      baseline: { ...side, headlineBps: 50 },
      greedyMoves: 9,
      difference: { totalBps: any, lowBps: null, highBps: null, hours: 9, blockHours: 2 },
      calm: {
        baseline: { ...side, headlineBps: 20 },
        difference: { totalBps: calm, lowBps: null, highBps: high, hours: 9, blockHours: 2 },
      },
    }));
    const names: string[] = [];
    const kept = {
      recall<T>(name: string): T {
        names.push(name);
        return told[names.length - 1] as T;
      },
      keep: () => {
        throw new Error("all of it was there");
      },
    };
    const kind = EDGE_KINDS[0] as (typeof EDGE_KINDS)[number];
    const given = {
      ...{ kind, seed: 3, markets: 5, days: 5, capital: 1, bounds, decision, blockHours: 6, level: 0.95 },
    };
    const rule = { firstShare: 0.4, windowShare: 0.1, embargoSeconds: HOUR };
    const row = await edge({ ...given, rule, models: await loadModelSet("rules"), kept });
    expect(names).toEqual([0, 1, 2, 3, 4].map((i) => `poor-5d-${30_000 + i}`));
    // Short by 4, 24 and 2; of these the interval of two ends below the costs.
    expect(row).toMatchObject({ withinCosts: 2, proven: 2, worstShort: 24, withinUnbounded: 1, unbounded: 50 });
    expect(row).toMatchObject({ baseline: 20, costs: 6, moves: 2, greedyMoves: 9 });
    expect(row.difference).toBeCloseTo(-10.4, 9);
    // Deviation of the five over the root of five.
    expect(row.error).toBeCloseTo(Math.sqrt(549.2 / 5 / 4), 9);
  });

  it("takes part where they pay twice, is within its costs of the best rule, and moves a third as often", async () => {
    const row = await walk("rich");
    expect(row).toMatchObject({ markets: 2, withinCosts: 2, proven: 0 });
    expect(row.ours).toBeGreaterThan(100);
    expect(row.baseline).toBeGreaterThan(100);
    expect(row.difference).toBeGreaterThanOrEqual(-row.costs);
    expect(row.moves).toBeGreaterThan(0);
    expect(row.moves).toBeLessThanOrEqual(row.greedyMoves / 3);
  });
});
