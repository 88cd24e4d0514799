import { describe, expect, it } from "vitest";
import { barEarnings } from "../../../ml/backtest/policies/barEarnings.ts";
import { concentrationCostRatio, offsetsOfSpread, optimalSpread } from "../../../ml/backtest/policies/cartea.ts";
import { latticeOf, planAhead } from "../../../ml/backtest/policies/clairvoyant.ts";
import { edgesOf, gasOf, swapLoss } from "../../../ml/backtest/policies/costs.ts";
import { weigh } from "../../../ml/backtest/policies/ewa.ts";
import { baselines, families, policies } from "../../../ml/backtest/policies/index.ts";
import { rangeAround, spotOf } from "../../../ml/backtest/policies/place.ts";
import { recentMarket } from "../../../ml/backtest/policies/recent.ts";
import type { PolicyAction, PolicyContext, PolicyInput } from "../../../ml/backtest/types.ts";
import { flipBars } from "../../../ml/data/bars.ts";
import type { Bar, HeldPosition, Numeraire, Range } from "../../../ml/types.ts";
import { pool, START, settings, tinyRun, walkBars } from "../../support/tinyMarket.ts";

const bars = walkBars({ hours: 400, feeOverLvr: 1.1 });
const { costs } = settings(bars);
const PRICE = 1600;
const TICK = Math.log(1e12 / PRICE) / Math.log(1.0001);

const input = (over: Partial<PolicyInput> = {}): PolicyInput => ({
  pool,
  numeraire: 0,
  capital: 10_000,
  decisionSeconds: 3600,
  costs,
  future: [],
  ...over,
});

interface Situation {
  readonly held?: readonly Range[];
  readonly idle?: readonly [bigint, bigint];
  readonly price?: number;
  readonly bars?: readonly Bar[];
  readonly sinceMove?: number;
  readonly numeraire?: Numeraire;
}

/** A decision in USDC per WETH; positions hold 1,000 USDC and their worth in WETH each. */
function context(situation: Situation = {}): PolicyContext {
  const { held = [], price = PRICE, sinceMove = 3600, numeraire = 0, bars: known = [] } = situation;
  const [idle0, idle1] = situation.idle ?? (held.length > 0 ? [0n, 0n] : [10_000_000_000n, 0n]);
  const positions = held.map(
    (range): HeldPosition => ({
      ...range,
      liquidity: 10n ** 15n,
      amount0: 1_000_000_000n,
      amount1: BigInt(Math.round(1e21 / PRICE)),
      fees0: 0n,
      fees1: 0n,
    }),
  );
  const atSeconds = START + 500 * 3600;
  return {
    pool,
    numeraire,
    atSeconds,
    block: 1,
    bars: known,
    history: null,
    state: {
      vault: pool.address,
      numeraire,
      idle0,
      idle1,
      positions,
      nav: 10_000_000_000n,
      sharePrice: 10n ** 18n,
      calm: true,
      paused: false,
      lastMoveAt: held.length > 0 ? atSeconds - sinceMove : 0,
      movesToday: 0,
      lossBudgetLeftWad: 10n ** 16n,
      nextNonce: 0n,
      referenceTick: 0,
    },
    price,
    nav: 10_000,
  };
}

async function ask(id: string, at: PolicyContext, over: Partial<PolicyInput> = {}): Promise<PolicyAction> {
  const policy = await policies[id]?.(input({ numeraire: at.numeraire, ...over }));
  if (!policy) throw new Error(`no policy ${id}`);
  return (await policy.decide(at)).action;
}

const ranges = (action: PolicyAction) => (action.kind === "move" ? action.ranges : []);
const width = (action: PolicyAction) => ranges(action).map(({ lowerTick, upperTick }) => upperTick - lowerTick);

describe("the registry of baselines", () => {
  it("has every family that the protocol names", () => {
    expect(Object.keys(families)).toEqual([
      "stand-aside",
      "full-range",
      "fixed",
      "fixed-reset",
      "daily",
      "tau-reset",
      "volatility",
      "cartea",
      "charm",
      "ewa",
      "yesterday",
    ]);
    expect(families.fixed).toHaveLength(6);
    expect(families["fixed-reset"]).toHaveLength(6);
  });

  it("names each once, shortly, with its source, and one clairvoyant that no family offers", () => {
    expect(new Set(baselines.map(({ id }) => id)).size).toBe(baselines.length);
    for (const { label, source } of baselines) {
      expect(label.length).toBeLessThanOrEqual(24);
      expect(source.length).toBeGreaterThan(5);
    }
    expect(baselines.filter((one) => one.clairvoyant).map(({ id }) => id)).toEqual(["clairvoyant"]);
    expect(Object.values(families).flat()).not.toContain("clairvoyant");
  });

  for (const { id, clairvoyant } of baselines)
    it(`${id} proposes ranges that a vault could hold, and its books close`, async () => {
      const peeks: string[] = [];
      const run = await tinyRun(
        async (given) => {
          const guarded = { ...given };
          Object.defineProperty(guarded, "future", {
            get: () => {
              peeks.push(id);
              return given.future;
            },
          });
          const policy = await policies[id]?.(guarded);
          if (!policy) throw new Error(id);
          return {
            ...policy,
            decide: async (at) => {
              const answer = await policy.decide(at);
              const proposed = ranges(answer.action);
              if (answer.action.kind === "move") {
                expect(proposed.length).toBeGreaterThan(0);
                expect(proposed.length).toBeLessThanOrEqual(8);
              }
              for (const { lowerTick, upperTick } of proposed) {
                expect(lowerTick).toBeLessThan(upperTick);
                expect([lowerTick % 10, upperTick % 10].map(Math.abs)).toEqual([0, 0]);
              }
              const weights = proposed.map(({ weight }) => weight);
              expect(Math.min(1, ...weights)).toBeGreaterThan(0);
              expect(weights.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(1 + 1e-9);
              return answer;
            },
          };
        },
        { bars },
      );
      expect(Math.abs(run.waterfall.residual)).toBeLessThan(1e-6);
      expect(run.decisions.taken).toBe(352);
      expect(peeks.length > 0).toBe(clairvoyant);
    });

  it("has no baseline that beats the clairvoyant bound on the same market", async () => {
    for (const seed of [1, 2, 3]) {
      const market = walkBars({ seed, hours: 200, feeOverLvr: 0.9 });
      const headlines = await Promise.all(
        baselines.map(async ({ id }) => {
          const run = await tinyRun(policies[id] as NonNullable<(typeof policies)[string]>, { bars: market });
          return { id, headline: run.waterfall.headline };
        }),
      );
      headlines.sort((a, b) => b.headline - a.headline);
      expect(headlines[0]?.id).toBe("clairvoyant");
      expect(headlines[0]?.headline).toBeGreaterThan(0);
    }
  });
});

describe("placing ranges", () => {
  it("reads pool ticks from a price in either numeraire", () => {
    expect(spotOf(context()).tick).toBeCloseTo(TICK, 6);
    expect(spotOf(context({ numeraire: 1, price: 1 / PRICE })).tick).toBeCloseTo(TICK, 6);
  });

  it("puts a range on the spacing with spot inside, and no further than the pool's own ends", () => {
    expect(rangeAround(101, 50, 50, { tickSpacing: 10 })).toEqual({ lowerTick: 50, upperTick: 150 });
    expect(rangeAround(-3, 1, 1, { tickSpacing: 60 })).toEqual({ lowerTick: -60, upperTick: 0 });
    const most = Number.POSITIVE_INFINITY;
    expect(rangeAround(0, most, most, { tickSpacing: 60 })).toEqual({ lowerTick: -887220, upperTick: 887220 });
  });
});

describe("fixed widths", () => {
  it("span [P / 1.1, 1.1 P] for ±10 %", async () => {
    // ln 1.1 / ln 1.0001 = 953.15 ticks to either side of 202,543.
    const [range] = ranges(await ask("fixed-10", context()));
    expect(range).toMatchObject({ lowerTick: 201_590, upperTick: 203_500, weight: 1 });
    expect(Math.round(TICK)).toBe(202_543);
  });

  it("are left alone without reset and recentred with it", async () => {
    const away = context({ held: [{ lowerTick: 190_000, upperTick: 190_100 }] });
    expect(await ask("fixed-5", away)).toMatchObject({ kind: "hold" });
    expect(await ask("fixed-5-reset", away)).toMatchObject({ kind: "move", reason: "out of range" });
    const inside = context({ held: [{ lowerTick: 202_000, upperTick: 203_000 }] });
    expect(await ask("fixed-5-reset", inside)).toMatchObject({ kind: "hold" });
  });

  it("count the upper tick as outside, as the pool does", async () => {
    const at = (upperTick: number) => context({ held: [{ lowerTick: 202_000, upperTick }] });
    const tick = Math.floor(TICK);
    expect(await ask("fixed-5-reset", at(tick))).toMatchObject({ kind: "move" });
    expect(await ask("fixed-5-reset", at(tick + 1))).toMatchObject({ kind: "hold" });
  });
});

describe("scheduled and triggered rules", () => {
  const held = [{ lowerTick: 202_000, upperTick: 203_000 }];

  it("daily: waits a day, then recentres", async () => {
    expect(await ask("daily-5", context({ held, sinceMove: 86_399 }))).toMatchObject({ kind: "hold" });
    expect(await ask("daily-5", context({ held, sinceMove: 86_400 }))).toMatchObject({ kind: "move" });
  });

  it("daily: does not pay for a move to where it already is", async () => {
    const range = ranges(await ask("daily-5", context()));
    expect(await ask("daily-5", context({ held: range, sinceMove: 90_000 }))).toMatchObject({
      kind: "hold",
      reason: "already centred",
    });
  });

  it("τ-reset: three nested ranges of equal liquidity that reach τ", async () => {
    const action = await ask("tau-1000", context());
    expect(width(action)).toEqual([670, 1330, 2000]);
    expect(ranges(action).map(({ weight }) => weight)).toEqual([1 / 6, 2 / 6, 3 / 6]);
  });

  it("τ-reset: acts when spot has gone τ ticks, not before", async () => {
    const situation = (moved: number) => context({ held: ranges(placed), price: PRICE * 1.0001 ** moved });
    const placed = await ask("tau-1000", context());
    expect(await ask("tau-1000", situation(980))).toMatchObject({ kind: "hold" });
    expect(await ask("tau-1000", situation(1020))).toMatchObject({ kind: "move", reason: "spot moved τ ticks" });
  });

  it("volatility width: twice the volatility, twice the width", async () => {
    const day = (sigma: number) =>
      walkBars({ hours: 48 }).map((bar) => ({ ...bar, realisedVariance: sigma ** 2 / 24 }));
    const [calm] = width(await ask("vol-2", context({ bars: day(0.03) })));
    const [wild] = width(await ask("vol-2", context({ bars: day(0.06) })));
    // 2 σ to either side: 4 × 0.03 / ln 1.0001 = 1,200 ticks.
    expect(calm).toBe(1200);
    expect(wild).toBe(2400);
  });

  it("stands aside until it knows enough", async () => {
    const few = context({ bars: bars.slice(0, 5) });
    for (const id of ["vol-2", "cartea", "yesterday", "ewa"])
      expect(await ask(id, few), id).toEqual({ kind: "hold", reason: "too little history" });
  });

  it("stand aside sells what it holds and then rests", async () => {
    expect(await ask("stand-aside", context({ held }))).toMatchObject({ kind: "idle", sell: true });
    expect(await ask("stand-aside", context({ idle: [1n, 1n] }))).toMatchObject({ kind: "idle", sell: true });
    expect(await ask("stand-aside", context())).toMatchObject({ kind: "hold" });
  });
});

describe("base + limit without swaps", () => {
  it("never swaps, and parks the spare token on its own side of spot", async () => {
    const tick = Math.floor(TICK);
    for (const [idle, above] of [
      [[10_000_000_000n, 0n], true],
      [[0n, 6_250_000_000_000_000_000n], false],
    ] as const)
      for (const numeraire of [0, 1] as const) {
        const price = numeraire === 0 ? PRICE : 1 / PRICE;
        const action = await ask("charm-passive", context({ idle, numeraire, price }));
        expect(action).toMatchObject({ kind: "move", swap: "none" });
        // All in one token: nothing for the base range, so the whole of it waits on one side.
        const [limit, ...more] = ranges(action);
        expect(more).toEqual([]);
        expect(limit?.weight).toBeCloseTo(1, 9);
        expect(limit && limit.lowerTick > tick).toBe(above);
        if (!above) expect(limit?.upperTick).toBeLessThanOrEqual(tick);
      }
  });

  it("puts what is balanced into the base range", async () => {
    const action = await ask("charm-passive", context({ idle: [5_000_000_000n, 3_125_000_000_000_000_000n] }));
    const [base] = ranges(action);
    expect(base?.weight).toBeGreaterThan(0.98);
    expect((base?.upperTick ?? 0) - (base?.lowerTick ?? 0)).toBeCloseTo(2 * 1823, -2);
  });
});

describe("Cartea, Drissi and Monga's closed form", () => {
  const base = { feeRate: 0.001, variance: 0.0016, concentrationCost: 0.00005, drift: 0 };

  it("gives the hand-computed spread without drift", () => {
    // A = 4 × 0.001 − 0.0008 = 0.0032, δ* = 2 × 0.00005 / 0.0032 = 0.03125, half to each side.
    const spread = optimalSpread(base);
    expect(spread?.upper).toBeCloseTo(0.015625, 12);
    expect(spread?.lower).toBeCloseTo(0.015625, 12);
  });

  it("gives the hand-computed spread and skew with drift", () => {
    // A = 0.0032 + 0.002 × (0.002 − 0.0008) = 0.0032024, 2B = 0.0001 + 4e-6 × 0.0016 = 0.0001000064.
    const spread = optimalSpread({ ...base, drift: 0.002 });
    const delta = 0.0001000064 / 0.0032024;
    const skew = 0.5 + 0.002 / delta;
    expect(spread?.upper).toBeCloseTo(skew * delta, 12);
    expect(spread?.lower).toBeCloseTo((1 - skew) * delta, 12);
  });

  it("maximises the log utility that it was derived from", () => {
    for (const drift of [0, 0.001, -0.002]) {
      const inputs = { ...base, drift };
      const growth = (delta: number) => {
        const skew = 0.5 + drift / delta;
        return (
          (4 * inputs.feeRate - inputs.variance / 2) / delta -
          inputs.concentrationCost / delta ** 2 +
          drift * skew -
          (inputs.variance * skew ** 2) / 2
        );
      };
      const spread = optimalSpread(inputs);
      const best = (spread?.upper ?? 0) + (spread?.lower ?? 0);
      for (const factor of [0.5, 0.9, 0.99, 1.01, 1.1, 2]) expect(growth(best)).toBeGreaterThan(growth(best * factor));
    }
  });

  it("stands aside where fees do not pay the predictable loss", async () => {
    expect(optimalSpread({ ...base, feeRate: 0.0002 })).toBeNull();
    const poor = walkBars({ hours: 200, feeOverLvr: 0.5 });
    expect(await ask("cartea", context({ bars: poor }))).toMatchObject({
      kind: "hold",
      reason: "fees below predictable loss",
    });
    const rich = walkBars({ hours: 200, feeOverLvr: 2 });
    expect(await ask("cartea", context({ bars: rich }))).toMatchObject({ kind: "move" });
  });

  it("turns sides of the spread into prices Z / (1 − δu/2)² and Z (1 − δl/2)²", () => {
    const { lower, upper } = offsetsOfSpread({ upper: 0.2, lower: 0.1 });
    expect(Math.exp(upper)).toBeCloseTo(1 / 0.81, 12);
    expect(Math.exp(lower)).toBeCloseTo(0.9025, 12);
  });

  it("leans towards where the price drifts, from either side of the pool", async () => {
    const rising = walkBars({ hours: 200, sigma: 0.02, feeOverLvr: 2, drift: 0.01 });
    const flipped = flipBars(rising).map((bar) => ({ ...bar }));
    const [asset0] = ranges(await ask("cartea-drift", context({ bars: rising })));
    const [asset1] = ranges(await ask("cartea-drift", context({ bars: flipped, numeraire: 1, price: 1 / PRICE })));
    const lean = (range: Range | undefined) => ((range?.lowerTick ?? 0) + (range?.upperTick ?? 0)) / 2 - TICK;
    // WETH rises, so USDC per WETH goes up and the pool's tick (WETH per USDC) goes down; both sides see the same pool.
    expect(lean(asset0)).toBeLessThan(-20);
    expect(lean(asset1)).toBeLessThan(-20);
  });

  it("finds no concentration cost where the price never leaves, and a larger one where it roams", () => {
    const still = walkBars({ hours: 120 }).map((bar) => ({ ...bar, open: -20, close: -20, high: -20, low: -20 }));
    expect(concentrationCostRatio(still)).toBeCloseTo(0, 12);
    const calm = concentrationCostRatio(walkBars({ hours: 160, sigma: 0.02 }));
    const wild = concentrationCostRatio(walkBars({ hours: 160, sigma: 0.08 }));
    expect(calm).toBeGreaterThan(0);
    expect(wild).toBeGreaterThan(2 * (calm ?? 1));
    expect(concentrationCostRatio(still.slice(0, 48))).toBeNull();
  });
});

describe("the bandit over widths", () => {
  it("weighs by exp(η × gains) with η = √(8 ln K / Σ spread²)", () => {
    // η = √(8 ln 2 / 1e-4) = 235.48; e^(−2.3548) = 0.0949.
    const [a, b] = weigh([0.01, 0], 1e-4);
    expect(a).toBeCloseTo(1 / 1.0949, 4);
    expect(b).toBeCloseTo(0.0949 / 1.0949, 4);
  });

  it("weighs all alike before it has learnt anything, and drops what weighs little", () => {
    expect(weigh([0, 0, 0, 0], 0)).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(weigh([1, 0], 1e-4)).toEqual([1, 0]);
  });

  it("leaves narrow ranges in a market that pays no fees, and takes them in one that pays well", async () => {
    const placed = async (feeOverLvr: number) => {
      const action = await ask("ewa", context({ bars: walkBars({ hours: 300, feeOverLvr }) }));
      const narrow = ranges(action).filter(({ lowerTick, upperTick }) => upperTick - lowerTick < 500);
      return narrow.reduce((sum, { weight }) => sum + weight, 0);
    };
    expect(await placed(0)).toBe(0);
    expect(await placed(2)).toBeGreaterThan(0.5);
  });
});

describe("the rule of yesterday's best width", () => {
  it("takes a range after a day that paid and leaves after one that did not", async () => {
    const rich = walkBars({ hours: 60, feeOverLvr: 5 });
    const poor = walkBars({ hours: 60, feeOverLvr: 0 });
    expect(await ask("yesterday", context({ bars: rich }))).toMatchObject({ kind: "move" });
    const held = [{ lowerTick: 202_500, upperTick: 202_600 }];
    expect(await ask("yesterday", context({ bars: poor, held }))).toMatchObject({ kind: "idle", sell: true });
    expect(await ask("yesterday", context({ bars: poor }))).toMatchObject({ kind: "hold" });
  });
});

describe("the clairvoyant bound", () => {
  const at = (hour: number, known: readonly Bar[], held: readonly Range[] = []) => ({
    ...context({ held }),
    atSeconds: (known[hour] as Bar).startSeconds,
  });

  it("holds a range only in the hours that will pay for it", async () => {
    const future = walkBars({ hours: 24, feeOverLvr: 0 }).map((bar, hour) =>
      hour === 10 || hour === 11 ? { ...bar, feeYield: 0.01 } : bar,
    );
    const plan = planAhead(input({ future }));
    const earned = future.map((bar) => {
      const range = plan(bar.startSeconds);
      return range ? barEarnings(edgesOf(range, 0), bar) : { fees: 0, lvr: 0 };
    });
    for (const [hour, { fees, lvr }] of earned.entries()) {
      if (hour === 10 || hour === 11) expect(fees).toBeGreaterThan(lvr);
      else expect(lvr).toBe(0);
    }
  });

  it("does not pay a cost that the future will not return", async () => {
    const future = walkBars({ hours: 24, sigma: 0.001, feeOverLvr: 0 }).map((bar, hour) =>
      hour === 10 ? { ...bar, feeYield: 1e-9 } : bar,
    );
    const policy = await policies.clairvoyant?.(input({ future }));
    expect((await policy?.decide(at(10, future)))?.action.kind).toBe("hold");
  });

  it("has candidates of every width around every price", () => {
    const lattice = latticeOf(bars, { pool, numeraire: 0 });
    expect(new Set(lattice.map(({ lowerTick, upperTick }) => upperTick - lowerTick)).size).toBeGreaterThanOrEqual(7);
  });
});

describe("what rules reckon with", () => {
  const bar = { ...(bars[0] as Bar), open: 0, high: 0.1, low: 0, close: 0.1, realisedVariance: 0.01, feeYield: 0.001 };

  it("spreads a bar's fees over its path", () => {
    const inside = barEarnings({ lower: -0.5, upper: 0.5 }, bar);
    const half = barEarnings({ lower: -0.5, upper: 0.05 }, bar);
    // 2 / (2 − 2 e^(−0.25)) = 4.5208 times as concentrated as full range.
    expect(inside.fees).toBeCloseTo(0.0045208, 6);
    const concentration = 2 / (2 - Math.exp(-0.025) - Math.exp(-0.25));
    expect(half.fees).toBeCloseTo(0.001 * concentration * 0.5, 9);
    expect(barEarnings({ lower: 1, upper: 2 }, bar)).toEqual({ fees: 0, lvr: 0 });
  });

  it("charges σ²/8 of a full-range position", () => {
    const calm = { ...bar, high: 0.0001, close: 0.0001, realisedVariance: 0.0008 };
    expect(barEarnings({ lower: -60, upper: 60 }, calm).lvr).toBeCloseTo(0.0001, 7);
  });

  it("averages with a half life, newest first", () => {
    const one = (variance: number, index: number): Bar => ({
      ...bar,
      startSeconds: index * 3600,
      endSeconds: (index + 1) * 3600,
      realisedVariance: variance,
    });
    // Weights 1 and 1/2 on 0.2 and 0.1 an hour.
    const recent = recentMarket([one(0.1, 0), one(0.2, 1)], { halfLifeHours: 1, leastBars: 2 });
    expect(recent?.variance).toBeCloseTo((24 * (0.2 + 0.05)) / 1.5, 12);
    expect(recentMarket([one(0.1, 0)], { halfLifeHours: 1, leastBars: 2 })).toBeNull();
  });

  it("prices gas in the asset and a swap by fee, sandwich and depth", () => {
    // (350,000 + 200,000) × 60 gwei × 0.9.
    const at = { pool, numeraire: 0 } as const;
    expect(gasOf(costs, 1, PRICE, at)).toBeCloseTo(0.0297, 12);
    expect(gasOf({ ...costs, gasGwei: "recorded" }, 1, PRICE, at)).toBe(0);
    // Without a price of its own the gas token is one of the pair: WETH on mainnet, worth PRICE or 1.
    const own = { ...costs, gasTokenPrice: null };
    const mainnet = { ...pool, chainId: 1 };
    expect(gasOf(own, 0, PRICE, { pool: mainnet, numeraire: 0 })).toBeCloseTo(0.021 * PRICE, 9);
    expect(gasOf(own, 0, 1 / PRICE, { pool: mainnet, numeraire: 1 })).toBeCloseTo(0.021, 12);
    expect(swapLoss(100, { pool, costs, depth: 1e6 })).toBeCloseTo(5e-4 + 1e-4 + 1e-4, 12);
  });
});
