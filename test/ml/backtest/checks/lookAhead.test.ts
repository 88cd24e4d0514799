import { describe, expect, it } from "vitest";
import { createBarMarket } from "../../../../ml/backtest/bars/barMarket.ts";
import { FREE } from "../../../../ml/backtest/checks/free.ts";
import { cutPoints, lookAheadCheck } from "../../../../ml/backtest/checks/lookAhead.ts";
import { placeboMarket } from "../../../../ml/backtest/checks/placeboMarket.ts";
import { recursiveCheck } from "../../../../ml/backtest/checks/recursive.ts";
import { createEventMarket } from "../../../../ml/backtest/events/eventMarket.ts";
import type { BacktestMarket } from "../../../../ml/backtest/market.ts";
import { modelPolicy } from "../../../../ml/backtest/modelPolicy.ts";
import { factoryOf, hold, moveTo } from "../../../../ml/backtest/policies/definition.ts";
import { baselines, policies } from "../../../../ml/backtest/policies/index.ts";
import { centred, ticksOfRatio } from "../../../../ml/backtest/policies/place.ts";
import type { PolicyFactory, RunSettings } from "../../../../ml/backtest/types.ts";
import { swapsOf, toBars } from "../../../../ml/data/bars.ts";
import { FEATURE_NAMES } from "../../../../ml/features/index.ts";
import { loadModelSet } from "../../../../ml/models/index.ts";
import { bounds } from "../../fixtures.ts";

const data = placeboMarket({ seed: 3, days: 4, feePips: 3000, sigmaPerDay: 0.1 });
const events = createEventMarket({ data, dataSha256: "" });
const { fromSeconds, toSeconds, pool } = events.description;
const DAY = 86_400;
const settings: RunSettings = {
  capital: 10_000,
  numeraire: 1,
  decisionSeconds: 3600,
  latencyBlocks: 1,
  costs: FREE,
  seed: 0,
  fromSeconds: fromSeconds + 2.5 * DAY,
  toSeconds: fromSeconds + 3.5 * DAY,
};
const minutes = createBarMarket({
  name: "placebo-minutes",
  pool,
  bars: toBars({ swaps: swapsOf(data.events), fromTimestamp: fromSeconds, pool }, 0, {
    barSeconds: 60,
    untilSeconds: fromSeconds + 60 * Math.floor((toSeconds - fromSeconds) / 60),
  }),
  dataSha256: "",
});
const cuts = cutPoints(settings, 3);

/** A market that hands out the hour that is still to come with its bars: the off-by-one that the check is there for. */
const leaky = (market: BacktestMarket, endSeconds = Number.POSITIVE_INFINITY): BacktestMarket => ({
  ...market,
  until: (seconds) => leaky(market.until(seconds), seconds),
  open(parameters) {
    const session = market.open(parameters);
    return new Proxy(session, {
      get(target, name) {
        if (name !== "bars") return Reflect.get(target, name);
        return (count: number) => {
          const swaps = swapsOf(data.events).filter(({ timestamp }) => timestamp <= endSeconds);
          const untilSeconds = target.atSeconds + 3600;
          return toBars({ swaps, fromTimestamp: fromSeconds, pool }, 1, { barSeconds: 3600, untilSeconds }).slice(
            -count,
          );
        };
      },
    });
  },
});

/** Reads the future without saying so: `runBacktest` refuses it, and the check finds what it does with it. */
const undeclared: PolicyFactory = factoryOf({
  id: "undeclared",
  label: "reads the future",
  family: "cheat",
  clairvoyant: false,
  source: "this test",
  start: ({ future }) => {
    const closes = future.map(({ endSeconds, close }) => ({ endSeconds, close }));
    return (context) => {
      const next = closes.find(({ endSeconds }) => endSeconds >= context.atSeconds + 3600);
      if (next === undefined) return hold("knows nothing");
      return moveTo(centred(context, ticksOfRatio(0.01)), `goes to ${next.close}`);
    };
  },
});

describe("the look-ahead check", () => {
  it("cuts inside of hours and just after a decision, after the first decision", () => {
    for (const cut of cuts) {
      expect(cut).toBeGreaterThan(settings.fromSeconds + 3600);
      expect(cut).toBeLessThan(settings.toSeconds);
      expect((cut - settings.fromSeconds) % 3600).not.toBe(0);
    }
    expect(((cuts.at(-1) ?? 0) - settings.fromSeconds) % 3600).toBe(1);
  });

  for (const [name, market] of [
    ["swaps", events],
    ["minute bars", minutes],
  ] as const) {
    it(`passes every baseline on a market of ${name}, and catches the clairvoyant`, async () => {
      const made = new Map(cuts.map((cut) => [cut, market.until(cut)]));
      const kept = { ...market, until: (seconds: number) => made.get(seconds) ?? market.until(seconds) };
      for (const { id, clairvoyant } of baselines) {
        const policy = policies[id] as PolicyFactory;
        const report = await lookAheadCheck({
          market: kept,
          policy,
          settings,
          cuts: clairvoyant ? cuts : cuts.slice(1, 2),
        });
        expect(report.cuts[0]?.decisions, id).toBeGreaterThan(5);
        expect(report.passes, `${id}: ${JSON.stringify(report.cuts)}`).toBe(!clairvoyant);
      }
    });
  }

  it("passes the models that decide as the live worker does", async () => {
    const models = await loadModelSet("rules");
    const decision = { horizonSeconds: 86_400, riskAversion: 1, hysteresisBps: 1, minHistorySeconds: DAY };
    const policy = modelPolicy({ models, bounds, settings: decision });
    const report = await lookAheadCheck({ market: events, policy, settings, cuts });
    expect(report.decisions).toBe(24);
    expect(report.cuts.map(({ first }) => first)).toEqual([null, null, null]);
  });

  it("catches a policy that reads the future without saying so", async () => {
    const report = await lookAheadCheck({ market: events, policy: undeclared, settings, cuts });
    expect(report.passes).toBe(false);
    expect(report.cuts[0]?.first?.field).toBe("decision");
  });

  it("catches bars that contain the hour to come, at the last decision before the cut, and names the feature", async () => {
    const policy = policies["vol-2"] as PolicyFactory;
    const report = await lookAheadCheck({ market: leaky(events), policy, settings, cuts });
    expect(report.passes).toBe(false);
    for (const { atSeconds, first, differences } of report.cuts) {
      expect(differences).toBe(1);
      expect(atSeconds - (first?.atSeconds ?? 0)).toBeLessThan(3600);

      expect(FEATURE_NAMES).toContain(first?.field);
    }
  });

  it("refuses a span without decisions to compare", async () => {
    const policy = policies["fixed-10"] as PolicyFactory;
    const short = { ...settings, toSeconds: settings.fromSeconds + 60 };
    await expect(lookAheadCheck({ market: events, policy, settings: short, cuts: [] })).rejects.toThrow("at least 2");
  });
});

describe("the recursive check", () => {
  const warmUpSeconds = [0, 0.5 * DAY, 2 * DAY, 2.5 * DAY];
  const check = (id: string) =>
    recursiveCheck({ market: events, policy: policies[id] as PolicyFactory, settings, warmUpSeconds });

  it("finds that a fixed range needs no history", async () => {
    const report = await check("fixed-10");
    expect(report.warmUps.map(({ warmUpSeconds }) => warmUpSeconds)).toEqual([0, 0.5 * DAY, 2 * DAY]);
    for (const { otherAnswer, agreesFrom } of report.warmUps) {
      expect(otherAnswer).toBe(0);
      expect(agreesFrom).toBe(null);
    }
  });

  it("finds that a width from volatility does, less with more of it, and says which features", async () => {
    const { warmUps, decisions } = await check("vol-2");
    const [none, half, two] = warmUps;
    expect(decisions).toBe(24);
    expect(none?.otherAnswer).toBeGreaterThan(0);
    expect(none?.features.length).toBeGreaterThan(half?.features.length ?? 0);
    expect(none?.features[0]?.atFirst).toBe(Number.POSITIVE_INFINITY);
    expect(two?.features.length).toBeGreaterThan(0);
    expect(two?.features.every(({ decisions }) => decisions > 0)).toBe(true);
    // What looks back a day and nothing else knows all of it with two.
    const names = two?.features.map(({ name }) => name) ?? [];
    expect(names).toContain("log_rv_168h");
    for (const name of ["log_gk_1h", "log_rv_6h", "log_rv_24h", "log_fee_24h", "flow_24h"]) {
      expect(names).not.toContain(name);
      expect(none?.features.map((one) => one.name)).toContain(name);
    }
  });
});
