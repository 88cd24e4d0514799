import { describe, expect, it } from "vitest";
import { AccountingError, openBooks } from "../../../ml/backtest/books.ts";
import { createEventMarket } from "../../../ml/backtest/events/eventMarket.ts";
import { orientationOf } from "../../../ml/backtest/price.ts";
import { LookAheadError, runBacktest } from "../../../ml/backtest/run.ts";
import type { PolicyContext, RunSettings } from "../../../ml/backtest/types.ts";
import { openVault } from "../../../ml/backtest/vault.ts";
import { swapsOf } from "../../../ml/data/bars.ts";
import { resolveMarket } from "../../../ml/data/market.ts";
import { createReferencePool } from "../../../ml/sim/exact/reference.ts";
import type { SwapEvent } from "../../../ml/types.ts";
import { data, FREE, FULL, hold, market, once, policyOf, settings } from "./market.fixture.ts";
import { centredOn } from "./range.fixture.ts";

const { pool, fromSeconds, toSeconds } = market.description;
const run = (policy: Parameters<typeof runBacktest>[0]["policy"], change: Partial<RunSettings> = {}) =>
  runBacktest({ market, policy, settings: { ...settings, ...change } });

describe("a run in an event market", () => {
  it("adds up: start + fees − LVR − costs + exposure = final", async () => {
    const costs = { ...FREE, gasPerMove: 500_000, gasGwei: 10, gasTokenPrice: 2000, mevBps: 20, feeHaircutBps: 1000 };
    const result = await run(
      policyOf((context, turn) =>
        turn % 6 === 0
          ? { kind: "move", reason: "moves", ranges: [{ ...centredOn(context, 600), weight: 0.9 }], swap: "to-ratio" }
          : hold,
      ),
      { costs, capital: 5_000_000 },
    );
    const { start, fees, lvr, swapCost, mev, gas, exposure, final, residual } = result.waterfall;
    expect(result.moves.length).toBeGreaterThan(6);
    for (const part of [fees, lvr, swapCost, mev, gas]) expect(part).toBeGreaterThan(0);
    expect(Math.abs(start + fees - lvr - swapCost - mev - gas + exposure - final)).toBeLessThan(1e-9 * start);
    expect(Math.abs(residual)).toBeLessThan(1e-9 * start);
    expect(result.points.at(-1)?.nav).toBeCloseTo(final, 6);
  });

  it("throws when something left the books unseen", () => {
    const session = market.open({ fromSeconds, numeraire: 1 });
    const vault = openVault(10n ** 22n, 1);
    const books = openBooks({ session, vault, orientation: orientationOf(pool, 1), feesKept: 1 });
    expect(books.waterfall().residual).toBe(0);
    vault.idle1 -= 10n ** 15n;
    expect(() => books.waterfall()).toThrow(AccountingError);
  });

  it("gives the record back without us in it, and nearly so with one unit of liquidity", () => {
    const recorded = swapsOf(data.events);
    expect(recorded.length).toBeGreaterThan(200);
    const play = (liquidity: bigint) => {
      const session = market.open({ fromSeconds, numeraire: 1 });
      if (liquidity > 0n) session.mint(FULL, liquidity);
      session.advance(toSeconds, () => {});
      expect(session.arbitrage.swaps).toBe(0);
      return session.history(toSeconds)?.swaps ?? [];
    };
    const outcome = ({ amount0, amount1, sqrtPriceX96, tick }: SwapEvent) => ({ amount0, amount1, sqrtPriceX96, tick });
    expect(play(0n).map(outcome)).toEqual(recorded.map(outcome));
    for (const [i, swap] of play(1n).entries()) {
      expect(Number(swap.sqrtPriceX96) / Number(recorded[i]?.sqrtPriceX96)).toBeCloseTo(1, 14);
      expect(Number(swap.amount0 - (recorded[i]?.amount0 ?? 0n))).toBeCloseTo(0, -9);
    }
  });

  it("earns what the pool's own fee growth says, to the unit", () => {
    const session = market.open({ fromSeconds, numeraire: 1 });
    const liquidity = 10n ** 15n;
    const before = session.feeGrowth();
    session.mint(FULL, liquidity);
    session.advance(toSeconds, () => {});
    const after = session.feeGrowth();
    const [position] = session.positions();
    const earned = (now: bigint, then: bigint) => (BigInt.asUintN(256, now - then) * liquidity) >> 128n;
    expect(position?.fees0).toBe(earned(after.feeGrowth0, before.feeGrowth0));
    expect(position?.fees1).toBe(earned(after.feeGrowth1, before.feeGrowth1));
    expect(position?.fees0).toBeGreaterThan(0n);
  });

  it("dilutes the pool with own liquidity, moves it less, and lets an arbitrageur hold it in the fee band", () => {
    const small = market.open({ fromSeconds, numeraire: 1 });
    const large = market.open({ fromSeconds, numeraire: 1 });
    const others = Number(small.liquidity);
    small.mint(FULL, 10n ** 12n);
    large.mint(FULL, BigInt(Math.floor(others)));
    const band = Math.log(1 / (1 - pool.feePips / 1e6)) + 1e-6;
    let furthest = 0;
    large.advance(toSeconds, () => {
      const gap = 2 * Math.log(Number(large.sqrtPriceX96) / 2 ** 96) - Math.log(large.price);
      furthest = Math.max(furthest, Math.abs(gap));
    });
    small.advance(toSeconds, () => {});
    const rate = (session: typeof small) => {
      const [position] = session.positions();
      return Number(position?.fees1) / Number(position?.liquidity);
    };
    expect(large.arbitrage.swaps).toBeGreaterThan(0);
    expect(furthest).toBeLessThan(band);
    // Twice the liquidity: the same orders pay each unit half, and the arbitrageur pays the rest of the way.
    expect(rate(large) / rate(small)).toBeGreaterThan(0.5);
    expect(rate(large) / rate(small)).toBeLessThan(1);
  });

  it("measures LVR as holding the delta gains more than the position", async () => {
    const result = await run(once(FULL), { markSeconds: 0, capital: 1 });
    const openedAt = result.moves[0]?.actedAt ?? 0;
    // Marks are at the ends of blocks.
    const ends = new Map(
      swapsOf(data.events).map(({ block, sqrtPriceX96, timestamp }) => [block, { sqrtPriceX96, timestamp }]),
    );
    let [root, expected] = [Number.NaN, 0];
    for (const { sqrtPriceX96, timestamp } of ends.values()) {
      const now = Number(sqrtPriceX96) / 2 ** 96;
      if (timestamp > openedAt && !Number.isNaN(root)) expected += (now - root) ** 2 / root;
      root = now;
    }
    // V = 2 L √P, and half of one unit of capital is in each token.
    const first = result.moves[0];
    const liquidity = (first?.nav ?? 0) / 2 / Math.sqrt(first?.price ?? 1);
    expect(result.waterfall.lvr).toBeGreaterThan(0);
    expect(result.waterfall.lvr / (expected * liquidity)).toBeCloseTo(1, 4);
  });

  it("pays fee and impact on its own swap, and leaves nothing over", async () => {
    const capital = 20_000_000;
    const result = await run(once(FULL), { capital });
    const [move] = result.moves;
    const fee = pool.feePips / 1e6;
    expect(move?.swapped).toBeGreaterThan(0.49 * capital);
    expect(move?.swapFee).toBeCloseTo((move?.swapped ?? 0) * fee, 6);
    expect(move?.swapImpact).toBeGreaterThan(0);
    // Constant product: selling x of the asset into depth y costs about x²/y beyond the fee.
    const session = market.open({ fromSeconds, numeraire: 1 });
    const depth = (Number(session.liquidity) * (Number(session.sqrtPriceX96) / 2 ** 96)) / 1e18;
    const paid = (move?.swapped ?? 0) * (1 - fee);
    expect((move?.swapImpact ?? 0) / (paid ** 2 / (depth + paid))).toBeCloseTo(1, 2);
    expect(result.points[1]?.deployed).toBeGreaterThan(0.998);
  });

  it("acts at least one block after the decision, at the price of then", async () => {
    const slow = await run(once(FULL), { latencyBlocks: 50 });
    const fast = await run(once(FULL));
    const decided = fast.moves[0]?.decidedAt ?? 0;
    expect(decided).toBe(fromSeconds);
    expect(fast.moves[0]?.actedAt).toBeGreaterThan(decided);
    expect((slow.moves[0]?.block ?? 0) - (fast.moves[0]?.block ?? 0)).toBe(49);
    expect(slow.moves[0]?.actedAt).toBeGreaterThanOrEqual(decided + 49 * 12);
    await expect(run(once(FULL), { latencyBlocks: 0 })).rejects.toThrow(/latencyBlocks is 0, but it must be/);
  });

  it("takes MEV, gas and the haircut on fees from the result, each in its own line", async () => {
    const plain = (await run(once(FULL))).waterfall;
    const costs = {
      ...FREE,
      gasPerMove: 400_000,
      gasPerPosition: 100_000,
      gasGwei: 20,
      gasScale: 3,
      gasTokenPrice: 1500,
    };
    const gas = (await run(once(FULL), { costs })).waterfall;
    expect(gas.gas).toBeCloseTo(500_000 * 20e-9 * 3 * 1500, 9);
    expect(gas.headline).toBeCloseTo(plain.headline - gas.gas, 9);
    const mev = await run(once(FULL), { costs: { ...FREE, mevBps: 100 } });
    expect(mev.waterfall.mev / ((mev.moves[0]?.swapped ?? 0) * 0.01)).toBeCloseTo(1, 1);
    const haircut = (await run(once(FULL), { costs: { ...FREE, feeHaircutBps: 2000 } })).waterfall;
    expect(haircut.fees / plain.fees).toBeCloseTo(0.8, 9);
    expect(haircut.lvr).toBeCloseTo(plain.lvr, 9);
  });

  it("shows a policy nothing from after its decision", async () => {
    const seen: PolicyContext[] = [];
    await run(
      policyOf((context) => {
        seen.push(context);
        return hold;
      }),
    );
    expect(seen.length).toBe(Math.ceil((toSeconds - fromSeconds) / 3600));
    for (const { atSeconds, bars, history } of seen) {
      expect(bars.every(({ endSeconds }) => endSeconds <= atSeconds)).toBe(true);
      expect(history?.swaps.every(({ timestamp }) => timestamp <= atSeconds)).toBe(true);
      expect(history?.toTimestamp).toBe(atSeconds);
    }
  });

  it("refuses a policy that reads the future without being a clairvoyant", async () => {
    await expect(run((input) => ({ ...policyOf(() => hold)(), id: `saw-${input.future.length}` }))).rejects.toThrow(
      LookAheadError,
    );
  });

  it("gives the same result twice, and in either engine", async () => {
    const policy = policyOf((context, turn) =>
      turn % 5 === 0
        ? { kind: "move", reason: "moves", ranges: [{ ...centredOn(context, 1200), weight: 1 }], swap: "to-ratio" }
        : hold,
    );
    const [a, b] = [await run(policy), await run(policy)];
    const reference = createEventMarket({ data, dataSha256: "", createPool: createReferencePool });
    const c = await runBacktest({ market: reference, policy, settings });
    expect(b).toEqual(a);
    expect(c).toEqual(a);
  });

  it("marks the alternatives at the same price", async () => {
    const { points, waterfall } = await run(once(FULL));
    const [first, last] = [points[0], points.at(-1)];
    const fee = pool.feePips / 1e6;
    const moved = (last?.price ?? 0) / (first?.price ?? 1);
    expect(first?.assetOnly).toBe(10_000);
    expect(last?.assetOnly).toBe(10_000);
    const half = (10_000 - (10_000 / (2 - fee)) * fee) / 2;
    expect(last?.hodl).toBeCloseTo(half * (1 + moved), 6);
    // The benchmark is a run of its own in the same market; this run is that benchmark.
    expect(last?.fullRange).toBeCloseTo(waterfall.final, 6);
    expect(last?.fiftyFifty).not.toBe(last?.hodl);
  });
});

const folder = process.env.RANGEKEEPER_DATA;
describe.skipIf(!folder)("the recorded WBTC/WETH days", () => {
  const load = () => {
    const real = resolveMarket(folder ?? "", "ethereum_wbtc_weth_03_events_2023-03-01");
    const played = createEventMarket({ data: real, dataSha256: "" });
    const recorded = swapsOf(real.events);
    return { played, recorded };
  };
  const play = ({ played }: ReturnType<typeof load>, liquidity: bigint) => {
    const { fromSeconds: start, toSeconds: end } = played.description;
    const session = played.open({ fromSeconds: start, numeraire: 1 });
    if (liquidity > 0n) session.mint({ lowerTick: 256_800, upperTick: 256_920 }, liquidity);
    session.advance(end, () => {});
    return session.history(end)?.swaps ?? [];
  };

  it("come out as they were, 725 of 725, without us in the pool", () => {
    const real = load();
    const outcome = ({ amount0, amount1, sqrtPriceX96, tick, liquidity }: SwapEvent) =>
      [amount0, amount1, sqrtPriceX96, tick, liquidity].join(" ");
    const swaps = play(real, 0n);
    expect(real.recorded.length).toBe(725);
    expect(swaps.filter((swap, i) => outcome(swap) === outcome(real.recorded[i] as SwapEvent)).length).toBe(725);
  });

  it("come out to the last digits of the amounts with one unit of own liquidity", () => {
    const real = load();
    for (const [i, swap] of play(real, 1n).entries()) {
      const record = real.recorded[i] as SwapEvent;
      expect(swap.tick).toBe(record.tick);
      expect(Math.abs(Number(swap.amount0 - record.amount0))).toBeLessThanOrEqual(1);
      expect(Math.abs(Number(swap.amount1 - record.amount1))).toBeLessThanOrEqual(1e-15 * Number(record.sqrtPriceX96));
    }
  });
});

describe("the vault's limits", () => {
  const limits = {
    minWidthTicks: 180,
    cooldownSeconds: 5 * 3600,
    maxMovesPerDay: 2,
    maxPoolShare: 0.5,
    maxLossPerMove: 0.02,
    lossBudgetRatio: 0.06,
    lossBudgetRefillSeconds: 86_400,
    bandTicks: 100_000,
    longWindowSeconds: 1800,
  };
  const always = (halfWidth: number) =>
    policyOf((context) => ({
      kind: "move",
      reason: "moves",
      ranges: [{ ...centredOn(context, halfWidth), weight: 1 }],
      swap: "to-ratio",
    }));

  it("keep moves apart and few", async () => {
    const free = await run(always(600));
    const { moves, decisions } = await run(always(600), { limits });
    expect(free.moves.length).toBe(free.decisions.taken);
    expect(decisions.byReason["refused: cooldown"]).toBeGreaterThan(0);
    expect(decisions.byReason["refused: moves-per-day"]).toBeGreaterThan(0);
    moves.forEach((move, i) => {
      const before = moves[i - 1];
      if (before) expect(move.actedAt - before.actedAt).toBeGreaterThanOrEqual(limits.cooldownSeconds);
    });
    const days = moves.map(({ actedAt }) => Math.floor(actedAt / 86_400));
    for (const day of days) expect(days.filter((other) => other === day).length).toBeLessThanOrEqual(2);
    const counted = Object.values(decisions.byReason).reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(decisions.taken);
  });

  it.each([
    ["width-below-minimum", always(60), {}],
    ["not-calm", always(600), { limits: { ...limits, bandTicks: -1 } }],
    [
      "pool-share",
      once(FULL),
      { capital: 1e9, limits: { ...limits, maxPoolShare: 0.3, maxLossPerMove: 1, lossBudgetRatio: 1 } },
    ],
    ["loss-per-move", once(FULL), { capital: 1e9, limits: { ...limits, maxPoolShare: 1 } }],
    ["loss-budget", once(FULL), { limits: { ...limits, lossBudgetRatio: 1e-4 } }],
  ] as const)("refuse %s and leave the vault as it was", async (reason, policy, change) => {
    const { moves, decisions, waterfall } = await run(policy, { limits, ...change });
    expect(decisions.byReason[`refused: ${reason}`]).toBeGreaterThan(0);
    expect(moves).toEqual([]);
    expect(waterfall.final).toBe(waterfall.start);
  });
});

describe("settings", () => {
  it.each([
    [{ capital: 0 }, /capital is 0, but it must be above 0/],
    [{ capital: Number.NaN }, /capital is NaN/],
    [{ decisionSeconds: 0 }, /decisionSeconds is 0/],
    [{ fromSeconds: toSeconds }, /fromSeconds is \d+, but it must be before toSeconds/],
    [{ fromSeconds: 5 }, /inside the market's data/],
    [{ costs: { ...FREE, mevBps: 10_001 } }, /costs.mevBps is 10001/],
    [{ costs: { ...FREE, gasGwei: -1 } }, /costs.gasGwei is -1/],
    [{ costs: { ...FREE, gasGwei: "recorded", gasPerMove: 1 } }, /market must then know gas prices/],
  ] as const)("%o are refused", async (change, message) => {
    await expect(run(once(FULL), change)).rejects.toThrow(message);
  });
});
