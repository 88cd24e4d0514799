import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataFormatError } from "../../../../ml/data/file.ts";
import { seededRandom } from "../../../../ml/random.ts";
import { calibrateCycle, simulatedTurnover } from "../../../../ml/sim/cycle/calibrate.ts";
import { describeSeries } from "../../../../ml/sim/cycle/describe.ts";
import { fitFalls } from "../../../../ml/sim/cycle/fitFalls.ts";
import { fitCrunches, fitFlow, fitInformedShare } from "../../../../ml/sim/cycle/fitFlow.ts";
import { cycleOfMarket } from "../../../../ml/sim/cycle/fromMarket.ts";
import { defaultCycleParameters, parseCycleParameters } from "../../../../ml/sim/cycle/parameters.ts";
import { readBarSource, readEventSource, TooLittleDataError } from "../../../../ml/sim/cycle/sources.ts";
import { drawNormal } from "../../../../ml/sim/draw.ts";
import { parseMarketParameters } from "../../../../ml/sim/parameters.ts";
import type { Bar } from "../../../../ml/types.ts";
import { LN_TICK } from "../../../../ml/units.ts";
import { lively } from "./fixture.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rangekeeper-cycle-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, lines: readonly string[]): string => {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
};

/** Candles of a walk with this volatility a day. */
function candles(name: string, count: number, seconds: number, sigmaPerDay: number): string {
  const random = seededRandom(1);
  let ln = Math.log(2000);
  const lines = ["open_time,open,high,low,close,volume_base"];
  for (let i = 0; i < count; i++) {
    const open = Math.exp(ln);
    ln += sigmaPerDay * Math.sqrt(seconds / 86_400) * drawNormal(random);
    const close = Math.exp(ln);
    lines.push([i * seconds, open, Math.max(open, close), Math.min(open, close), close, 1].join(","));
  }
  return write(name, lines);
}

/** Minutes of a pool whose price walks and in which this much USDC goes in each minute. */
function poolMinutes(name: string, count: number, usdcPerMinute: number, liquidity: string): string {
  const random = seededRandom(2);
  const header =
    "timestamp,net_amount0,net_amount1,close_tick,open_tick,lowest_tick,highest_tick,in_amount0,in_amount1,current_liquidity";
  let ln = 0;
  let tick = 200_000;
  const lines = [header];
  for (let i = 0; i < count; i++) {
    ln += (0.03 / Math.sqrt(1440)) * drawNormal(random);
    const close = 200_000 + Math.round(ln / LN_TICK);
    const dollars = Math.round(usdcPerMinute * 1e6 * (0.5 + random()));
    lines.push(
      [i * 60, 0, 0, close, tick, Math.min(close, tick), Math.max(close, tick), dollars, 0, liquidity].join(","),
    );
    tick = close;
  }
  return write(name, lines);
}

const bar = (i: number, known: Partial<Bar>): Bar => ({
  startSeconds: i * 3600,
  endSeconds: (i + 1) * 3600,
  open: 0,
  high: 0,
  low: 0,
  close: 0,
  realisedVariance: 1e-5,
  volume: 0,
  signedVolume: 0,
  feeYield: 0,
  liquidity: 1,
  swaps: 1,
  ...known,
});

describe("what is fitted", () => {
  it("flash crashes: as often, as deep and as far back as they were", () => {
    const random = seededRandom(5);
    const hours = Array.from({ length: 24 * 400 }, (_, i) => {
      const close = 0.002 * drawNormal(random);
      const since = i % 2400 >= 1000 ? (i % 2400) - 1000 : null;
      // A fall of 10 % of which 80 % comes back, half of that within two hours.
      const depth = since === null || since > 30 ? 0 : 0.02 + 0.08 * 0.5 ** (since / 2);
      return bar(i, { close: close - depth, low: since === 0 ? -0.1 : close - depth - 0.001 });
    });
    const falls = fitFalls(hours);
    expect(falls?.perDay).toBeCloseTo(4 / 400, 3);
    expect((falls?.leastLog ?? 0) + (falls?.meanExcessLog ?? 0)).toBeCloseTo(0.1, 1);
    expect(falls?.reboundShare).toBeGreaterThan(0.7);
    expect(falls?.reboundHours).toBeLessThan(6);
    expect(fitFalls(hours.slice(0, 24 * 100))).toBeNull();
    // What does not come back is a jump.
    const level = (i: number) => -0.1 * Math.floor(i / 2000) + 0.001 * (i % 2);
    expect(fitFalls(hours.map((_, i) => bar(i, { close: level(i), low: level(i) - 0.001 })))).toBeNull();
  });

  it("crunches: their rate, depth and length", () => {
    const hours = Array.from({ length: 24 * 30 }, (_, i) =>
      bar(i, { liquidity: i % 240 >= 100 && i % 240 < 106 ? 0.5 : 1 }),
    );
    expect(fitCrunches(hours)).toEqual({ perDay: 3 / 30, liquidityShare: 0.5, recoveryHours: 6 });
    expect(fitCrunches(hours.slice(0, 90))).toBeNull();
  });

  it("flow: turnover, its spread within days, and how it follows variance", () => {
    const random = seededRandom(3);
    const hours = Array.from({ length: 24 * 40 }, (_, i) => {
      const variance = 1e-5 * Math.exp(drawNormal(random));
      return bar(i, { realisedVariance: variance, feeYield: 0.003 * 0.01 * (variance / 1e-5) ** 0.5 });
    });
    const flow = fitFlow(hours, 0.003);
    // exp(z/2) has mean e^(1/8) and variation sqrt(e^(1/4) - 1).
    expect(flow.turnoverPerDay / (0.24 * Math.exp(1 / 8))).toBeCloseTo(1, 1);
    expect(flow.hourlyVariation).toBeCloseTo(Math.sqrt(Math.exp(0.25) - 1), 1);
    // Of days, on means of other shapes than the hours'; of hours, exactly what went in.
    expect(flow.activity?.elasticity).toBeGreaterThan(0.2);
    expect(flow.activity?.elasticity).toBeLessThan(0.6);
    expect(fitFlow(hours.slice(0, 24 * 5), 0.003).activity?.elasticity).toBeCloseTo(0.5, 6);
    expect(fitFlow(hours.slice(0, 48), 0.003).activity).toBeNull();
  });

  it("informed volume: what the price does not come back from", () => {
    const swaps = Array.from({ length: 300 }, (_, i) => {
      const steps = Math.floor(i / 3) * 0.01;
      // One of three moves the price for good; two go out and back.
      const lnPrice = i % 3 === 0 ? steps + 0.01 : i % 3 === 1 ? steps + 0.012 : steps + 0.01;
      return { seconds: i * 200, lnPrice, buys: i % 3 !== 2, size: 100 };
    });
    expect(fitInformedShare(swaps, 0.003)).toBeCloseTo(1 / 3, 1);
  });

  it("the description of a walk: its volatility, the kurtosis of normal numbers, no clustering", () => {
    const random = seededRandom(4);
    const path = [0];
    for (let i = 0; i < 24 * 400; i++) path.push((path[i] ?? 0) + 0.01 * drawNormal(random));
    const seen = describeSeries([path]);
    expect(seen.volatility).toBeCloseTo(0.01 * Math.sqrt(24), 2);
    expect(seen.kurtosis).toBeCloseTo(3, 0);
    expect(Math.abs(seen.clusteringHour)).toBeLessThan(0.05);
    expect(seen.p05).toBeCloseTo(-1.645, 1);
    expect(seen.drawdownWorst).toBeGreaterThan(seen.drawdownMedian);
  });
});

describe("a calibration", () => {
  it("of an exchange's candles fits the price and says that flow is kept", () => {
    const fitted = calibrateCycle([readBarSource(candles("cex.csv", 24 * 90, 3600, 0.05))], lively);
    expect(parseCycleParameters(fitted)).toEqual(fitted);
    expect(fitted.noise).toEqual(lively.noise);
    expect(fitted.provenance.how.flow).toContain("kept from the base");
    const [calm, , wild] = fitted.volatility.regimes;
    expect(calm?.sigmaPerDay).toBeLessThan(0.05);
    expect(wild?.sigmaPerDay).toBeGreaterThan(0.05);
    const volatility = fitted.provenance.residuals.find(({ statistic }) => statistic === "price.volatility");
    expect((volatility?.simulated ?? 0) / (volatility?.real ?? 1)).toBeCloseTo(1, 1);
  });

  it("of a pool's minutes makes the simulated pool turn over as the real one did", () => {
    const path = poolMinutes("polygon_usdc_weth_005_minute.csv", 1440 * 4, 20_000, "5000000000000000000");
    const source = readBarSource(path);
    const fitted = calibrateCycle([source], lively);
    expect(fitted.feePips).toBe(500);
    expect(fitted.volatility.regimes[0]?.sigmaPerDay).toBeCloseTo(0.03, 2);
    // 2 L sqrt(P) in dollars at tick 200,000 and liquidity 5e18.
    expect(fitted.depth.fullRangeValue / ((2 * 5e18 * Math.exp((-200_000 * LN_TICK) / 2)) / 1e6)).toBeCloseTo(1, 1);
    const turnover = fitted.provenance.residuals.find(({ statistic }) => statistic === "pool.turnoverPerDay");
    expect((turnover?.simulated ?? 0) / (turnover?.real ?? 1)).toBeCloseTo(1, 1);
    // The price of these minutes has no jumps and one regime, so that the cycle as fitted is the cycle as it was then.
    const calm = { ...fitted, jumps: { perDay: 0, logSd: 0 }, flashCrashes: { ...fitted.flashCrashes, perDay: 0 } };
    const noCrunch = { ...calm, crunches: { ...fitted.crunches, perDay: 0 } };
    expect(Math.abs(simulatedTurnover(noCrunch) / (turnover?.simulated ?? 1) - 1)).toBeLessThan(0.15);
    expect(fitted.provenance.files[0]?.sha256).toBe(createHash("sha256").update(readFileSync(path)).digest("hex"));
  });

  it("refuses what holds too little, or no price, by the name of the file", () => {
    expect(() => readBarSource(candles("short.csv", 20, 3600, 0.05))).toThrow(TooLittleDataError);
    expect(() => readBarSource(candles("short.csv", 20, 3600, 0.05))).toThrow("20.0 hours");
    expect(() => readBarSource(write("other.csv", ["a,b", "1,2"]))).toThrow(DataFormatError);
    expect(() => readBarSource(poolMinutes("unnamed.csv", 1500, 1, "5000000000000000000"))).toThrow("<chain>_<token0>");
    const columns =
      "block_number,timestamp,tx_index,log_index,type,sender,recipient_or_owner,amount0,amount1,sqrt_price_x96,liquidity,tick,tick_lower,tick_upper,liquidity_delta,tx_hash";
    const swap = (i: number) => `${i + 1},${1000 + i},0,0,SWAP,,,1000,-1000,${2n ** 96n},1000000,0,,,,`;
    write("ethereum_usdc_weth_005_events_few.csv", [columns, swap(0), swap(1)]);
    expect(() => readEventSource(folder, "ethereum_usdc_weth_005_events_few")).toThrow("2 swaps");
    write("ethereum_usdc_weth_005_events_brief.csv", [columns, ...Array.from({ length: 200 }, (_, i) => swap(i))]);
    expect(() => readEventSource(folder, "ethereum_usdc_weth_005_events_brief")).toThrow("at least 24 hours");
  });
});

describe("the parameters that ship", () => {
  it("are valid, and the synthetic market's turn into some of the same kind", () => {
    const market = parseMarketParameters(JSON.parse(readFileSync("ml/sim/parameters.json", "utf8")));
    const cycle = parseCycleParameters(cycleOfMarket(market));
    expect(cycle.volatility).toEqual(market.volatility);
    expect(cycle.noise.turnoverPerDay).toBeGreaterThan(0.005);
    const shipped = defaultCycleParameters();
    expect(shipped.provenance.files.length).toBeGreaterThanOrEqual(3);
    const turnover = shipped.provenance.residuals.find(({ statistic }) => statistic === "pool.turnoverPerDay");
    expect(Math.abs((turnover?.simulated ?? 0) / (turnover?.real ?? 1) - 1)).toBeLessThan(0.02);
  });

  const data = process.env.RANGEKEEPER_DATA;
  it.skipIf(!data)("name files of the data folder by sha256", () => {
    const places = ["cex", "pools"].map((place) => join(data ?? "", place));
    for (const { file, sha256 } of defaultCycleParameters().provenance.files) {
      const path = places.map((place) => join(place, file)).find(existsSync) ?? "";
      expect(createHash("sha256").update(readFileSync(path)).digest("hex")).toBe(sha256);
    }
  });
});
