import { describe, expect, it } from "vitest";
import { compare } from "../../../ml/backtest/compare.ts";
import { drawdownOf } from "../../../ml/backtest/drawdown.ts";
import { forecastsOf } from "../../../ml/backtest/forecasts.ts";
import { earnedUntil, metricsOf, moveOutcomes, worstTenth } from "../../../ml/backtest/metrics.ts";
import { periodSecondsOf, periodsOf, timeMean } from "../../../ml/backtest/periods.ts";
import { byVolatility, byWeek, byWeekday } from "../../../ml/backtest/regimes.ts";
import type { RunMove, RunPoint, RunResult } from "../../../ml/backtest/types.ts";
import type { Candidate, Decision } from "../../../ml/types.ts";
import { pool, settings } from "../../support/tinyMarket.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
/** A Monday, 00:00 UTC. */
const MONDAY = 1_658_102_400;

const point = (hour: number, over: Partial<RunPoint> = {}): RunPoint => ({
  atSeconds: MONDAY + hour * HOUR,
  block: hour,
  price: 1600,
  nav: 1000,
  hodl: 1000,
  fiftyFifty: 1000,
  assetOnly: 1000,
  fullRange: 1000,
  fees: 0,
  lvr: 0,
  swapCost: 0,
  mev: 0,
  gas: 0,
  exposure: 0,
  inRange: 1,
  deployed: 1,
  ranges: [],
  ...over,
});

const move = (hour: number, over: Partial<RunMove> = {}): RunMove => ({
  decidedAt: MONDAY + hour * HOUR,
  actedAt: MONDAY + hour * HOUR + 12,
  block: hour,
  kind: "move",
  reason: "opens its range",
  ranges: [{ lowerTick: 0, upperTick: 10 }],
  price: 1600,
  nav: 1000,
  swapped: 500,
  swapFee: 0.25,
  swapImpact: 0.05,
  mev: 0.1,
  gas: 0.6,
  poolShare: 0.01,
  ...over,
});

interface Parts {
  readonly points: readonly RunPoint[];
  readonly moves?: readonly RunMove[];
  readonly journal?: readonly Decision[];
  readonly id?: string;
  readonly clairvoyant?: boolean;
}

/** A run of 1,000 units whose waterfall is read off its last point. */
function runOf({ points, moves = [], journal = [], id = "subject", clairvoyant = false }: Parts): RunResult {
  const last = points.at(-1) as RunPoint;
  const headline = last.fees - last.lvr - last.swapCost - last.mev - last.gas;
  const { fees, lvr, swapCost, mev, gas, exposure, nav } = last;
  return {
    policy: { id, label: id, family: id, clairvoyant },
    market: {
      name: "made by hand",
      pool,
      feeModel: "exact",
      fromSeconds: MONDAY,
      toSeconds: last.atSeconds,
      events: 1,
      dataSha256: "",
      notes: [],
    },
    settings: settings([], { capital: 1000, fromSeconds: MONDAY, toSeconds: last.atSeconds }),
    waterfall: { start: 1000, fees, lvr, swapCost, mev, gas, exposure, final: nav, headline, residual: 0 },
    points,
    moves,
    decisions: { taken: points.length - 1, byReason: {} },
    journal,
    arbitrage: { swaps: 0, volume: 0 },
    warnings: [],
  };
}

/** Hourly points over days; `of` gives what differs at each hour. */
const hourly = (days: number, of: (hour: number) => Partial<RunPoint>): RunPoint[] =>
  Array.from({ length: days * 24 + 1 }, (_, hour) => point(hour, of(hour)));

describe("periods of a run", () => {
  it("are days from twenty days on, else six hours", () => {
    expect(periodSecondsOf(hourly(20, () => ({})))).toBe(DAY);
    expect(periodSecondsOf(hourly(19, () => ({})))).toBe(6 * HOUR);
  });

  it("hold what changed between their ends, as fractions of capital", () => {
    const points = hourly(2, (hour) => ({ fees: hour, lvr: hour / 2, gas: hour >= 30 ? 3 : 0, nav: 1000 + hour }));
    const [first, second, ...more] = periodsOf(points, 1000, DAY);
    expect(more).toEqual([]);
    expect(first).toMatchObject({ headline: 0.012, fees: 0.024, lvr: 0.012, net: 0.024 });
    // The gas of 3 came on the second day.
    expect(second?.headline).toBeCloseTo(0.009, 12);
  });

  it("keep a rest of half a period and leave out a shorter one", () => {
    expect(periodsOf(hourly(2, () => ({})).slice(0, 24 + 13), 1000, DAY)).toHaveLength(2);
    expect(periodsOf(hourly(2, () => ({})).slice(0, 24 + 12), 1000, DAY)).toHaveLength(1);
    expect(periodsOf([], 1000, DAY)).toEqual([]);
    expect(() => periodsOf([], 1000, 0)).toThrow("seconds 0 must be above 0");
  });

  it("weigh by time, not by points", () => {
    const points = [point(0), point(1, { inRange: 1 }), point(4, { inRange: 0 })];
    expect(timeMean(points, ({ inRange }) => inRange)).toBeCloseTo(0.25, 12);
  });
});

describe("drawdown", () => {
  const of = (...values: readonly number[]) =>
    drawdownOf(values.map((value, index) => ({ atSeconds: index * HOUR, value })));

  it("is the deepest fall, with its days and its recovery", () => {
    expect(of(100, 120, 90, 110, 125, 120)).toEqual({
      depth: 0.25,
      peakAt: HOUR,
      troughAt: 2 * HOUR,
      recoveredAt: 4 * HOUR,
      underwaterSeconds: 2 * HOUR,
    });
  });

  it("may not have been recovered, and the longest time under water may be another fall's", () => {
    const found = of(100, 99, 99, 99, 101, 50);
    expect(found).toMatchObject({ peakAt: 4 * HOUR, recoveredAt: null, underwaterSeconds: 3 * HOUR });
    expect(found?.depth).toBeCloseTo(1 - 50 / 101, 12);
  });

  it("is null for what never falls", () => {
    expect(of(1, 1, 2)).toBeNull();
    expect(of()).toBeNull();
  });
});

describe("metrics of a run", () => {
  it("take the headline and leave yearly figures blank below thirty days", () => {
    const at = (days: number) =>
      metricsOf(runOf({ points: hourly(days, (hour) => ({ fees: hour / 24, nav: 1000 + hour / 24 })) }));
    const month = at(30);
    expect(month.headline).toBeCloseTo(0.03, 12);
    expect(month.headlinePerYear).toBeCloseTo((0.03 * 365.25) / 30, 12);
    expect(month.netPerYear).toBeCloseTo(1.03 ** (365.25 / 30) - 1, 12);
    const short = at(29);
    expect([short.headlinePerYear, short.netPerYear, short.volatilityPerYear]).toEqual([null, null, null]);
  });

  it("set the value against each alternative", () => {
    const points = hourly(1, (hour) =>
      hour === 24 ? { nav: 1010, hodl: 1030, fiftyFifty: 1020, assetOnly: 1000, fullRange: 1015 } : {},
    );
    const { net, versus } = metricsOf(runOf({ points }));
    expect(net).toBeCloseTo(0.01, 12);
    expect(versus.hodl).toBeCloseTo(-0.02, 12);
    expect(versus.fiftyFifty).toBeCloseTo(-0.01, 12);
    expect(versus.assetOnly).toBeCloseTo(0.01, 12);
    expect(versus.fullRange).toBeCloseTo(-0.005, 12);
  });

  it("average the worst tenth, and say nothing of fewer than ten", () => {
    expect(worstTenth([5, -3, 1, 2, 3, 4, 5, 6, 7, 8])).toBe(-3);
    expect(worstTenth([-1, -3, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toBe(-2);
    expect(worstTenth([1, 2, 3])).toBeNull();
  });

  it("find the worst day by its headline", () => {
    const points = hourly(21, (hour) => ({ lvr: hour > 72 ? 5 : 0, nav: hour > 72 ? 990 : 1000 }));
    const { worst, cvar10Headline } = metricsOf(runOf({ points }));
    expect(worst).toEqual({ fromSeconds: MONDAY + 3 * DAY, headline: -0.005, net: -0.01 });
    // 21 days: the worst three are one of −0.5 % and two of nothing.
    expect(cvar10Headline).toBeCloseTo(-0.005 / 3, 12);
  });

  it("count turnover, holds, gas and what moves brought", () => {
    const points = hourly(2, (hour) => ({
      fees: hour <= 24 ? hour / 4 : 6,
      lvr: hour <= 24 ? hour / 8 : 3 + (hour - 24) / 24,
      gas: 1.2,
    }));
    const moves = [move(0), move(24), move(36, { kind: "idle", swapped: 0 }), move(40)];
    const metrics = metricsOf(runOf({ points, moves }));
    expect(metrics.turnover).toBeCloseTo(1.5, 12);
    expect(metrics.turnoverPerDay).toBeCloseTo(0.75, 12);
    // 24 and 12 hours; the last is still held.
    expect(metrics.meanHoldSeconds).toBe(18 * HOUR);
    expect(metrics.gasOverFees).toBeCloseTo(0.2, 12);
    expect(metrics.moves).toBe(4);
    expect(metrics.largestPoolShare).toBe(0.01);
    // The first earned 3 for a cost of 1, the second lost half, the third a third.
    expect(metrics.winRate).toBeCloseTo(1 / 3, 12);
    const [first, second] = moveOutcomes(points, moves);
    expect(first?.earned).toBeCloseTo(3, 2);
    expect(first?.cost).toBeCloseTo(1, 12);
    expect(second?.earned).toBeCloseTo(-0.5, 2);
  });

  it("read earnings between points by interpolation", () => {
    const points = [point(0), point(1, { fees: 2, lvr: 1 }), point(2, { fees: 2, lvr: 1 })];
    expect(earnedUntil(points, MONDAY - 5)).toBe(0);
    expect(earnedUntil(points, MONDAY + HOUR / 2)).toBeCloseTo(0.5, 12);
    expect(earnedUntil(points, MONDAY + 90 * 60)).toBe(1);
    expect(earnedUntil(points, MONDAY + 9 * HOUR)).toBe(1);
  });

  it("say nothing of a run that never moved", () => {
    const metrics = metricsOf(runOf({ points: hourly(1, () => ({ deployed: 0, inRange: 0 })) }));
    expect(metrics).toMatchObject({
      winRate: null,
      meanHoldSeconds: null,
      gasOverFees: null,
      sharpeHeadline: null,
      drawdown: null,
      leftOpen: 0,
      timeInRange: 0,
    });
  });
});

describe("breakdowns", () => {
  it("cut by weekday and week without losing anything", () => {
    const points = hourly(10, (hour) => ({ fees: hour, nav: 1000 + hour }));
    const weekdays = byWeekday(points, 1000);
    expect(weekdays.map(({ name, hours }) => [name, hours])).toEqual([
      ["Monday", 48],
      ["Tuesday", 48],
      ["Wednesday", 48],
      ["Thursday", 24],
      ["Friday", 24],
      ["Saturday", 24],
      ["Sunday", 24],
    ]);
    const weeks = byWeek(points, 1000);
    expect(weeks.map(({ name, hours }) => [name, hours])).toEqual([
      ["week of 2022-07-18", 168],
      ["week of 2022-07-25", 72],
    ]);
    for (const parts of [weekdays, weeks])
      expect(parts.reduce((sum, part) => sum + part.headline, 0)).toBeCloseTo(0.24, 12);
  });

  it("tell calm days from wild ones", () => {
    // Day by day wilder: the price swings by 0, 1, 2, … per cent and back every hour.
    const points = hourly(9, (hour) => ({
      price: 1600 * (hour % 2 === 1 ? 1 + Math.floor((hour - 1) / 24) / 100 : 1),
      fees: hour,
    }));
    const parts = byVolatility(points, 1000);
    expect(parts.map(({ name }) => name)).toEqual(["calm", "normal", "wild"]);
    for (const { hours } of parts) expect(Math.abs(hours - 72)).toBeLessThanOrEqual(1);
    expect(parts.reduce((sum, { fees }) => sum + fees, 0)).toBeCloseTo(0.216, 12);
    // The wildest third is the last third: it holds the last hours' fees and nothing of the first day.
    const late = byVolatility(
      points.map((one, hour) => ({ ...one, fees: hour > 200 ? 16 : 0 })),
      1000,
    );
    expect(late.find(({ name }) => name === "wild")?.fees).toBeCloseTo(0.016, 12);
  });

  it("counts the first hours, which have no day behind them, with the first full day", () => {
    // Three wild days, three normal, three calm.
    const swing = (hour: number) => [0.03, 0.02, 0.01][Math.min(2, Math.floor((hour - 1) / 72))] ?? 0;
    const points = hourly(9, (hour) => ({
      price: 1600 * (hour % 2 === 1 ? 1 + swing(hour) : 1),
      fees: Math.min(hour, 6),
    }));
    expect(byVolatility(points, 1000).find(({ name }) => name === "wild")?.fees).toBeCloseTo(0.006, 12);
  });

  it("needs a full day to speak of volatility", () => {
    expect(byVolatility(hourly(1, () => ({})).slice(0, 20), 1000)).toEqual([]);
  });
});

describe("comparisons", () => {
  const day = (hour: number) => Math.floor((hour - 1) / 24);
  const base = hourly(40, (hour) => ({ fees: hour / 24, nav: 1000 + hour / 24 }));

  it("find a difference that is there every day, with its size", () => {
    const worse = hourly(40, (hour) => ({ fees: hour / 24 - 0.5 * (hour / 24), nav: 1000 }));
    const { rows, meanBlock, periodSeconds } = compare(runOf({ points: base }), [
      runOf({ points: base }),
      runOf({ points: worse, id: "worse" }),
      runOf({ points: worse, id: "bound", clairvoyant: true }),
    ]);
    expect([meanBlock, periodSeconds]).toEqual([3, DAY]);
    expect(rows.map(({ against }) => against)).toEqual([
      "worse",
      "HODL",
      "50/50 rebalanced",
      "asset only",
      "full range, net",
    ]);
    const [found] = rows;
    expect(found?.mean).toBeCloseTo(0.0005, 12);
    expect(found?.total).toBeCloseTo(0.02, 12);
    expect(found?.low).toBeCloseTo(0.0005, 10);
    expect(found?.q).toBeLessThan(0.001);
  });

  it("does not find one that is noise", () => {
    const noisy = hourly(40, (hour) => ({ fees: hour / 24 + (day(hour) % 2 === 0 ? 0.4 : 0) }));
    const [found] = compare(runOf({ points: base }), [runOf({ points: noisy, id: "noisy" })]).rows;
    expect(found?.low).toBeLessThan(0);
    expect(found?.high).toBeGreaterThan(0);
    expect(found?.p).toBeGreaterThan(0.2);
  });

  it("has no interval for a run of a day", () => {
    const short = hourly(1, () => ({}));
    expect(compare(runOf({ points: short }), [])).toMatchObject({ rows: [], deflatedSharpe: null });
  });

  it("deflates the subject's Sharpe ratio by the number of tries", () => {
    const draw = (seed: number) =>
      hourly(40, (hour) => ({ fees: hour / 24 + Math.sin(seed + day(hour) * (1 + seed)) }));
    const tries = [1, 2, 3, 4, 5].map((seed) => runOf({ points: draw(seed), id: `try ${seed}` }));
    const few = compare(tries[0] as RunResult, tries.slice(0, 2)).deflatedSharpe;
    const many = compare(tries[0] as RunResult, tries).deflatedSharpe;
    expect(few?.trials).toBe(2);
    expect(many?.trials).toBe(5);
    expect(many?.sharpe).toBe(few?.sharpe);
    expect(many?.probability).toBeGreaterThan(0);
    expect(many?.probability).toBeLessThan(1);
  });
});

describe("forecasts against what came", () => {
  const candidate = (over: Partial<Candidate> = {}): Candidate => ({
    kind: "range",
    range: { lowerTick: 0, upperTick: 10 },
    share: 1,
    inRange: 1,
    feesBps: 30,
    ilBps: 0,
    lvrBps: 10,
    costBps: 0,
    tailBps: 0,
    deviationBps: 0,
    breach: 0,
    netBps: 20,
    waitBps: 0,
    refusal: null,
    ...over,
  });
  const decision = (hour: number, over: Partial<Decision> = {}): Decision => ({
    version: 1,
    vault: pool.address,
    pool: pool.address,
    block: hour,
    atSeconds: MONDAY + hour * HOUR,
    numeraire: 0,
    sqrtPriceX96: 1n,
    action: "hold",
    reason: "",
    reasonKey: "edge",
    candidates: [candidate()],
    chosen: 0,
    plan: null,
    spreadWad: 0n,
    volatility: null,
    models: [],
    features: null,
    inputsDigest: "0x",
    ...over,
  });
  // 1 a day of fees and half a day of LVR on 1,000: 10 bp and 5 bp a day.
  const points = hourly(3, (hour) => ({ fees: hour / 24, lvr: hour / 48, price: 1600 * (hour % 2 === 1 ? 1.01 : 1) }));
  const of = (journal: readonly Decision[], moves: readonly RunMove[] = []) =>
    forecastsOf({ journal, points, moves, horizonSeconds: DAY });

  it("pairs what was held for a horizon with what it earned", () => {
    const found = of([decision(0), decision(10)]);
    expect(found.pairs).toHaveLength(2);
    expect(found.pairs[0]?.realisedFeesBps).toBeCloseTo(10, 9);
    expect(found.pairs[0]?.realisedLvrBps).toBeCloseTo(5, 9);
    expect(found.meanAbsoluteErrorBps).toBeCloseTo(15, 9);
    expect(found.biasBps).toBeCloseTo(15, 9);
  });

  it("leaves out what was moved, refused, idle, or is not over", () => {
    const idle = decision(0, { candidates: [candidate({ kind: "idle", range: null, share: 0 })] });
    const refused = decision(0, { action: "move" });
    expect(of([idle, refused, decision(60)]).pairs).toEqual([]);
    expect(of([decision(0)], [move(10)]).pairs).toEqual([]);
    expect(of([decision(0, { action: "move" })], [move(0)]).pairs).toHaveLength(1);
    expect(of([]).meanAbsoluteErrorBps).toBeNull();
  });

  it("bins like forecasts with like", () => {
    const journal = Array.from({ length: 10 }, (_, hour) =>
      decision(hour, { candidates: [candidate({ feesBps: 10 + hour, lvrBps: 0 })] }),
    );
    const { calibration } = of(journal);
    expect(calibration.map(({ predicted }) => predicted)).toEqual([10.5, 12.5, 14.5, 16.5, 18.5]);
    for (const { realised } of calibration) expect(realised).toBeCloseTo(5, 9);
  });

  it("scores the variance of the next day", () => {
    // 24 hourly returns of ±ln 1.01.
    const realised = 24 * Math.log(1.01) ** 2;
    const at = (mean: number) =>
      of([decision(0, { volatility: { mean, q10: mean / 2, q50: mean, q90: mean * 2 } })]).variance;
    expect(at(realised)?.qlike).toBeCloseTo(0, 9);
    expect(at(realised)).toMatchObject({ count: 1, within80: 1 });
    expect(at(realised / 2)?.qlike).toBeCloseTo(2 - Math.log(2) - 1, 9);
    expect(at(realised * 3)?.within80).toBe(0);
  });
});
