import { describe, expect, it } from "vitest";
import { type BarStream, type LabelParameters, labelStream } from "../../../../ml/data/dataset/label.ts";
import { rangeOutcome } from "../../../../ml/data/dataset/outcome.ts";
import { DATASET_COLUMNS, type TableName } from "../../../../ml/data/dataset/tables.ts";
import { FEATURES } from "../../../../ml/features/descriptors.ts";
import { computeFeatures, FEATURE_NAMES } from "../../../../ml/features/index.ts";
import type { Bar } from "../../../../ml/types.ts";
import { everySource } from "../../features/outside.fixture.ts";
import { hourlyBars, START } from "../../fixtures.ts";

const HOUR = 3600;
const F = FEATURE_NAMES.length;
const bars = hourlyBars(150);

const samples = {
  volatilityStrideHours: 5,
  varianceSeconds: 3600,
  rangeStrideHours: 5,
  rangesPerTime: 3,
  yieldsPerTime: 4,
  horizonsSeconds: [6 * HOUR, 24 * HOUR],
  warmUpHours: 30,
  decisions: true,
};

const stream = (given: readonly Bar[], over: Partial<BarStream> = {}): BarStream => ({
  name: "one",
  barSeconds: HOUR,
  async *bars() {
    yield* given;
  },
  meter: null,
  samples,
  numbered: false,
  ...over,
});

async function label(given: BarStream, parameters: Partial<LabelParameters> = {}) {
  const rows: Record<TableName, { series: string; at: number; values: readonly number[] }[]> = {
    volatility: [],
    ranges: [],
    yield: [],
    decisions: [],
  };
  for await (const { table, ...row } of labelStream(given, { seed: 1, ...parameters })) rows[table].push(row);
  return rows;
}

describe("labelStream", () => {
  it("labels volatility with the squared hourly returns of each horizon, empty where it is not over", async () => {
    const { volatility } = await label(stream(bars));
    const [row] = volatility;
    expect(row?.values).toHaveLength(DATASET_COLUMNS.volatility.length);
    expect(row?.at).toBe(bars[29]?.endSeconds);
    const sum = (hours: number) =>
      Array.from({ length: hours }, (_, i) => ((bars[30 + i]?.close ?? 0) - (bars[29 + i]?.close ?? 0)) ** 2).reduce(
        (a, b) => a + b,
        0,
      );
    for (const [i, hours] of [1, 4, 24].entries()) expect(row?.values[F + i]).toBeCloseTo(sum(hours), 15);
    expect(row?.values.at(-1)).toBeNaN();
    expect(volatility.at(-1)?.values.slice(-2)).toEqual([Number.NaN, Number.NaN]);
  });

  it("tells features what was known from outside, and all of them are missing without", async () => {
    const outside = everySource(START, bars.length);
    const [told, bare] = [await label(stream(bars, { outside })), await label(stream(bars))];
    const places = FEATURES.flatMap(({ needs }, i) => (needs === "outside" ? [i] : []));
    const { volatility } = told;
    expect(volatility.length).toBeGreaterThan(10);
    for (const table of ["volatility", "ranges", "decisions"] as const) {
      expect(told[table]).toHaveLength(bare[table].length);
      for (const { values } of bare[table]) for (const i of places) expect(values[i]).toBeNaN();
    }
    for (const { at, values } of volatility) {
      const past = computeFeatures(
        bars.filter(({ endSeconds }) => endSeconds <= at),
        outside,
      );
      expect(Array.from(values.slice(0, F))).toEqual(Array.from(past.values));
    }
    const known = places.filter((i) => !Number.isNaN(volatility.at(-1)?.values[i]));
    expect(known.length).toBeGreaterThan(5);
  });

  it("gives every row all columns and labels of the right sign", async () => {
    const rows = await label(stream(bars));
    expect(rows.ranges.length).toBeGreaterThan(40);
    for (const { values } of rows.ranges) {
      expect(values).toHaveLength(DATASET_COLUMNS.ranges.length);
      const [lower = 0, upper = 0, , il = 1, lvr = -1, inRange = -1] = values.slice(F);
      expect(lower).toBeLessThan(upper);
      expect(il).toBeLessThanOrEqual(0);
      expect(lvr).toBeGreaterThanOrEqual(-1e-12);
      expect(inRange).toBeGreaterThanOrEqual(0);
      expect(inRange).toBeLessThanOrEqual(1);
    }
    expect(rows.yield.length).toBeGreaterThan(40);
    expect(rows.yield.every(({ values }) => (values.at(-1) ?? -1) >= 0)).toBe(true);
    expect(rows.decisions[0]?.values).toHaveLength(DATASET_COLUMNS.decisions.length);
    expect(rows.decisions.length % 8).toBe(0);
  });

  it("labels a range with the way from the close that the features end with", async () => {
    const own = (await label(stream(bars))).ranges.filter((row) => row.series === "one");
    expect(own.length).toBeGreaterThan(10);
    for (const { at, values } of own) {
      const [lowerOffset = 0, upperOffset = 0, horizonSeconds = 0, ...labels] = values.slice(F);
      const last = bars.findIndex((bar) => bar.endSeconds === at);
      const way = bars.slice(last, last + 1 + horizonSeconds / HOUR);
      const { il, lvr, inRange } = rangeOutcome(way, { lowerOffset, upperOffset, horizonSeconds }) ?? {};
      expect([il, lvr, inRange]).toEqual(labels);
    }
  });

  it("shows the market from both sides, in order of time", async () => {
    const { ranges } = await label(stream(bars));
    expect(new Set(ranges.map((row) => row.series))).toEqual(new Set(["one", "inverse-one"]));
    expect(ranges.map(({ at }) => at)).toEqual(ranges.map(({ at }) => at).sort((a, b) => a - b));
  });

  it("repeats itself for a seed and differs for another", async () => {
    const { ranges } = await label(stream(bars));
    expect((await label(stream(bars))).ranges).toEqual(ranges);
    expect((await label(stream(bars), { seed: 2 })).ranges).not.toEqual(ranges);
  });

  it("has no features that know the future", async () => {
    const crash = bars.map((bar, i) => (i < 60 ? bar : { ...bar, open: 5, high: 6, low: 4, close: 5 }));
    const upToCrash = (rows: readonly { at: number; values: readonly number[] }[]) =>
      rows.filter((row) => row.at <= (bars[59]?.endSeconds ?? 0)).map((row) => row.values.slice(0, F));
    const [changed, before] = [await label(stream(crash)), await label(stream(bars))];
    expect(upToCrash(before.ranges).length).toBeGreaterThan(10);
    for (const table of ["volatility", "ranges", "yield"] as const) {
      expect(upToCrash(changed[table])).toEqual(upToCrash(before[table]));
    }
  });

  it("has no label that reaches into a hole, whether its bars are empty or missing", async () => {
    const empty = bars.map((bar, i) => (i >= 100 && i < 110 ? { ...bar, close: Number.NaN } : bar));
    const missing = bars.filter((_, i) => i < 100 || i >= 110);
    const rows = await label(stream(empty));
    expect((await label(stream(missing))).ranges).toEqual(rows.ranges);
    const [from, to] = [bars[100]?.startSeconds ?? 0, bars[110]?.startSeconds ?? 0];
    const touched = rows.volatility.filter(({ at }) => at < to && at + 24 * HOUR > from);
    expect(touched.length).toBeGreaterThan(2);
    for (const { values } of touched) expect(values[F + 2]).toBeNaN();
    for (const { at, values } of rows.ranges) {
      const end = at + (values[F + 2] ?? 0);
      expect(end > from && end <= to).toBe(false);
    }
  });

  it("begins anew after a hole of a day", async () => {
    const torn = bars.filter((_, i) => i < 75 || i >= 100);
    const { volatility } = await label(stream(torn));
    expect([...new Set(volatility.map(({ series }) => series))]).toEqual(["one", "one-2"]);
    expect(volatility.find(({ series }) => series === "one-2")?.at).toBe(bars[129]?.endSeconds);
  });

  it("keeps to the span that is asked for, labels and all", async () => {
    const [fromSeconds, toSeconds] = [bars[60]?.endSeconds ?? 0, bars[100]?.endSeconds ?? 0];
    const { ranges } = await label(stream(bars), { fromSeconds, toSeconds });
    expect(ranges.length).toBeGreaterThan(5);
    for (const { at, values } of ranges) {
      expect(at).toBeGreaterThanOrEqual(fromSeconds);
      expect(at + (values[F + 2] ?? 0)).toBeLessThanOrEqual(toSeconds);
    }
  });

  it("gives rows while it reads, and holds no more than the horizon needs, however long the market", async () => {
    const peaks: number[] = [];
    for (const hours of [500, 2_000]) {
      let [read, atFirstRow, peak] = [0, 0, 0];
      const long = stream([], {
        async *bars() {
          for (const bar of hourlyBars(hours)) {
            read++;
            yield bar;
          }
        },
      });
      for await (const row of labelStream(long, { seed: 1, waiting: (rows) => (peak = Math.max(peak, rows)) })) {
        if (atFirstRow === 0 && row.table === "ranges") atFirstRow = read;
      }
      expect(atFirstRow).toBeLessThanOrEqual(30 + 24);
      peaks.push(peak);
    }
    expect(peaks[0]).toBeGreaterThan(30);
    expect(peaks[1]).toBe(peaks[0]);
  });

  it("refuses bars that do not divide an hour", async () => {
    await expect(label(stream(bars, { barSeconds: 2_700 }))).rejects.toThrow(/series one: bars of 2700 s/);
  });
});
