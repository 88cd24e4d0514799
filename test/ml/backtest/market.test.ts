import { describe, expect, it } from "vitest";
import { measureAccuracy } from "../../../ml/backtest/accuracy.ts";
import { createBarMarket } from "../../../ml/backtest/bars/barMarket.ts";
import { barPoolOf } from "../../../ml/backtest/bars/name.ts";
import { barPath, insideShare, type PathStep, restShare, splitStep } from "../../../ml/backtest/bars/path.ts";
import { createTimeline } from "../../../ml/backtest/events/timeline.ts";
import { parseGasSeries } from "../../../ml/backtest/gasSeries.ts";
import type { BacktestMarket } from "../../../ml/backtest/market.ts";
import { runBacktest } from "../../../ml/backtest/run.ts";
import { emptyBar, swapsOf, toBars } from "../../../ml/data/bars.ts";
import { resolveMarket } from "../../../ml/data/market.ts";
import type { Bar } from "../../../ml/types.ts";
import { data, FREE, FULL, market, once, settings } from "./market.fixture.ts";

const bar = (open: number, high: number, low: number, close: number): Bar => ({
  ...emptyBar(0, 60),
  open,
  high,
  low,
  close,
  volume: 1,
  signedVolume: 0,
});
const sum = (steps: readonly PathStep[], pick: (step: PathStep) => number) =>
  steps.reduce((total, step) => total + pick(step), 0);

describe("the path inside a bar", () => {
  it("goes over open and extremes to the close, in time and without a gap", () => {
    const steps = barPath(bar(1, 3, 0, 2), 0.5, { up: 10, down: 10 });
    expect(steps.map(({ to }) => to)).toEqual([1, 0, 3, 2]);
    expect(steps[0]?.from).toBe(0.5);
    expect(steps[0]?.fromSeconds).toBe(0);
    expect(steps.at(-1)?.toSeconds).toBe(60);
    steps.slice(1).forEach((step, i) => {
      expect(step.from).toBe(steps[i]?.to);
      expect(step.fromSeconds).toBeCloseTo(steps[i]?.toSeconds ?? 0, 12);
    });
  });

  it("takes the shorter way over both extremes", () => {
    const far = { up: 10, down: 10 };
    expect(barPath(bar(1, 3, 0, 2), 1, far).map(({ to }) => to)).toEqual([0, 3, 2]);
    expect(barPath(bar(1, 1.5, 0, 0.9), 1, far).map(({ to }) => to)).toEqual([1.5, 0, 0.9]);
  });

  it("hands out all fees of each token once, each where the price moved its way", () => {
    for (const lengths of [
      { up: 7, down: 9 },
      { up: 0, down: 0 },
      { up: 1, down: 30 },
    ]) {
      const steps = barPath(bar(1, 3, 0, 2), 1, lengths);
      expect(sum(steps, ({ share0, rest0 }) => share0 + rest0)).toBeCloseTo(1, 12);
      expect(sum(steps, ({ share1, rest1 }) => share1 + rest1)).toBeCloseTo(1, 12);
      for (const { from, to, share0, share1 } of steps) {
        if (to > from) expect(share0).toBe(0);
        else expect(share1).toBe(0);
      }
    }
    const calm = barPath(bar(1, 1, 1, 1), 1, { up: 5, down: 5 });
    expect(calm).toHaveLength(1);
    expect(calm[0]?.share0).toBe(1);
  });

  it("knows how much of a step is inside a range, and splits without losing any", () => {
    const step = barPath(bar(0, 2, 0, 2), 0, { up: 4, down: 2 })[0] as PathStep;
    expect(insideShare(step, 0.5, 1)).toBeCloseTo(0.25, 12);
    expect(insideShare(step, -5, 5)).toBe(1);
    expect(insideShare(step, 2, 5)).toBe(0);
    expect(restShare(step, -5, 5)).toBe(1);
    expect(restShare(step, 0, 1)).toBeCloseTo(0.5, 12);
    expect(restShare(step, 0, 0.2)).toBeLessThan(0.02);
    const [a, b] = splitStep(step, 15);
    expect(a.to).toBeCloseTo(0.5, 12);
    expect(a.share1 + b.share1).toBeCloseTo(step.share1, 12);
    expect(a.rest0 + b.rest0).toBeCloseTo(step.rest0, 12);
  });
});

const { pool, toSeconds } = market.description;
const fromSeconds = Math.ceil(market.description.fromSeconds / 3600) * 3600;
const swaps = swapsOf(data.events);
const untilSeconds = Math.floor(toSeconds / 3600) * 3600;
const minutes = toBars({ swaps, fromTimestamp: fromSeconds, pool }, 0, { barSeconds: 60, untilSeconds });
const bars = createBarMarket({ name: "bars", pool, bars: minutes, dataSha256: "" });

describe("a market of bars", () => {
  it("comes close to the exact market of the same swaps, and says that it is approximate", async () => {
    const span = { ...settings, fromSeconds, toSeconds: untilSeconds };
    for (const range of [FULL, { lowerTick: 72_000, upperTick: 81_000 }]) {
      const exact = await runBacktest({ market, policy: once(range), settings: span });
      const approximate = await runBacktest({ market: bars, policy: once(range), settings: span });
      expect(approximate.market.feeModel).toBe("approximate");
      expect(approximate.waterfall.fees / exact.waterfall.fees).toBeCloseTo(1, 2);
      expect(approximate.waterfall.lvr / exact.waterfall.lvr).toBeCloseTo(1, 1);
      expect(approximate.waterfall.swapCost / exact.waterfall.swapCost).toBeCloseTo(1, 1);
      expect(approximate.waterfall.final / exact.waterfall.final).toBeCloseTo(1, 3);
    }
  });

  it("holds fees to 0.02 % where a range is never left and the bars know the fee growth", () => {
    const rows = measureAccuracy({ data, barSeconds: 60, bars: "growth", percents: [50], shares: [1e-4] });
    const around = rows.filter(({ side }) => side === "around");
    expect(around.length).toBe(1);
    for (const { error } of around) expect(Math.abs(error)).toBeLessThan(2e-4);
    const edges = measureAccuracy({ data, barSeconds: 60, bars: "growth", percents: [1], shares: [1e-4] });
    for (const { error } of edges) expect(Math.abs(error)).toBeLessThan(0.05);
  });

  it("is the same market with either token as the asset", async () => {
    const run = (numeraire: 0 | 1, capital: number) =>
      runBacktest({
        market: bars,
        policy: once(FULL),
        settings: { ...settings, fromSeconds, toSeconds: fromSeconds + 4 * 3600, numeraire, capital },
      });
    const [a, b] = [await run(0, 5), await run(1, 10_000)];
    const price = b.points[0]?.price ?? 1;
    expect((a.points[0]?.price ?? 0) * price).toBeCloseTo(1, 9);
    // The same worth of liquidity earns the same fees, whichever token counts them.
    const ratio = ((a.waterfall.fees / 5) * 10_000) / b.waterfall.fees;
    expect(Math.abs(ratio - 1)).toBeLessThan(0.03);
    expect(b.waterfall.fees).toBeGreaterThan(0);
  });

  it("finds the LVR between its bars' ends and none along the path that it fills in, however often it marks", async () => {
    const hours = toBars({ swaps, fromTimestamp: fromSeconds, pool }, 0, { barSeconds: 3600, untilSeconds });
    const hourly = createBarMarket({ name: "hourly", pool, bars: hours, dataSha256: "" });
    const lvr = async (of: BacktestMarket, markSeconds?: number) => {
      const span = { ...settings, fromSeconds, toSeconds: untilSeconds };
      const marked = markSeconds === undefined ? span : { ...span, markSeconds };
      const { waterfall } = await runBacktest({ market: of, policy: once(FULL), settings: marked });
      return waterfall.lvr / settings.capital;
    };
    // A full range loses an eighth of the squared returns.
    const squares = hours.reduce((total, { open, close }) => total + (close - open) ** 2, 0);
    const coarse = await lvr(hourly);
    expect(coarse / (squares / 8)).toBeCloseTo(1, 1);
    for (const markSeconds of [60, 300, 3600]) expect(await lvr(hourly, markSeconds)).toBe(coarse);
    // The exact market, marked as often.
    expect(coarse / (await lvr(market, 3600))).toBeCloseTo(1, 1);
  });

  it("refuses to decide or begin inside a bar", async () => {
    const hours = toBars({ swaps, fromTimestamp: fromSeconds, pool }, 0, { barSeconds: 3600, untilSeconds });
    const hourly = createBarMarket({ name: "hourly", pool, bars: hours, dataSha256: "" });
    const run = (over: Partial<typeof settings>) =>
      runBacktest({ market: hourly, policy: once(FULL), settings: { ...settings, fromSeconds, ...over } });
    await expect(run({ decisionSeconds: 1800 })).rejects.toThrow(
      "decisionSeconds is 1800, but it must be whole bars of",
    );
    await expect(run({ fromSeconds: fromSeconds + 60 })).rejects.toThrow(/it must be at the start of a bar of 3600 s/);
  });

  it("lets nothing happen in missing bars, and stops at the end of its data", async () => {
    const holes = minutes.map((one, i) => (i >= 300 && i < 900 ? emptyBar(one.startSeconds, one.endSeconds) : one));
    const torn = createBarMarket({ name: "torn", pool, bars: holes, dataSha256: "" });
    expect(torn.description.notes.join()).toMatch(/600 of \d+ bars are missing/);
    const { points } = await runBacktest({ market: torn, policy: once(FULL), settings: { ...settings, fromSeconds } });
    const inside = points.filter(
      ({ atSeconds }) => atSeconds >= fromSeconds + 301 * 60 && atSeconds <= fromSeconds + 900 * 60,
    );
    expect(inside.length).toBeGreaterThan(5);
    for (const { fees, price } of inside) expect([fees, price]).toEqual([inside[0]?.fees, inside[0]?.price]);
    expect(points.at(-1)?.atSeconds).toBe(untilSeconds);
    expect(() => createBarMarket({ name: "none", pool, bars: [], dataSha256: "" })).toThrow(/bars of none are 0/);
    const odd = [{ ...(minutes[0] as Bar), endSeconds: (minutes[0] as Bar).startSeconds + 7 }];
    expect(() => createBarMarket({ name: "odd", pool, bars: odd, dataSha256: "" })).toThrow(/must divide the hour/);
  });

  it("reads its pool from the file's name", () => {
    const { chainId, feePips, tickSpacing, token0 } = barPoolOf("polygon_usdc_weth_005_minute");
    expect({ chainId, feePips, tickSpacing, decimals: token0.decimals }).toEqual({
      chainId: 137,
      feePips: 500,
      tickSpacing: 10,
      decimals: 6,
    });
    expect(barPoolOf("ethereum_usdc_weth_hourly_2023", 500).feePips).toBe(500);
    expect(() => barPoolOf("ethereum_usdc_weth_hourly_2023")).toThrow(/does not name its fee tier/);
    expect(() => barPoolOf("mars_usdc_weth_005")).toThrow(/must begin with <chain>_<token0>_<token1>/);
  });
});

describe("time and gas", () => {
  it("spreads blocks between recorded ones and goes on at the chain's pace", () => {
    const line = createTimeline(
      [
        { block: 100, timestamp: 1000 },
        { block: 110, timestamp: 1120 },
      ],
      12,
    );
    expect([line.blockAt(999), line.blockAt(1000), line.blockAt(1012), line.blockAt(1119)]).toEqual([
      99, 100, 101, 109,
    ]);
    expect([line.blockAt(1120), line.blockAt(1144)]).toEqual([110, 112]);
    expect([line.timeOf(101), line.timeOf(110), line.timeOf(112)]).toEqual([1012, 1120, 1144]);
  });

  it("reads gas prices per minute or day and holds each until the next", () => {
    const minute = parseGasSeries("timestamp,gas_price_gwei\n100,50\n160,60\n", "gas.csv");
    expect([minute(99), minute(100), minute(159), minute(9999)]).toEqual([null, 50e9, 50e9, 60e9]);
    const day = parseGasSeries("date_unix,avg_gas_price_wei\n0,7\n", "gas.csv");
    expect(day(5)).toBe(7);
    expect(() => parseGasSeries("a,b\n1,2\n", "gas.csv")).toThrow(/gas.csv line 1: header/);
    expect(() => parseGasSeries("timestamp,gas_price_gwei\n100,50\n100,60\n", "gas.csv")).toThrow(/times must rise/);
  });

  it("prices gas at the pool where a token of it pays for gas, and by a file where one is given", async () => {
    const costs = { ...FREE, gasPerMove: 1_000_000, gasGwei: "recorded" as const, gasTokenPrice: 10 };
    const known = createBarMarket({ name: "g", pool, bars: minutes, dataSha256: "", gasPriceWei: () => 5e9 });
    const run = (one: typeof known) =>
      runBacktest({ market: one, policy: once(FULL), settings: { ...settings, fromSeconds, costs } });
    expect((await run(known)).waterfall.gas).toBeCloseTo(1e6 * 5e-9 * 10, 12);
    await expect(run(bars)).rejects.toThrow(/must then know gas prices/);
  });
});

const folder = process.env.RANGEKEEPER_DATA;
describe.skipIf(!folder)("bars made of the recorded days", () => {
  it.each(["ethereum_usdc_weth_005_events_2024-01-05", "ethereum_usdc_weth_005_events_2023-11-10"])(
    "of %s earn what the exact market earns",
    (name) => {
      const real = resolveMarket(folder ?? "", name);
      const rows = measureAccuracy({ data: real, barSeconds: 60, bars: "growth", percents: [1, 5], shares: [1e-4] });
      const at = (percent: number, side: string) => rows.find((row) => row.percent === percent && row.side === side);
      expect(Math.abs(at(5, "around")?.error ?? 1)).toBeLessThan(5e-5);
      // An edge that the price goes back and forth over is guessed.
      expect(Math.abs(at(1, "around")?.error ?? 1)).toBeLessThan(2e-3);
      const volume = measureAccuracy({ data: real, barSeconds: 60, bars: "volume", percents: [5], shares: [1e-4] });
      expect(Math.abs(volume[0]?.error ?? 1)).toBeLessThan(0.01);
    },
  );
});
