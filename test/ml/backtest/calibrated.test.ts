import { describe, expect, it } from "vitest";
import { placeboMarket } from "../../../ml/backtest/checks/placeboMarket.ts";
import { createEventMarket } from "../../../ml/backtest/events/eventMarket.ts";
import { forecastsOf } from "../../../ml/backtest/forecasts.ts";
import { modelPolicy } from "../../../ml/backtest/modelPolicy.ts";
import { runBacktest } from "../../../ml/backtest/run.ts";
import type { PolicyFactory, RunPoint } from "../../../ml/backtest/types.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import { advanceCalibration } from "../../../ml/risk/uncertainty/advance.ts";
import { emptyCalibration } from "../../../ml/risk/uncertainty/calibration.ts";
import type { Decision, PoolHistory, StatedDay } from "../../../ml/types.ts";
import { bounds, settings as decision } from "../fixtures.ts";
import { settings } from "./market.fixture.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
const data = placeboMarket({ seed: 5, days: 5, feePips: 3000, sigmaPerDay: 0.05 });
const market = createEventMarket({ data, dataSha256: "" });
const { fromSeconds, toSeconds } = market.description;

/** A model's run up to a time: its decisions, and the histories that it saw. */
async function play(until: number) {
  const models = await loadModelSet("rules");
  const policy = modelPolicy({ models, bounds, settings: { ...decision, minHistorySeconds: 30 * HOUR } });
  const seen: PoolHistory[] = [];
  const watched: PolicyFactory = async (session) => {
    const inner = await policy(session);
    return {
      ...inner,
      decide: (context) => {
        if (context.history !== null) seen.push(context.history);
        return inner.decide(context);
      },
    };
  };
  const span = { fromSeconds, toSeconds: until, decisionSeconds: 3 * HOUR };
  const run = await runBacktest({ market: market.until(until), policy: watched, settings: { ...settings, ...span } });
  return { models, journal: run.journal, seen };
}

describe("a model in a backtest", () => {
  it("learns from each day that is over, as the worker does, and from none that is not", async () => {
    const { models, journal, seen } = await play(toSeconds);
    const days = journal.flatMap(({ stated }) => (stated === undefined ? [] : [stated.days]));
    expect(days).toEqual(days.toSorted((a, b) => a - b));
    expect(days.at(-1)).toBeGreaterThanOrEqual(2);
    const last = seen.at(-1) as PoolHistory;
    const model = models.volatility;
    const afresh = await advanceCalibration({ state: emptyCalibration, history: last, numeraire: 1, model });
    expect(days.at(-1)).toBe(afresh.days);
    expect(afresh.lastSeconds + DAY).toBeLessThanOrEqual(last.toTimestamp);
  });

  it("states the same of the days before when the market ends sooner", async () => {
    const [whole, cut] = [await play(toSeconds), await play(fromSeconds + 4 * DAY)];
    const stated = (journal: readonly Decision[]) =>
      journal.map(({ atSeconds, spreadWad, stated: said }) => ({ atSeconds, spreadWad, said }));
    const sooner = stated(cut.journal);
    expect(sooner.some(({ said }) => (said?.days ?? 0) > 0)).toBe(true);
    expect(stated(whole.journal).slice(0, sooner.length)).toEqual(sooner);
  });

  it("is held against the price of a day later", () => {
    const point = (hour: number, price: number) => ({ atSeconds: hour * HOUR, price }) as RunPoint;
    const points = Array.from({ length: 61 }, (_, hour) => point(hour, hour < 40 ? 1000 : 1100));
    const journal = [0, 10, 20, 30, 50].map((hour) => {
      const stated = { halfWidth: hour === 20 ? 0.1 : 0.05 } as StatedDay;
      return { atSeconds: hour * HOUR, candidates: [], chosen: -1, volatility: null, stated } as unknown as Decision;
    });
    // Of hours 0 and 10 the day stays at 1,000; of 20 it ends 9.5 % up, inside its wider interval; of 30 outside.
    const { interval } = forecastsOf({ journal, points, moves: [], horizonSeconds: DAY });
    expect(interval).toEqual({ count: 4, inside: 0.75, meanHalfWidth: expect.closeTo(0.0625, 12) });
    const silent = journal.map(({ stated: _, ...rest }) => rest as Decision);
    expect(forecastsOf({ journal: silent, points, moves: [], horizonSeconds: DAY }).interval).toBeNull();
  });
});
