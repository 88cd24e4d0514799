import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placeboMarket } from "../../../ml/backtest/checks/placeboMarket.ts";
import { walkDecision } from "../../../ml/backtest/decisionWalk.ts";
import { createEventMarket } from "../../../ml/backtest/events/eventMarket.ts";
import { policies } from "../../../ml/backtest/policies/index.ts";
import { runBacktest } from "../../../ml/backtest/run.ts";
import type { RunSettings } from "../../../ml/backtest/types.ts";
import { type LabelledRow, labelStream } from "../../../ml/data/dataset/label.ts";
import { openSeries } from "../../../ml/data/dataset/openSeries.ts";
import { listFiles, type MarketData, poolFromName } from "../../../ml/data/market.ts";
import { openEventWriter } from "../../../ml/data/store/events.ts";
import type { StoredEvent } from "../../../ml/data/store/eventTypes.ts";
import { decide } from "../../../ml/decide.ts";
import { computeFeatures, FEATURE_NAMES } from "../../../ml/features/index.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import type { Candidate, Decision, HeldPosition, PoolHistory, VaultState } from "../../../ml/types.ts";
import { amountsForLiquidity, liquidityForAmounts, valueInAsset } from "../../../ml/units.ts";
import { smallMarket } from "../data/dataset/recordedMarket.ts";
import { bounds, settings as decisionSettings, vault } from "../fixtures.ts";
import { FREE } from "./market.fixture.ts";
import { mirrorEvent, mirrorMarket, mirrorTicks } from "./mirror.fixture.ts";

/**
 * A pool's tokens are sorted by address, so whether the asset is token0 or token1 is chance. The same market the other way
 * round must say the same: every tick turned round, every amount in its place, every number to rounding.
 */
const HOUR = 3600;
const DAY = 86_400;

/** The same within rounding: doubles of the mirrored price differ in their last digits. */
function expectAlike(one: number | undefined, other: number | undefined, what: string, within = 1e-7): void {
  const [a = Number.NaN, b = Number.NaN] = [one, other];
  if (Number.isNaN(a) && Number.isNaN(b)) return;
  expect(Math.abs(a - b), `${what}: ${a} and ${b}`).toBeLessThanOrEqual(within * Math.max(1, Math.abs(a)));
}

/** Fees of a third more than pay for LVR, so that there is something to decide. */
const paying = (seed: number, days: number): MarketData =>
  placeboMarket({ seed, days, feePips: 3000, chargedPips: 4000, sigmaPerDay: 0.06 });

const marketsOf = (data: MarketData) => [
  createEventMarket({ data, dataSha256: "" }),
  createEventMarket({ data: mirrorMarket(data), dataSha256: "" }),
];

describe("a market with its tokens in the other order", () => {
  const data = paying(21, 4);
  const [one, other] = marketsOf(data) as [ReturnType<typeof createEventMarket>, ReturnType<typeof createEventMarket>];
  const { fromSeconds, toSeconds } = one.description;
  const histories = [36, 60, 90].map((hours) => {
    const at = fromSeconds + hours * HOUR;
    const [a, b] = [
      one.open({ fromSeconds: at, numeraire: 1 }),
      other.open({ fromSeconds: at, numeraire: 0 }),
    ] as const;
    return [a.history(14 * DAY), b.history(14 * DAY), a.bars(672), b.bars(672)] as const;
  });

  it("has the same bars and features", () => {
    for (const [, , bars, turned] of histories) {
      expect(turned.length).toBe(bars.length);
      expect(bars.length).toBeGreaterThan(30);
      bars.forEach((bar, i) => {
        for (const [name, value] of Object.entries(bar)) {
          expectAlike(value, turned[i]?.[name as keyof typeof bar], `${name} of bar ${i}`);
        }
      });
      const [values, others] = [computeFeatures(bars).values, computeFeatures(turned).values];
      expect([...values].filter((value) => !Number.isNaN(value)).length).toBeGreaterThan(30);
      FEATURE_NAMES.forEach((name, i) => {
        expectAlike(values[i], others[i], name);
      });
    }
  });

  it("has the same labels: fees to the wei of a position in the exact engine, losses, variance", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rangekeeper-mirror-"));
    const { events } = smallMarket(12);
    const samples = {
      ...{ volatilityStrideHours: 1, varianceSeconds: HOUR, rangeStrideHours: 2, rangesPerTime: 2, yieldsPerTime: 4 },
      ...{ horizonsSeconds: [HOUR, 4 * HOUR], warmUpHours: 4, decisions: false },
    };
    const rowsOf = async (name: string, told: readonly StoredEvent[], numeraire: 0 | 1): Promise<LabelledRow[]> => {
      const writer = openEventWriter(join(folder, name), { manifest: { name, pool: poolFromName(name) } });
      for (const event of told) writer.append(event);
      writer.commit();
      const { series } = await openSeries({ dataFolder: folder, files: listFiles(folder), name, numeraire });
      const rows: LabelledRow[] = [];
      // Draws are by name: the same name, the same ranges and horizons.
      const stream = { ...series, name: "either", samples, numbered: false };
      for await (const row of labelStream(stream, { seed: 3 })) rows.push(row);
      return rows;
    };
    const rows = await rowsOf("ethereum_link_weth_03_events_2024-01-01", events, 1);
    const turned = await rowsOf("ethereum_weth_link_03_events_2024-01-01", events.map(mirrorEvent), 0);
    rmSync(folder, { recursive: true });
    expect(new Set(rows.map(({ table }) => table))).toEqual(new Set(["volatility", "ranges", "yield"]));
    expect(turned.map(({ table, series, at }) => [table, series, at])).toEqual(
      rows.map(({ table, series, at }) => [table, series, at]),
    );
    expect(rows.some(({ table, values }) => table === "yield" && (values.at(-1) ?? 0) > 1e-5)).toBe(true);
    rows.forEach(({ table, series, values }, i) => {
      values.forEach((value, k) => {
        expectAlike(value, turned[i]?.values[k], `${table} of ${series}, row ${i}, column ${k}`);
      });
    });
  });

  /** The vault whose asset is the other token's place: every amount and every tick in its mirror image. */
  function turn(state: VaultState, { tick }: PoolHistory): VaultState {
    return {
      ...state,
      ...{ numeraire: state.numeraire === 1 ? 0 : 1, idle0: state.idle1, idle1: state.idle0, referenceTick: tick },
      positions: state.positions.map((held) => ({
        ...mirrorTicks(held),
        ...{ amount0: held.amount1, amount1: held.amount0, fees0: held.fees1, fees1: held.fees0 },
      })),
    };
  }

  /**
   * A tick is a price rounded down, so a mirrored one lies a tick beside where the first one does, and a grid that snaps
   * to every sixtieth tick would now and then snap to the next. Here both round alike: half a tick is no difference.
   */
  const level = (history: PoolHistory, tick: number): PoolHistory => ({ ...history, tick });

  /** The same price on both sides. */
  const sides = ([a, b]: readonly [PoolHistory, PoolHistory, ...unknown[]]): [PoolHistory, PoolHistory] => [
    a,
    level(b, 0 - a.tick),
  ];

  /** Vaults in this market with the asset as token1: idle, of both tokens, and with a range that the price left or not. */
  function vaults(history: PoolHistory): VaultState[] {
    const value = 10n ** 22n;
    const idle = vault(history, 1, value);
    const held = (lower: number, upper: number, parts: readonly [bigint, bigint]): VaultState => {
      const [lowerTick, upperTick] = [lower, upper].map((tick) => Math.round((history.tick + tick) / 60) * 60) as [
        number,
        number,
      ];
      const { sqrtPriceX96 } = history;
      const most = liquidityForAmounts(sqrtPriceX96, lowerTick, upperTick, { amount0: parts[0], amount1: parts[1] });
      const amounts = amountsForLiquidity(sqrtPriceX96, lowerTick, upperTick, most);
      const [fees0, fees1] = [10n ** 14n, 10n ** 18n];
      const position: HeldPosition = { lowerTick, upperTick, liquidity: most, ...amounts, fees0, fees1 };
      const nav =
        valueInAsset(amounts, sqrtPriceX96, 1) + valueInAsset({ amount0: fees0, amount1: fees1 }, sqrtPriceX96, 1);
      return { ...idle, idle0: 0n, idle1: 0n, positions: [position], nav };
    };
    const mixed = { ...idle, idle0: 2n * 10n ** 18n };
    return [
      idle,
      { ...mixed, nav: valueInAsset({ amount0: mixed.idle0, amount1: mixed.idle1 }, history.sqrtPriceX96, 1) },
      held(-600, 600, [2n * 10n ** 18n, 5n * 10n ** 21n]),
      held(600, 1200, [2n * 10n ** 18n, 0n]),
      held(-1200, -600, [0n, 5n * 10n ** 21n]),
    ];
  }

  const keyOf = ({ kind, range }: Candidate): string => `${kind} ${range?.lowerTick} ${range?.upperTick}`;

  function expectMirrored(decision: Decision, turned: Decision): void {
    expect([turned.action, turned.reasonKey]).toEqual([decision.action, decision.reasonKey]);
    const rows = new Map(turned.candidates.map((row) => [keyOf(row), row]));
    expect(rows.size).toBe(decision.candidates.length);
    for (const { kind, range, refusal, ...numbers } of decision.candidates) {
      const found = rows.get(keyOf({ kind, range: range && mirrorTicks(range) } as Candidate));
      if (found === undefined) throw new Error(`no mirror image of ${range?.lowerTick}..${range?.upperTick}`);
      expect(found.refusal === null, String(found.refusal)).toBe(refusal === null);
      for (const [name, value] of Object.entries(numbers)) {
        // Columns are kept to four decimals: a last digit may fall either way.
        expectAlike(value, found[name as keyof typeof numbers], `${name} of ${range?.lowerTick}`, 2.1e-4);
      }
    }
    const [chosen, same] = [decision.candidates[decision.chosen], turned.candidates[turned.chosen]];
    expect(same?.range ?? null).toEqual(chosen?.range ? mirrorTicks(chosen.range) : null);
    expectAlike(Number(turned.spreadWad), Number(decision.spreadWad), "spread");
    expect(turned.plan === null).toBe(decision.plan === null);
    if (decision.plan === null || turned.plan === null) return;
    const { plan } = decision;
    expect(turned.plan.ranges.map(mirrorTicks)).toMatchObject(
      plan.ranges.map(({ lowerTick, upperTick }) => ({ lowerTick, upperTick })),
    );
    plan.ranges.forEach(({ weightWad }, i) => {
      expectAlike(Number(turned.plan?.ranges[i]?.weightWad) / 1e18, Number(weightWad) / 1e18, "weight");
    });
    for (const part of ["declaredCost", "declaredGain", "minSharePrice"] as const) {
      expectAlike(Number(turned.plan[part]), Number(plan[part]), part, 1e-5);
    }
    expectAlike(Number(turned.plan.swap.amountIn), Number(plan.swap.amountIn), "swap", 1e-6);
    // Nothing goes neither way, and is limited by nothing.
    if (plan.swap.amountIn === 0n) return;
    expect(turned.plan.swap.zeroForOne).toBe(!plan.swap.zeroForOne);
    const limit = (sqrtPriceX96: bigint) => Math.log(Number(sqrtPriceX96) / 2 ** 96);
    expectAlike(-limit(turned.plan.swap.sqrtPriceLimitX96), limit(plan.swap.sqrtPriceLimitX96), "limit");
  }

  it.each([
    // How much of the expected LVR to believe so that some of the vaults move.
    ["rules", 0.25, histories],
    ["rangekeeper", 1, histories.slice(1, 2)],
  ] as const)("gets the mirror image of every decision, by %s", async (set, lvrWeight, asked) => {
    const models = await loadModelSet(set);
    const risks = { lvrWeight, deviationWeight: 0.002, breachWeightBps: 20, waitWeight: 0.5 };
    const settings = { ...decisionSettings, ...risks };
    const came: string[] = [];
    for (const pair of asked) {
      const [history, turned] = sides(pair as unknown as readonly [PoolHistory, PoolHistory]);
      for (const state of vaults(history)) {
        const shared = { models, bounds, settings };
        const decision = await decide({ ...shared, history, state });
        expectMirrored(decision, await decide({ ...shared, history: turned, state: turn(state, turned) }));
        expect(decision.candidates.length).toBeGreaterThan(50);
        came.push(decision.action);
      }
    }
    // Both kinds are among them, else this would show little.
    expect(came).toContain("move");
    expect(came.some((action) => action !== "move")).toBe(true);
  });

  const settings: RunSettings = {
    ...{ capital: 10_000, decisionSeconds: HOUR, latencyBlocks: 1, costs: FREE, seed: 0, numeraire: 1 },
    ...{ fromSeconds: fromSeconds + DAY, toSeconds },
  };

  it("pays a rule the same", async () => {
    for (const id of ["full-range", "fixed-5", "charm-passive", "tau-1000"]) {
      const policy = policies[id] as NonNullable<(typeof policies)[string]>;
      const run = await runBacktest({ market: one, policy, settings });
      const turned = await runBacktest({ market: other, policy, settings: { ...settings, numeraire: 0 } });
      expect(run.moves.length, id).toBeGreaterThan(0);
      expect(turned.moves.length, id).toBe(run.moves.length);
      for (const part of ["fees", "lvr", "swapCost", "headline", "exposure"] as const) {
        // An edge may snap to the next of the sixty ticks.
        expectAlike(turned.waterfall[part], run.waterfall[part], `${part} of ${id}`, 0.02);
      }
    }
  });

  it("is walked to the same choices and, within a snapped edge, the same money", async () => {
    const walk = async (market: typeof one, numeraire: 0 | 1) =>
      walkDecision({
        ...{ market, models: await loadModelSet("rules"), settings: { ...settings, numeraire } },
        bounds: { ...bounds, maxSwapShareWad: 10n ** 18n },
        decision: { ...decisionSettings, minHistorySeconds: 6 * HOUR },
        rule: { firstShare: 0.4, windowShare: 0.1, embargoSeconds: HOUR },
        ...{ blockHours: 6, level: 0.95, variants: [], rules: ["full-range", "fixed-5", "fixed-10-reset"] },
      });
    const [walked, turned] = [await walk(one, 1), await walk(other, 0)];
    expect(turned.windows.map(({ decision, baseline }) => [decision, baseline])).toEqual(
      walked.windows.map(({ decision, baseline }) => [decision, baseline]),
    );
    expect(walked.ours.moves).toBeGreaterThan(0);
    expect(turned.ours.moves).toBe(walked.ours.moves);
    expect(turned.verdict).toBe(walked.verdict);
    expectAlike(turned.ours.headlineBps, walked.ours.headlineBps, "ours", 0.02);
    expectAlike(turned.baseline.headlineBps, walked.baseline.headlineBps, "baseline", 0.02);
  });
});
