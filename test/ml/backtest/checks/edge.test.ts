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
