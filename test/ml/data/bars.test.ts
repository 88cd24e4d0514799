import { describe, expect, it } from "vitest";
import { flipBars, joinBars, toBars } from "../../../ml/data/bars.ts";
import type { Bar } from "../../../ml/types.ts";
import { sqrtPriceX96ToLnPrice } from "../../../ml/units.ts";
import { market, START } from "../fixtures.ts";

const HOUR = 3600;
const sum = (bars: readonly Bar[], pick: (bar: Bar) => number): number => bars.reduce((a, bar) => a + pick(bar), 0);

describe("toBars", () => {
  const history = market({ hours: 48 });

  it("ends exactly at the asked second, whatever the clock says", () => {
    for (const shift of [0, 1, 1234, 3599]) {
      const untilSeconds = history.toTimestamp - shift;
      const bars = toBars(history, 1, { barSeconds: HOUR, untilSeconds });
      expect(bars.at(-1)?.endSeconds).toBe(untilSeconds);
      expect(bars[0]?.startSeconds).toBeGreaterThanOrEqual(history.fromTimestamp);
      expect(bars).toHaveLength(shift === 0 ? 48 : 47);
    }
  });

  it("changes nothing when later swaps are added", () => {
    const untilSeconds = history.toTimestamp - 10 * HOUR - 17;
    const truncated = { ...history, swaps: history.swaps.filter((swap) => swap.timestamp <= untilSeconds) };
    const whole = toBars(history, 0, { barSeconds: HOUR, untilSeconds });
    expect(truncated.swaps.length).toBeLessThan(history.swaps.length);
    expect(toBars(truncated, 0, { barSeconds: HOUR, untilSeconds })).toEqual(whole);
  });

  it("keeps every swap exactly once", () => {
    const bars = toBars(history, 1, { barSeconds: HOUR, untilSeconds: history.toTimestamp });
    expect(sum(bars, (bar) => bar.swaps)).toBe(history.swaps.length);
    const assetIn = history.swaps.reduce((a, swap) => a + (swap.amount1 > 0n ? Number(swap.amount1) : 0), 0);
    expect(sum(bars, (bar) => (bar.volume + bar.signedVolume) / 2) / assetIn).toBeCloseTo(1, 12);
    expect(bars.at(-1)?.close).toBe(sqrtPriceX96ToLnPrice(history.sqrtPriceX96, 1));
  });

  it("measures the variance and the fees that the market was made with", () => {
    const long = market({ hours: 24 * 30, sigma: 0.03, feeOverLvr: 1.5, seed: 7 });
    const bars = toBars(long, 1, { barSeconds: HOUR, untilSeconds: long.toTimestamp });
    expect(sum(bars, (bar) => bar.realisedVariance) / 30 / 0.03 ** 2).toBeCloseTo(1, 1);
    // Fees per unit of value follow the price; over 30 days that averages near one.
    const ratio = sum(bars, (bar) => bar.feeYield * Math.exp(bar.close / 2)) / 30 / ((1.5 * 0.03 ** 2) / 8);
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.1);
  });

  it("sees the same market from the other token as flipped bars", () => {
    const flipped = flipBars(toBars(history, 1, { barSeconds: HOUR, untilSeconds: history.toTimestamp }));
    const other = toBars(history, 0, { barSeconds: HOUR, untilSeconds: history.toTimestamp });
    other.forEach((bar, i) => {
      expect(bar.close).toBeCloseTo(flipped[i]?.close ?? Number.NaN, 12);
      expect(bar.high).toBeCloseTo(flipped[i]?.high ?? Number.NaN, 12);
      expect(bar.feeYield / (flipped[i]?.feeYield ?? Number.NaN)).toBeCloseTo(1, 9);
      expect(bar.signedVolume / bar.volume).toBeCloseTo((flipped[i]?.signedVolume ?? 0) / (flipped[i]?.volume ?? 1), 1);
    });
  });

  it("repeats the last price through hours without swaps and knows nothing before the first", () => {
    const [first] = history.swaps;
    const quiet = { ...history, swaps: first === undefined ? [] : [{ ...first, timestamp: START + 5 * HOUR }] };
    const bars = toBars(quiet, 1, { barSeconds: HOUR, untilSeconds: START + 8 * HOUR });
    expect(bars.slice(0, 4).every((bar) => Number.isNaN(bar.close) && Number.isNaN(bar.feeYield))).toBe(true);
    expect(bars.slice(5).map((bar) => [bar.close, bar.volume, bar.swaps])).toEqual(
      Array(3).fill([bars[4]?.close, 0, 0]),
    );
  });

  it("refuses bars without length", () => {
    expect(() => toBars(history, 1, { barSeconds: 0, untilSeconds: START })).toThrow(/barSeconds 0 must be/);
  });
});

describe("joinBars", () => {
  it("gives what longer bars over the same swaps give", () => {
    const history = market({ hours: 30 });
    const fine = toBars(history, 1, { barSeconds: 300, untilSeconds: history.toTimestamp });
    const coarse = toBars(history, 1, { barSeconds: HOUR, untilSeconds: history.toTimestamp });
    const joined = joinBars(fine, 12);
    expect(joined).toHaveLength(30);
    joined.forEach((bar, i) => {
      const same = coarse[i] as Bar;
      expect((bar.signedVolume - same.signedVolume) / bar.volume).toBeCloseTo(0, 9);
      const { signedVolume: _, ...rest } = bar;
      for (const key of Object.keys(rest) as (keyof typeof rest)[])
        expect((bar[key] as number) / (same[key] as number)).toBeCloseTo(1, 6);
    });
  });

  it("does not pass a bar of holes for a calm one", () => {
    const history = market({ hours: 1 });
    const fine = toBars(history, 1, { barSeconds: 300, untilSeconds: history.toTimestamp });
    const holes = fine.map((bar, i) => (i < 7 ? { ...bar, close: Number.NaN } : bar));
    expect(joinBars(holes, 12)[0]?.close).toBeNaN();
  });
});
