import { describe, expect, it } from "vitest";
import { placebo } from "../../../ml/backtest/checks/placebo.ts";
import { placeboMarket } from "../../../ml/backtest/checks/placeboMarket.ts";
import type { TrainingRecord } from "../../../ml/backtest/decisionChoice.ts";
import { VARIANTS } from "../../../ml/backtest/decisionVariants.ts";
import { type DecisionWalk, shareWindows, verdictOf, walkDecision } from "../../../ml/backtest/decisionWalk.ts";
import { createEventMarket } from "../../../ml/backtest/events/eventMarket.ts";
import { policies } from "../../../ml/backtest/policies/index.ts";
import { runBacktest } from "../../../ml/backtest/run.ts";
import type { PolicyFactory } from "../../../ml/backtest/types.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import { bounds, settings as decision } from "../fixtures.ts";
import { settings } from "./market.fixture.ts";

const HOUR = 3600;
const rule = { firstShare: 0.4, windowShare: 0.1, embargoSeconds: HOUR };
const free = { ...bounds, maxSwapShareWad: 10n ** 18n, cooldownSeconds: HOUR, maxMovesPerDay: 24 };
const quick = { ...decision, minHistorySeconds: 6 * HOUR };

describe("windows by shares of a span", () => {
  const span = { fromSeconds: 1000 * HOUR, toSeconds: 1100 * HOUR + 1800 };

  it("learn from the first part, then go on by tenths to the very end", () => {
    const windows = shareWindows(span, rule);
    expect(windows.map(({ testFromSeconds }) => testFromSeconds / HOUR)).toEqual([1040, 1050, 1060, 1070, 1080, 1090]);
    expect(windows.at(-1)?.testToSeconds).toBe(span.toSeconds);
    for (const { trainFromSeconds, trainToSeconds, testFromSeconds } of windows) {
      expect(trainFromSeconds).toBe(span.fromSeconds);
      expect(testFromSeconds - trainToSeconds).toBe(HOUR);
    }
  });

  it("refuse a span too short to cut", () => {
    expect(() => shareWindows({ ...span, toSeconds: span.fromSeconds + 4 * HOUR }, rule)).toThrow(/the span has 4 h/);
  });
});

describe("the decision walked forward", () => {
  const data = placeboMarket({ seed: 3, days: 2.5, feePips: 3000, sigmaPerDay: 0.06, chargedPips: 10_000 });
  const variants = VARIANTS.filter(({ id }) => id === "decision-24h-bold-soon");
  const market = createEventMarket({ data, dataSha256: "" });
  const walk = async (of = market, toSeconds = of.description.toSeconds) =>
    walkDecision({
      market: of,
      models: await loadModelSet("rules"),
      bounds: free,
      decision: quick,
      settings: { ...settings, fromSeconds: market.description.fromSeconds, toSeconds },
      rule,
      blockHours: 4,
      level: 0.95,
      variants,
      rules: ["stand-aside", "full-range"],
    });

  it("takes part where three times the fair fee is paid, and beats the best baseline there", async () => {
    const result = await walk();
    expect(result.windows.map(({ decision: id }) => id)).toEqual(Array(6).fill("decision-24h-bold-soon"));
    // The full range never earns back the swap that opens it.
    expect(result.windows.map(({ baseline }) => baseline)).toEqual(Array(6).fill("stand-aside"));
    expect(result.ours.moves).toBeGreaterThan(0);
    expect(result.verdict).toBe("better");
    expect(result.difference.lowBps).toBeGreaterThan(0);
    expect(result.difference.totalBps).toBeCloseTo(result.ours.headlineBps - result.baseline.headlineBps, 6);
    expect(result.ours.headlineBps).toBeCloseTo(result.ours.feesBps - result.ours.lvrBps - result.ours.costsBps, 6);
  });

  it("chooses from what was over before: a market that ends after the first window trained alike", async () => {
    const whole = await walk();
    const [first] = whole.windows;
    if (first === undefined) throw new Error("no window");
    const cut = await walkDecision({
      market: market.until(first.testToSeconds),
      models: await loadModelSet("rules"),
      bounds: free,
      decision: quick,
      settings: { ...settings, fromSeconds: first.trainFromSeconds, toSeconds: first.testToSeconds },
      rule: { ...rule, firstShare: 0.8, windowShare: 0.2 },
      blockHours: 4,
      level: 0.95,
      variants,
      rules: ["stand-aside", "full-range"],
    });
    const [again] = cut.windows;
    expect(again?.testFromSeconds).toBe(first.testFromSeconds);
    expect(again?.decisionTrainBps).toBe(first.decisionTrainBps);
    expect(again?.baselineTrainBps).toBe(first.baselineTrainBps);
    expect(first.decisionTrainBps).toBeGreaterThan(0);
  });

  it("stands aside where nothing earned anything before", async () => {
    const poor = createEventMarket({
      data: placeboMarket({ seed: 3, days: 2.5, feePips: 3000, sigmaPerDay: 0.06, chargedPips: 500 }),
      dataSha256: "",
    });
    const result = await walk(poor);
    expect(result).toMatchObject({ verdict: "stood-aside", ours: { moves: 0, aside: 1, headlineBps: 0 } });
    expect(
      result.windows.every(({ decision: id, baseline }) => id === "stand-aside" && baseline === "stand-aside"),
    ).toBe(true);
    // The greedy reset that moves are counted against has no thought of cost: it opens here too, and resets.
    expect(result.greedyMoves).toBeGreaterThan(1);
  });

  it("counts against a greedy reset that no vault's limits hold back, in training as in the test", async () => {
    const nothing = {
      ...{ minWidthTicks: 1, cooldownSeconds: 0, maxMovesPerDay: 99, maxPoolShare: 1e-12, maxLossPerMove: 1 },
      ...{ lossBudgetRatio: 1, lossBudgetRefillSeconds: HOUR, bandTicks: 9_999, longWindowSeconds: HOUR },
    };
    const kept: TrainingRecord[] = [];
    const fromSeconds = market.description.fromSeconds;
    const { toSeconds } = market.description;
    const result = await walkDecision({
      ...{
        market,
        models: await loadModelSet("rules"),
        bounds: free,
        decision: quick,
        rule,
        blockHours: 4,
        level: 0.95,
      },
      ...{ variants: [], rules: ["full-range"], memory: { recall: () => null, keep: (one) => void kept.push(one) } },
      settings: { ...settings, fromSeconds, toSeconds, limits: nothing },
    });
    // Whatever is held would be too large a share of the pool: everybody else stays out.
    expect(result).toMatchObject({ ours: { moves: 0 }, baseline: { moves: 0 } });
    const reset = policies["fixed-1-reset"] as PolicyFactory;
    const played = await runBacktest({
      ...{ market, policy: reset },
      settings: { ...settings, fromSeconds: result.testFromSeconds, toSeconds, limits: null },
    });
    const moves = played.moves.filter(({ kind }) => kind === "move").length;
    expect(moves).toBeGreaterThan(3);
    expect(result.greedyMoves).toBe(moves);
    const trained = kept.find(({ id }) => id === "greedy-reset")?.standings ?? [];
    expect(trained.at(-1)?.moves).toBeGreaterThan(3);
    expect(kept.find(({ id }) => id === "full-range")?.standings.at(-1)?.moves).toBe(0);
  });
});

describe("the verdict", () => {
  const side = { headlineBps: 0, feesBps: 0, lvrBps: 0, costsBps: 4, moves: 1, aside: 0.5 };
  const verdict = (totalBps: number, lowBps: number | null, aside = 0.5, theirs = 0) =>
    verdictOf({
      ours: { ...side, aside },
      baseline: { ...side, headlineBps: theirs },
      difference: { totalBps, lowBps, highBps: null, hours: 9, blockHours: 2 },
    } satisfies Pick<DecisionWalk, "ours" | "baseline" | "difference">);

  it.each([
    [verdict(5, 1), "better"],
    [verdict(5, -1), "ahead"],
    [verdict(5, null), "ahead"],
    [verdict(0, -1, 1), "stood-aside"],
    [verdict(-9, -20, 1, 9), "worse"],
    [verdict(-3, -9), "within-costs"],
    [verdict(-5, -9), "worse"],
  ])("%s is %s", (given, wanted) => expect(given).toBe(wanted));
});

describe("the placebo", () => {
  it("shows no edge of the decision that is walked forward, and shows one where the fee is wrong", async () => {
    const walked = {
      models: await loadModelSet("rules"),
      bounds: free,
      decision: quick,
      rule,
      blockHours: 4,
      variants: VARIANTS.filter(({ id }) => /^decision-24h-bold-(soon|late)$/.test(id)),
      rules: ["fixed-10", "fixed-2-reset"],
    };
    const check = (chargedPips?: number) =>
      placebo({
        ...{ seed: 7, markets: 4, days: 5, feePips: 3000, sigmaPerDay: 0.06, capital: 10_000, policies: {}, walked },
        ...(chargedPips === undefined ? {} : { chargedPips }),
      });
    const honest = await check();
    expect(honest.rows.map(({ id, passes }) => [id, passes])).toEqual([["decision-walked", true]]);
    const wrong = await check(20_000);
    expect(wrong.passes).toBe(false);
    expect(wrong.rows[0]?.moves).toBeGreaterThan(0);
  });
});
