import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyBar } from "../../../ml/data/bars.ts";
import { seededRandom } from "../../../ml/random.ts";
import { fitDepth, fitJumps, fitNoise, fitRegimes, referenceVolatility } from "../../../ml/sim/calibrate.ts";
import { drawNormal } from "../../../ml/sim/draw.ts";
import type { SwapSample } from "../../../ml/sim/pool.ts";
import type { Bar } from "../../../ml/types.ts";
import { LN_TICK } from "../../../ml/units.ts";

/** Bars whose closes are given. */
const bars = (closes: readonly number[], seconds: number): Bar[] =>
  closes.map((close, i) => ({ ...emptyBar(i * seconds, (i + 1) * seconds), close }));

function walk(count: number, step: (i: number) => number): number[] {
  let ln = 7;
  return Array.from({ length: count }, (_, i) => {
    ln += step(i);
    return ln;
  });
}

describe("calibration finds what was put in", () => {
  it("regimes: levels, and days that stay", () => {
    const random = seededRandom(1);
    // Blocks of 20 calm, 14 middle and 6 wild days, so that the quantiles fall between the levels.
    const sigmaOf = (hour: number) => {
      const day = Math.floor(hour / 24) % 40;
      return day < 20 ? 0.01 : day < 34 ? 0.04 : 0.16;
    };
    const closes = walk(24 * 2000 + 1, (i) => (sigmaOf(i - 1) / Math.sqrt(24)) * drawNormal(random));
    const { regimes, transition } = fitRegimes(bars(closes, 3600), 0);
    expect(regimes.map(({ sigmaPerDay }) => Number(sigmaPerDay.toFixed(3)))).toEqual([
      expect.closeTo(0.01, 2),
      expect.closeTo(0.04, 2),
      expect.closeTo(0.157, 1),
    ]);
    for (const { logSd } of regimes) expect(logSd).toBeLessThan(0.1);
    expect(transition[0]?.[0]).toBeCloseTo(0.95, 1);
    expect(transition[2]?.[0]).toBeCloseTo(1 / 6, 1);
  });

  it("leaves out days with a gap in the candles", () => {
    const random = seededRandom(1);
    const closes = walk(24 * 100 + 1, () => 0.01 * drawNormal(random));
    const whole = fitRegimes(bars(closes, 3600), 0);
    const gappy = fitRegimes(
      bars(
        closes.map((close, i) => (i % 240 === 50 ? Number.NaN : close)),
        3600,
      ),
      0,
    );
    expect(gappy.regimes.every(({ sigmaPerDay }) => Number.isFinite(sigmaPerDay))).toBe(true);
    expect((gappy.regimes[1]?.sigmaPerDay ?? 0) / (whole.regimes[1]?.sigmaPerDay ?? 1)).toBeCloseTo(1, 1);
  });

  it("jumps: their rate and size, and none where there are none", () => {
    const random = seededRandom(2);
    const smooth = () => 0.001 * drawNormal(random);
    expect(fitJumps(bars(walk(288 * 300 + 1, smooth), 300)).perDay).toBe(0);
    const jumpy = walk(288 * 300 + 1, (i) => smooth() + (i % 144 === 77 ? 0.02 * (i % 288 < 144 ? 1 : -1) : 0));
    const found = fitJumps(bars(jumpy, 300));
    expect(found.perDay).toBeCloseTo(2, 5);
    expect(found.logSd).toBeCloseTo(0.02, 3);
    expect(found.varianceShare).toBeCloseTo((2 * 0.0004) / (2 * 0.0004 + 288e-6), 1);
  });

  const swap = (seconds: number, gap: number, buys: boolean, size: number): SwapSample => ({
    seconds,
    lnBefore: 8 - gap,
    lnAfter: 8 - gap,
    lnReference: 8,
    size,
    buys,
    depth: 2e9,
  });

  it("noise: what is not arbitrage, the side it takes, and its sizes", () => {
    const swaps: SwapSample[] = [];
    for (let i = 0; i < 4800; i++) {
      const seconds = i * 180;
      if (i % 4 === 0) swaps.push(swap(seconds, 0.004, true, 1e6));
      else swaps.push({ ...swap(seconds, 0.001, i % 4 !== 1, 1000), lnReference: 8 + (i % 7) * 1e-7 });
    }
    const noise = fitNoise(swaps, 0.003);
    expect(noise.perDay).toBeCloseTo(360, 0);
    expect(noise.towardShare).toBeCloseTo(2 / 3, 3);
    expect(noise.logSizeQuantiles.every((ln) => Math.abs(ln - Math.log(1000)) < 1e-4)).toBe(true);
  });

  it("volatility of the price elsewhere", () => {
    const random = seededRandom(3);
    let ln = 8;
    const swaps = Array.from({ length: 20_000 }, (_, i) => {
      ln += 0.03 * Math.sqrt(300 / 86_400) * drawNormal(random);
      return { ...swap(i * 300, 0, true, 1), lnReference: ln };
    });
    expect(referenceVolatility(swaps, 300)).toBeCloseTo(0.03, 3);
  });

  it("depth: nested ranges give back the shares of their liquidity", () => {
    const tick = 195_000;
    const reach = (halfWidth: number) => Math.round(halfWidth / LN_TICK);
    const around = (halfWidth: number, liquidityDelta: number) => ({
      timestamp: 0,
      tickLower: tick - reach(halfWidth),
      tickUpper: tick + reach(halfWidth),
      liquidityDelta,
    });
    const depth = fitDepth({
      swaps: [swap(0, 0, true, 1)],
      liquidityChanges: [
        around(3, 2e18),
        around(0.2, 3e18),
        around(0.05, 5e18),
        { ...around(1, 0), timestamp: 26 * 86_400 },
      ],
      tickAt: () => tick,
      pool: {
        feePips: 3000,
        tickSpacing: 60,
        token0: { symbol: "USDC", decimals: 6 },
        token1: { symbol: "WETH", decimals: 18 },
      },
    });
    expect(depth.bands.map(({ share }) => share)).toEqual([1, 1, 0.5, 0.5, 0.2, 0.2, 0.2]);
    expect(depth.liquidity / (1e9 / Math.exp(4)) / 1e12).toBeCloseTo(1, 3);
  });
});

const data = process.env.RANGEKEEPER_DATA;
describe.skipIf(!data)("the committed parameters", () => {
  it("name the files that are in the data folder, by sha256", () => {
    const { provenance } = JSON.parse(readFileSync("ml/sim/parameters.json", "utf8"));
    for (const { file, sha256 } of provenance.files as { file: string; sha256: string }[]) {
      const path = join(data ?? "", file);
      expect(existsSync(path)).toBe(true);
      expect(createHash("sha256").update(readFileSync(path)).digest("hex")).toBe(sha256);
    }
  });
});
