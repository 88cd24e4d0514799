import { describe, expect, test } from "vitest";
import { rangeOutcome } from "../../../ml/data/dataset/outcome.ts";
import type { PoolDay } from "../../../ml/data/poolDays.ts";
import {
  YIELD_DAY_COLUMNS,
  YIELD_HOUR_COLUMNS,
  YIELD_RANGES,
  yieldCandles,
  yieldDays,
  yieldHours,
} from "../../../ml/data/yieldRows.ts";
import { computeFeatures, FEATURE_NAMES } from "../../../ml/features/index.ts";
import { seededRandom } from "../../../ml/random.ts";
import type { Bar } from "../../../ml/types.ts";

const HOUR = 3600;
const DAY = 86_400;

function market(hours: number, seed = 3): Bar[] {
  const random = seededRandom(seed);
  let price = 7;
  return Array.from({ length: hours }, (_, i) => {
    const open = price;
    price += 0.01 * (random() - 0.5);
    return {
      startSeconds: i * HOUR,
      endSeconds: (i + 1) * HOUR,
      open,
      high: Math.max(open, price),
      low: Math.min(open, price),
      close: price,
      realisedVariance: (price - open) ** 2,
      volume: 100,
      signedVolume: 5,
      feeYield: 1e-5 * (0.5 + random()),
      liquidity: 1000,
      swaps: 3,
    };
  });
}

const columnOf = (columns: readonly string[], name: string): number => columns.indexOf(name) - 2;
const hour = (values: readonly number[] | undefined, name: string): number =>
  values?.[columnOf(YIELD_HOUR_COLUMNS, name)] ?? Number.NaN;

describe("hours of a pool", () => {
  const bars = market(240);
  const rows = [...yieldHours({ name: "pool", hourly: bars, fine: bars })];

  test("the whole axis collects the sum of the hours' fees, moved to the starting price", () => {
    const row = rows[10];
    const end = Math.round((row?.at ?? 0) / HOUR);
    const start = bars[end - 1]?.close ?? 0;
    const sum = bars
      .slice(end, end + 4)
      .reduce((total, bar) => total + bar.feeYield * Math.exp((bar.close - start) / 2), 0);
    // A range of e^±12 is the whole axis but for a quarter of a per cent of value.
    expect(hour(row?.values, "fee_4h_full") / sum).toBeCloseTo(1 / (1 - Math.exp(-6)), 6);
  });

  test("labels are those of the dataset, features those of the time", () => {
    const row = rows[40];
    const end = Math.round((row?.at ?? 0) / HOUR);
    const query = { lowerOffset: 0, upperOffset: Math.log(1.05), horizonSeconds: DAY };
    expect(hour(row?.values, "fee_24h_above5")).toBe(rangeOutcome(bars.slice(end - 1, end + 24), query)?.feeYield);
    expect(row?.values.slice(0, FEATURE_NAMES.length)).toEqual([...computeFeatures(bars.slice(0, end)).values]);
  });

  test("a label that the data do not reach is missing, and nothing before it is changed by cutting the future", () => {
    expect(hour(rows.at(-1)?.values, "fee_1h_full")).toBeGreaterThan(0);
    expect(hour(rows.at(-1)?.values, "fee_4h_full")).toBeNaN();
    const cut = [...yieldHours({ name: "pool", hourly: bars.slice(0, 200), fine: bars.slice(0, 200) })];
    const whole = rows.slice(0, cut.length);
    const features = (row: { values: readonly number[] }): readonly number[] =>
      row.values.slice(0, FEATURE_NAMES.length);
    expect(cut.map(features)).toEqual(whole.map(features));
    expect(cut.map(({ values }) => hour(values, "fee_168h_both1")).every(Number.isNaN)).toBe(false);
  });

  test("an hour without a close is no row", () => {
    const holed = bars.map((bar, i) => (i === 100 ? { ...bar, close: Number.NaN, feeYield: Number.NaN } : bar));
    const found = [...yieldHours({ name: "pool", hourly: holed, fine: holed })];
    expect(found.map(({ at }) => at)).not.toContain(101 * HOUR);
    expect(found).toHaveLength(rows.length - 1);
  });

  test("bars that do not divide an hour are refused", () => {
    expect(() => [...yieldHours({ name: "pool", hourly: bars, fine: bars.slice(1) })]).toThrow(
      "must divide hourly bars",
    );
  });

  test("ranges are equally wide in log price", () => {
    expect(YIELD_RANGES.both10).toEqual({ lower: -Math.log1p(0.1), upper: Math.log1p(0.1) });
    expect(YIELD_RANGES.below5).toEqual({ lower: -Math.log1p(0.05), upper: 0 });
  });
});

describe("days of pools", () => {
  const day = (i: number, pool = "a"): PoolDay => ({ pool, at: i * DAY, feeYield: 0.001 * (i + 1), variance: 0.01 });
  const of = (rows: ReturnType<typeof yieldDays>, i: number, name: string): number =>
    rows.find(({ at }) => at === i * DAY)?.values[columnOf(YIELD_DAY_COLUMNS, name)] ?? Number.NaN;

  test("windows end with the day, labels begin after it", () => {
    const rows = yieldDays(Array.from({ length: 20 }, (_, i) => day(i)));
    expect(of(rows, 10, "log_fee_24h")).toBeCloseTo(Math.log(0.011), 12);
    expect(of(rows, 10, "log_fee_168h")).toBeCloseTo(Math.log(0.008), 12);
    expect(of(rows, 10, "fee_24h_full")).toBeCloseTo(0.012, 12);
    expect(of(rows, 10, "fee_168h_full")).toBeCloseTo(7 * 0.015, 12);
    expect(of(rows, 10, "log_fee_720h")).toBeNaN();
    expect(of(rows, 19, "fee_24h_full")).toBeNaN();
  });

  test("a label needs all of its days, pools do not see each other", () => {
    const rows = yieldDays([...Array.from({ length: 20 }, (_, i) => day(i)).filter((_, i) => i !== 13), day(13, "b")]);
    expect(of(rows, 12, "fee_24h_full")).toBeNaN();
    expect(of(rows, 10, "fee_168h_full")).toBeNaN();
    expect(of(rows, 10, "fee_24h_full")).toBeCloseTo(0.012, 12);
  });
});

describe("exchange candles", () => {
  const head = "open_time,open,high,low,close,volume_base,source";

  test("a row is the end of the candle and its volume at the closing price", () => {
    const rows = yieldCandles(`${head}\n7200,1,3,1,2.5,4,a\n10800,2,2,2,2,0,a\n`, "c.csv", "ethusdt");
    expect(rows).toEqual([
      { series: "ethusdt", at: 10_800, values: [10] },
      { series: "ethusdt", at: 14_400, values: [0] },
    ]);
  });

  test("a negative volume is named by file, line and column", () => {
    expect(() => yieldCandles(`${head}\n7200,1,3,1,2,-1,a\n`, "c.csv", "ethusdt")).toThrow(
      /c\.csv.*line 2.*volume_base.*negative/,
    );
  });
});
