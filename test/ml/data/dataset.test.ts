import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildDataset, DATASET_COLUMNS, type DatasetSeries, rangeOutcome } from "../../../ml/data/dataset.ts";
import { FEATURE_NAMES } from "../../../ml/features/index.ts";
import type { Bar } from "../../../ml/types.ts";
import { hourlyBars } from "../fixtures.ts";

const DAY = 86_400;
const series = (bars: readonly Bar[], name = "one"): DatasetSeries => ({
  name,
  hourly: bars,
  fine: bars,
  samples: {
    volatilityStrideHours: 5,
    rangeStrideHours: 5,
    rangesPerTime: 3,
    yieldsPerTime: 4,
    horizonsSeconds: [6 * 3600, DAY],
    warmUpHours: 30,
  },
});
const bars = hourlyBars(150);
const F = FEATURE_NAMES.length;

describe("buildDataset", () => {
  const { volatility, ranges, yields } = buildDataset([series(bars)], 1);

  it("labels volatility with the next day's squared hourly returns", () => {
    const [row] = volatility;
    expect(row?.values).toHaveLength(DATASET_COLUMNS.volatility.length);
    expect(row?.at).toBe(bars[29]?.endSeconds);
    let expected = 0;
    for (let i = 30; i < 54; i++) expected += ((bars[i]?.close ?? 0) - (bars[i - 1]?.close ?? 0)) ** 2;
    expect(row?.values.at(-1)).toBeCloseTo(expected, 15);
  });

  it("gives every row all columns and labels of the right sign", () => {
    const rows = [...ranges];
    expect(rows.length).toBeGreaterThan(40);
    for (const { values } of rows) {
      expect(values).toHaveLength(DATASET_COLUMNS.ranges.length);
      const [lower = 0, upper = 0, , il = 1, lvr = -1, inRange = -1] = values.slice(F);
      expect(lower).toBeLessThan(upper);
      expect(il).toBeLessThanOrEqual(0);
      expect(lvr).toBeGreaterThanOrEqual(-1e-12);
      expect(inRange).toBeGreaterThanOrEqual(0);
      expect(inRange).toBeLessThanOrEqual(1);
    }
    expect([...yields].every(({ values }) => (values.at(-1) ?? -1) >= 0)).toBe(true);
  });

  it("labels a range with the way from the close that the features end with", () => {
    const own = [...ranges].filter((row) => row.series === "one");
    expect(own.length).toBeGreaterThan(10);
    for (const { at, values } of own) {
      const [lowerOffset = 0, upperOffset = 0, horizonSeconds = 0, il] = values.slice(F);
      const last = bars.findIndex((bar) => bar.endSeconds === at);
      const way = bars.slice(last, last + 1 + horizonSeconds / 3600);
      expect(rangeOutcome(way, { lowerOffset, upperOffset, horizonSeconds })?.il).toBe(il);
    }
  });

  it("shows the market from both sides", () => {
    expect(new Set([...ranges].map((row) => row.series))).toEqual(new Set(["one", "inverse-one"]));
  });

  it("repeats itself for a seed and differs for another", () => {
    expect([...buildDataset([series(bars)], 1).ranges]).toEqual([...ranges]);
    expect([...buildDataset([series(bars)], 2).ranges]).not.toEqual([...ranges]);
  });

  it("draws a series alike whatever other series there are", () => {
    const both = [...buildDataset([series(hourlyBars(150, 9), "other"), series(bars)], 1).ranges];
    expect(both.filter((row) => row.series.endsWith("one"))).toEqual([...ranges]);
  });

  it("has no features that know the future", () => {
    const crash = bars.map((bar, i) => (i < 60 ? bar : { ...bar, open: 5, high: 6, low: 4, close: 5 }));
    const upToCrash = (rows: Iterable<{ at: number; values: readonly number[] }>) =>
      [...rows].filter((row) => row.at <= (bars[59]?.endSeconds ?? 0)).map((row) => row.values.slice(0, F));
    const changed = buildDataset([series(crash)], 1);
    expect(upToCrash(changed.volatility)).toEqual(upToCrash(volatility));
    expect(upToCrash(changed.ranges)).toEqual(upToCrash(ranges));
  });

  it("skips labels that reach into a hole", () => {
    const hole = bars.map((bar, i) => (i >= 100 && i < 110 ? { ...bar, close: Number.NaN } : bar));
    for (const row of buildDataset([series(hole)], 1).volatility) expect(row.values.at(-1)).not.toBeNaN();
  });

  it("refuses fine bars that do not divide the hourly ones", () => {
    const broken = { ...series(bars), fine: bars.slice(1) };
    expect(() => [...buildDataset([broken], 1).ranges]).toThrow(/series one: fine bars \(149\)/);
  });
});

describe("rangeOutcome", () => {
  const flat = (close: number): Bar => ({
    ...(bars[0] as Bar),
    open: close,
    high: close,
    low: close,
    close,
    feeYield: 1e-4,
  });
  const query = { lowerOffset: -0.1, upperOffset: 0.1, horizonSeconds: DAY };

  it("earns the concentration times the full-range fee while the price stands still", () => {
    const outcome = rangeOutcome(Array(25).fill(flat(3)), query);
    const concentration = 1 / (1 - Math.exp(-0.05));
    expect(outcome?.feeYield).toBeCloseTo(24e-4 * concentration, 9);
    expect(outcome).toMatchObject({ il: 0, inRange: 1 });
  });

  it("earns nothing outside and loses what the move took", () => {
    const path = [flat(0), ...Array(24).fill(flat(0.5))];
    const outcome = rangeOutcome(path, query);
    // The one bar that crossed spent a fifth of its way inside.
    expect(outcome?.inRange).toBeCloseTo(0.2 / 24, 9);
    expect(outcome?.il).toBeLessThan(-0.1);
  });

  it("does not judge a way that is mostly unknown", () => {
    const path = [flat(0), ...Array(23).fill({ ...flat(0), close: Number.NaN }), flat(0)];
    expect(rangeOutcome(path, query)).toBeNull();
  });
});

const data = process.env.RANGEKEEPER_DATA;
describe("the exporter as a program", () => {
  const run = (...args: string[]): string =>
    execFileSync(process.execPath, ["--import", "tsx", "ml/data/export.ts", ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, RANGEKEEPER_DATA: undefined },
    });

  it("says what is missing", () => {
    expect(() => run("--out", "/nowhere")).toThrow(/--data is missing/);
    const empty = mkdtempSync(join(tmpdir(), "empty-"));
    expect(() => run("--data", empty, "--out", join(empty, "out"))).toThrow(/ethusdt_1h.* is missing below/);
    expect(() => run("--data", empty, "--out", empty, "--seed", "x")).toThrow(/--seed is "x"/);
    rmSync(empty, { recursive: true });
  });

  it.skipIf(!data)("writes the four files from the real data", { timeout: 180_000 }, () => {
    const out = mkdtempSync(join(tmpdir(), "dataset-"));
    run("--data", data ?? "", "--out", out, "--seed", "1");
    const summary = JSON.parse(readFileSync(join(out, "dataset.json"), "utf8"));
    expect(summary.featureNames).toEqual(FEATURE_NAMES);
    expect(summary.rows["ranges.csv"]).toBeGreaterThan(250_000);
    expect(summary.sources[0].sha256).toMatch(/^0x[0-9a-f]{64}$/);
    rmSync(out, { recursive: true });
  });
});
