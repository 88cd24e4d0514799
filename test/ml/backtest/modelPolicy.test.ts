import { describe, expect, it } from "vitest";
import { createBarMarket } from "../../../ml/backtest/bars/barMarket.ts";
import { modelPolicy } from "../../../ml/backtest/modelPolicy.ts";
import { runBacktest } from "../../../ml/backtest/run.ts";
import type { PolicyContext } from "../../../ml/backtest/types.ts";
import { swapsOf, toBars } from "../../../ml/data/bars.ts";
import { decide } from "../../../ml/decide.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import { advanceCalibration } from "../../../ml/risk/uncertainty/advance.ts";
import { emptyCalibration } from "../../../ml/risk/uncertainty/calibration.ts";
import { bounds } from "../fixtures.ts";
import { data, FREE, market, settings } from "./market.fixture.ts";

const models = await loadModelSet("rules");
const decision = { horizonSeconds: 86_400, riskAversion: 0, hysteresisBps: -1000, minHistorySeconds: 20 * 3600 };
const costs = { ...FREE, gasPerMove: 1_000_000, gasGwei: 1, gasTokenPrice: 2000 };
const { fromSeconds, toSeconds, pool } = market.description;
const start = Math.ceil(fromSeconds / 3600) * 3600;
const end = Math.floor(toSeconds / 3600) * 3600;

describe("a model set in the backtester", () => {
  it("decides with the same function as the live worker, on the same inputs", async () => {
    const factory = modelPolicy({ models, bounds, settings: decision });
    const asked: PolicyContext[] = [];
    const run = await runBacktest({
      market,
      settings: { ...settings, costs, fromSeconds: start },
      policy: async (input) => {
        const policy = await factory(input);
        return {
          ...policy,
          decide: (context) => {
            asked.push(context);
            return policy.decide(context);
          },
        };
      },
    });
    expect(run.journal.length).toBe(run.decisions.taken);
    expect(run.decisions.byReason.history).toBeGreaterThan(0);
    let calibration = emptyCalibration;
    for (const [i, made] of run.journal.entries()) {
      const { history, state } = asked[i] as PolicyContext;
      if (history === null) throw new Error("an event market has a history");
      const { numeraire } = state;
      calibration = await advanceCalibration({ state: calibration, history, numeraire, model: models.volatility });
      const again = await decide({
        history,
        state,
        models,
        bounds,
        settings: { ...decision, gasCost: 2n * 10n ** 18n },
        calibration,
      });
      expect(again).toEqual(made);
    }
  });

  it("carries its plan out as the vault would: weights, swap and limits of the plan", async () => {
    const run = await runBacktest({
      market,
      settings: { ...settings, fromSeconds: start, costs: FREE },
      policy: modelPolicy({ models, bounds: { ...bounds, gainMarginWad: 0n }, settings: decision }),
    });
    const planned = run.journal.filter(({ plan }) => plan !== null && plan.ranges.length > 0);
    expect(planned.length).toBeGreaterThan(0);
    for (const move of run.moves.filter(({ kind }) => kind === "move")) {
      const plan = planned.find(({ atSeconds }) => atSeconds === move.decidedAt)?.plan;
      expect(move.ranges).toEqual(plan?.ranges.map(({ lowerTick, upperTick }) => ({ lowerTick, upperTick })));
      const amountIn = Number(plan?.swap.amountIn ?? 0n) / 1e18;
      const given = plan?.swap.zeroForOne ? amountIn * move.price : amountIn;
      expect(move.swapped).toBeLessThanOrEqual(given * (1 + 1e-9));
    }
  });

  it("works on bars, where no swap is known", async () => {
    const bars = toBars({ swaps: swapsOf(data.events), fromTimestamp: start, pool }, 0, {
      barSeconds: 60,
      untilSeconds: end,
    });
    const approximate = createBarMarket({ name: "bars", pool, bars, dataSha256: "" });
    const run = await runBacktest({
      market: approximate,
      settings: { ...settings, fromSeconds: start, toSeconds: end, costs },
      policy: modelPolicy({ models, bounds, settings: decision }),
    });
    const thought = run.journal.filter(({ candidates }) => candidates.length > 0);
    expect(thought.length).toBeGreaterThan(10);
    for (const { features } of thought) expect(features?.values.some((value) => value !== null)).toBe(true);
  });
});
