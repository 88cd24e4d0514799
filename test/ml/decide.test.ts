import { describe, expect, it } from "vitest";
import { type DecideParameters, decide } from "../../ml/decide.ts";
import { loadModelSet } from "../../ml/models/index.ts";
import type { Candidate, Decision, HeldPosition, ModelSet, PlannedMove, VaultState } from "../../ml/types.ts";
import {
  amountsForLiquidity,
  fromWad,
  getSqrtPriceAtTick,
  liquidityForAmounts,
  mulDivDown,
  Q96,
  WAD,
} from "../../ml/units.ts";
import { bounds, type MarketParameters, market, settings, vault } from "./fixtures.ts";

const rules = await loadModelSet("rules");
const rich: MarketParameters = { feeOverLvr: 3 };
const poor: MarketParameters = { feeOverLvr: 0.7 };

/** Everything a decision needs, for an idle vault in a market. */
function given(parameters: MarketParameters = rich, change: Partial<VaultState> = {}): DecideParameters {
  const history = market(parameters);
  const state = { ...vault(history, parameters.numeraire ?? 1), ...change };
  return { history, state, models: rules, bounds, settings };
}

/** The same vault with all of its value in a range around the price. */
function holding(parameters: MarketParameters, change: Partial<VaultState> = {}): DecideParameters {
  const idle = given(parameters);
  const { sqrtPriceX96, tick } = idle.history;
  const lowerTick = Math.round((tick - 1500) / 10) * 10;
  const upperTick = lowerTick + 3000;
  const half = { amount0: 5n * 10n ** 14n, amount1: 5n * 10n ** 14n };
  const liquidity = liquidityForAmounts(sqrtPriceX96, lowerTick, upperTick, half);
  const amounts = amountsForLiquidity(sqrtPriceX96, lowerTick, upperTick, liquidity);
  const position: HeldPosition = { lowerTick, upperTick, liquidity, ...amounts, fees0: 0n, fees1: 0n };
  const history = { ...idle.history, liquidity: idle.history.liquidity + liquidity };
  return { ...idle, history, state: { ...idle.state, idle0: 0n, idle1: 0n, positions: [position], ...change } };
}

const chosen = (decision: Decision): Candidate => decision.candidates[decision.chosen] as Candidate;
const plan = (decision: Decision): PlannedMove => {
  if (decision.plan === null) throw new Error(`no plan: ${decision.reason}`);
  return decision.plan;
};

describe("decide", () => {
  it("moves where fees pay for the losses", async () => {
    const decision = await decide(given());
    expect([decision.action, decision.reasonKey]).toEqual(["move", "edge"]);
    expect(chosen(decision).netBps).toBe(
      Math.max(...decision.candidates.filter((c) => c.refusal === null).map((c) => c.netBps)),
    );
    expect(plan(decision).ranges).toHaveLength(1);
  });

  it("stands aside where they do not", async () => {
    const decision = await decide(given(poor));
    expect(decision).toMatchObject({ action: "stand-aside", reasonKey: "no-edge", plan: null });
    expect(chosen(decision).kind).toBe("idle");
  });

  it("closes a position that is expected to lose, swapping nothing", async () => {
    const decision = await decide(holding(poor));
    expect(decision).toMatchObject({ action: "stand-aside", reasonKey: "loss-exceeds-fees" });
    expect(plan(decision)).toMatchObject({ ranges: [], swap: { amountIn: 0n }, declaredCost: 0n });
  });

  it("holds when no range beats the present one by the hysteresis", async () => {
    const decision = await decide({ ...holding(rich), settings: { ...settings, hysteresisBps: 10_000 } });
    expect(decision).toMatchObject({ action: "hold", reasonKey: "no-edge", plan: null });
    expect(chosen(decision).kind).toBe("current");
  });

  it("values standing aside at exactly nothing", async () => {
    const { candidates } = await decide(given());
    expect(candidates.find((c) => c.kind === "idle")).toMatchObject({ netBps: 0, feesBps: 0, lvrBps: 0, costBps: 0 });
  });

  it("adds up every row of the table", async () => {
    const { candidates } = await decide(holding(rich));
    for (const c of candidates) {
      expect(c.netBps).toBeCloseTo(c.feesBps - c.lvrBps - c.costBps - settings.riskAversion * c.tailBps, 3);
    }
  });

  it("asks more of a narrow range the more it fears losses", async () => {
    const parameters = given({ feeOverLvr: 1.6 });
    const width = async (riskAversion: number): Promise<number> => {
      const { range } = chosen(await decide({ ...parameters, settings: { ...settings, riskAversion } }));
      return range === null ? Number.POSITIVE_INFINITY : range.upperTick - range.lowerTick;
    };
    expect(await width(1)).toBeGreaterThan(await width(0));
  });

  it("expects less of a pool that its own size dilutes", async () => {
    const parameters = given();
    const fees = async (value: bigint): Promise<number> => {
      const state = vault(parameters.history, 1, value);
      const { candidates } = await decide({ ...parameters, state });
      return Math.max(...candidates.map((c) => c.feesBps));
    };
    expect(await fees(10n ** 17n)).toBeLessThan(0.5 * (await fees(10n ** 12n)));
  });

  describe("makes a plan that", () => {
    it("declares a gain that pays the declared cost by the margin", async () => {
      const decision = await decide(given());
      const { declaredGain, declaredCost } = plan(decision);
      expect(declaredCost).toBeGreaterThan(0n);
      expect(declaredGain * WAD).toBeGreaterThanOrEqual(declaredCost * bounds.gainMarginWad);
      const strict = await decide({ ...given(), bounds: { ...bounds, gainMarginWad: 1000n * WAD } });
      expect(strict.candidates.some((c) => /is below 1000\.00 x cost/.test(c.refusal ?? ""))).toBe(true);
      if (strict.plan !== null) {
        expect(strict.plan.declaredGain).toBeGreaterThanOrEqual(1000n * strict.plan.declaredCost);
      }
    });

    it("swaps so that the whole value fits the range, within the cap", async () => {
      for (const numeraire of [0, 1] as const) {
        const parameters = given({ ...rich, numeraire });
        const decision = await decide(parameters);
        const { swap, ranges } = plan(decision);
        expect(swap.amountIn).toBeGreaterThan(0n);
        // Only the asset is there to sell.
        expect(swap.zeroForOne).toBe(numeraire === 0);
        expect(fromWad(mulDivDown(swap.amountIn, WAD, parameters.state.nav))).toBeLessThanOrEqual(
          fromWad(bounds.maxSwapShareWad),
        );
        const [range] = ranges;
        const { sqrtPriceX96, liquidity: depth } = parameters.history;
        // The pool after the swap, by the formulas of constant liquidity.
        const paidIn = (swap.amountIn * 9_995n) / 10_000n;
        const after =
          numeraire === 1
            ? sqrtPriceX96 + (paidIn * Q96) / depth
            : (sqrtPriceX96 * depth * Q96) / (depth * Q96 + paidIn * sqrtPriceX96);
        const got =
          numeraire === 1
            ? (depth * Q96 * (after - sqrtPriceX96)) / (after * sqrtPriceX96)
            : (depth * (sqrtPriceX96 - after)) / Q96;
        const left = parameters.state.nav - swap.amountIn;
        const amounts = numeraire === 1 ? { amount0: got, amount1: left } : { amount0: left, amount1: got };
        const [lower, upper] = [range?.lowerTick ?? 0, range?.upperTick ?? 0];
        const used = amountsForLiquidity(after, lower, upper, liquidityForAmounts(after, lower, upper, amounts));
        expect(Number(used.amount0) / Number(amounts.amount0)).toBeGreaterThan(0.995);
        expect(Number(used.amount1) / Number(amounts.amount1)).toBeGreaterThan(0.995);
      }
    });

    it("limits the swap's price on the right side of spot, near it", async () => {
      for (const numeraire of [0, 1] as const) {
        const parameters = given({ ...rich, numeraire });
        const { swap } = plan(await decide(parameters));
        const ratio = Number(swap.sqrtPriceLimitX96) / Number(parameters.history.sqrtPriceX96);
        expect(swap.zeroForOne ? ratio < 1 : ratio > 1).toBe(true);
        expect(Math.abs(ratio - 1)).toBeLessThan(0.01);
      }
    });

    it("keeps the share price near what it was", async () => {
      const parameters = given();
      const { minSharePrice } = plan(await decide(parameters));
      expect(minSharePrice).toBeLessThan(parameters.state.sharePrice);
      expect(minSharePrice).toBeGreaterThan((parameters.state.sharePrice * 98n) / 100n);
    });

    it("deploys no more than the spread allows", async () => {
      const tight = { ...bounds, fullShareSpreadWad: WAD / 100n };
      const decision = await decide({ ...given(), bounds: tight });
      const fallen =
        Number(decision.spreadWad - tight.fullShareSpreadWad) /
        Number(tight.spreadCeilingWad - tight.fullShareSpreadWad);
      const weight = fromWad(plan(decision).ranges[0]?.weightWad ?? 0n);
      expect(weight).toBeLessThanOrEqual(1 - 0.8 * fallen);
      expect(weight).toBeGreaterThan(1 - 0.8 * fallen - 0.001);
    });

    it("is no wider off the floor than the spread demands", async () => {
      const decision = await decide(given());
      const floor = 200 + Math.floor(12_665 * fromWad(decision.spreadWad));
      for (const { range } of decision.candidates) {
        if (range !== null) expect(range.upperTick - range.lowerTick).toBeGreaterThanOrEqual(floor);
      }
    });

    it("swaps no more than a small place in the pool needs", async () => {
      const parameters = given();
      const state = vault(parameters.history, 1, 10n ** 16n);
      const whole = await decide({ ...parameters, state });
      const capped = await decide({ ...parameters, state, bounds: { ...bounds, maxPoolShareWad: WAD / 20n } });
      const share = chosen(capped).share;
      expect(share).toBeLessThan(0.7);
      expect(Number(plan(capped).swap.amountIn) / Number(state.nav)).toBeLessThan(0.75 * share);
      expect(plan(capped).swap.amountIn).toBeLessThan(plan(whole).swap.amountIn);
    });

    it("keeps the vault below its share of the pool", async () => {
      const parameters = given();
      const state = vault(parameters.history, 1, 10n ** 18n);
      const capped = { ...bounds, maxPoolShareWad: WAD / 10n };
      const { candidates } = await decide({ ...parameters, state, bounds: capped });
      const inside = candidates.filter((c) => c.kind === "range" && c.inRange > 0.99 && c.share > 0);
      expect(inside.length).toBeGreaterThan(0);
      for (const { share } of inside) expect(share).toBeLessThan(0.9);
    });

    it("keeps it below its share of the pool's mean as well, which its own mint has not raised yet", async () => {
      const parameters = given();
      const { history } = parameters;
      const state = vault(history, 1, 10n ** 18n);
      const capped = { ...bounds, maxPoolShareWad: WAD / 2n };
      const { candidates } = await decide({ ...parameters, state, bounds: capped });
      const root = Number(history.sqrtPriceX96) / 2 ** 96;
      const rootAt = (tick: number) => 1.0001 ** (tick / 2);
      const liquidities = candidates.flatMap(({ kind, range, share }) => {
        if (kind !== "range" || range === null || range.lowerTick > history.tick || range.upperTick <= history.tick)
          return [];
        const valueOfOne = 2 * root - rootAt(range.lowerTick) - root ** 2 / rootAt(range.upperTick);
        return [(share * Number(state.nav)) / valueOfOne];
      });
      const most = Number(history.liquidity) / 2;
      expect(Math.max(...liquidities)).toBeGreaterThan(0.8 * most);
      expect(Math.max(...liquidities)).toBeLessThanOrEqual(most);
      // Half of the pool came in lately: the vault counts what was there before.
      const meanLiquidity = history.liquidity / 2n;
      const late = await decide({ ...parameters, state, bounds: { ...capped, meanLiquidity } });
      const sharesOf = (rows: typeof candidates) =>
        rows.flatMap(({ kind, share }) => (kind === "range" ? [share] : []));
      const ratio = Math.max(...sharesOf(late.candidates)) / Math.max(...sharesOf(candidates));
      expect(ratio).toBeCloseTo(0.5, 1);
    });
  });

  describe("does not move, and says why,", () => {
    const blocked: [string, Partial<VaultState>, string][] = [
      ["when the vault is not calm", { calm: false }, "not-calm"],
      ["when the vault is paused", { paused: true }, "paused"],
      ["during the cooldown", { lastMoveAt: market(rich).toTimestamp - 3_599 }, "cooldown"],
      ["when the day's moves are used", { movesToday: 6 }, "moves-per-day"],
      ["when the loss budget is used", { lossBudgetLeftWad: 0n }, "loss-budget"],
    ];
    it.each(blocked)("%s", async (_, change, key) => {
      expect(await decide(given(rich, change))).toMatchObject({ action: "stand-aside", reasonKey: key, plan: null });
      expect(await decide(holding({ ...rich, feeOverLvr: 6 }, change))).toMatchObject({
        action: "hold",
        reasonKey: key,
        plan: null,
      });
    });

    it("when the cooldown has just passed, it moves again", async () => {
      const lastMoveAt = market(rich).toTimestamp - 3_600;
      expect((await decide(given(rich, { lastMoveAt }))).action).toBe("move");
    });

    it("still leaves a losing position during the cooldown: de-risking is never blocked", async () => {
      const lastMoveAt = market(poor).toTimestamp - 10;
      expect(plan(await decide(holding(poor, { lastMoveAt, movesToday: 6 }))).ranges).toEqual([]);
    });

    it("but does not leave on a price that nobody trusts", async () => {
      expect(await decide(holding(poor, { calm: false }))).toMatchObject({
        action: "hold",
        reasonKey: "not-calm",
        plan: null,
      });
    });

    it("when the spread is above the ceiling", async () => {
      const decision = await decide({
        ...given(),
        bounds: { ...bounds, spreadCeilingWad: WAD / 1000n, fullShareSpreadWad: 0n },
      });
      expect(decision).toMatchObject({ action: "stand-aside", reasonKey: "spread-ceiling", plan: null });
    });

    it("when every good range needs a larger swap than allowed", async () => {
      const decision = await decide({ ...given(), bounds: { ...bounds, maxSwapShareWad: WAD / 1000n } });
      for (const c of decision.candidates) {
        if (c.kind === "range" && c.refusal === null) expect(c.costBps).toBeLessThan(0.1);
      }
      expect(decision.candidates.some((c) => /at most 0\.1 % is allowed/.test(c.refusal ?? ""))).toBe(true);
    });

    it("when history is missing", async () => {
      const parameters = given();
      const fromTimestamp = parameters.history.toTimestamp - 23 * 3600;
      const short = {
        ...parameters.history,
        fromTimestamp,
        swaps: parameters.history.swaps.filter((s) => s.timestamp > fromTimestamp),
      };
      expect(await decide({ ...parameters, history: short })).toMatchObject({
        action: "stand-aside",
        reasonKey: "history",
        chosen: -1,
      });
      expect(await decide({ ...holding(poor), history: short })).toMatchObject({
        action: "hold",
        reasonKey: "history",
        plan: null,
      });
      expect(await decide({ ...parameters, history: { ...parameters.history, swaps: [] } })).toMatchObject({
        reasonKey: "history",
      });
    });

    it("when the vault is empty", async () => {
      expect(await decide(given(rich, { idle1: 0n, nav: 0n }))).toMatchObject({
        action: "stand-aside",
        reasonKey: "empty",
      });
    });
  });

  describe("never moves on a broken model:", () => {
    const broken = (part: Partial<ModelSet>): ModelSet => ({ ...rules, ...part });
    const nan = { mean: Number.NaN, q10: 0, q50: 0, q90: 0 };
    const sets: [string, ModelSet][] = [
      [
        "NaN variance",
        broken({ volatility: { ...rules.volatility, predict: async () => ({ ...nan, q90: Number.NaN }) } }),
      ],
      ["NaN fees", broken({ yield: { ...rules.yield, predict: async (_, queries) => queries.map(() => nan) } })],
      [
        "infinite fees",
        broken({
          yield: {
            ...rules.yield,
            predict: async (_, queries) => queries.map(() => ({ ...nan, mean: Number.POSITIVE_INFINITY })),
          },
        }),
      ],
      [
        "NaN losses",
        broken({
          il: { ...rules.il, predict: async (_, queries) => queries.map(() => ({ il: nan, lvr: nan, inRange: 1 })) },
        }),
      ],
      ["an empty answer", broken({ yield: { ...rules.yield, predict: async () => [] } })],
      [
        "an error",
        broken({
          il: {
            ...rules.il,
            predict: async () => {
              throw new Error("session is gone");
            },
          },
        }),
      ],
    ];
    it.each(sets)("%s", async (_, models) => {
      expect(await decide({ ...given(), models })).toMatchObject({
        action: "stand-aside",
        reasonKey: "model-error",
        plan: null,
      });
      expect(await decide({ ...holding(poor), models })).toMatchObject({
        action: "hold",
        reasonKey: "model-error",
        plan: null,
      });
    });

    it("a market unlike its training", async () => {
      const models = broken({ il: { ...rules.il, outOfDomain: () => ["log_rv_24h"] } });
      const decision = await decide({ ...holding(poor), models });
      expect(decision).toMatchObject({ action: "hold", reasonKey: "out-of-domain", plan: null });
      expect(decision.reason).toMatch(/log_rv_24h/);
    });
  });

  it("decides the same from the same inputs, and its digest covers them", async () => {
    const parameters = given();
    const decision = await decide(parameters);
    expect(await decide(given())).toEqual(decision);
    const other = await decide({ ...parameters, state: { ...parameters.state, nextNonce: 1n } });
    expect(other.inputsDigest).not.toBe(decision.inputsDigest);
    expect((await decide({ ...parameters, bounds: { ...bounds, cooldownSeconds: 1 } })).inputsDigest).not.toBe(
      decision.inputsDigest,
    );
  });

  it("decides alike whichever token of the pool the asset is", async () => {
    const one = await decide(given({ ...rich, numeraire: 1 }));
    const zero = await decide(given({ ...rich, numeraire: 0 }));
    expect(zero.action).toBe(one.action);
    expect(chosen(zero).netBps / chosen(one).netBps).toBeCloseTo(1, 1);
    const [a, b] = [chosen(one).range, chosen(zero).range];
    // Mirrored at tick 0; one spacing of slack for the snapping.
    expect(Math.abs((a?.lowerTick ?? 0) + (b?.upperTick ?? 0))).toBeLessThanOrEqual(20);
    expect(Math.abs((a?.upperTick ?? 0) + (b?.lowerTick ?? 0))).toBeLessThanOrEqual(20);
  });

  it("finds no edge in a market where fees pay exactly for the losses", async () => {
    let moves = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const decision = await decide({ ...given({ seed, feeOverLvr: 1 }), settings: { ...settings, hysteresisBps: 5 } });
      if (decision.action === "move") moves++;
    }
    expect(moves).toBeLessThanOrEqual(2);
  });

  it("measures a held position by its own amounts", async () => {
    const parameters = holding(rich);
    const current = (await decide(parameters)).candidates.find((c) => c.kind === "current");
    expect(current).toMatchObject({ costBps: 0, refusal: null });
    expect(current?.share).toBeCloseTo(1, 3);
    expect(current?.range).toEqual({
      lowerTick: parameters.state.positions[0]?.lowerTick,
      upperTick: parameters.state.positions[0]?.upperTick,
    });
    expect(getSqrtPriceAtTick(current?.range?.lowerTick ?? 0)).toBeLessThan(parameters.history.sqrtPriceX96);
  });
});
