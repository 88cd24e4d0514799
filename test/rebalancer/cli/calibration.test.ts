import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../ml/random.ts";
import { CALIBRATED, METHODS } from "../../../ml/risk/uncertainty/compare.ts";
import { CALIBRATION_SPAN, registerCalibration, verdict } from "../../../rebalancer/cli/calibration.ts";
import { verbRunner } from "../../support/verb.ts";

const calibration = verbRunner(registerCalibration, "calibration");
const HOUR = 3600;
const folder = mkdtempSync(join(tmpdir(), "calibration-"));

/** Candles of a random walk of `days` from a date. */
function candles(name: string, from: string, days: number): string {
  const random = seededRandom(8);
  const start = Date.parse(`${from}T00:00:00Z`) / 1000;
  let price = 100;
  const lines = Array.from({ length: days * 24 }, (_, i) => {
    const open = price;
    price *= Math.exp(0.02 * (random() - 0.5));
    return [start + i * HOUR, open, Math.max(open, price), Math.min(open, price), price].join(",");
  });
  const path = join(folder, `${name}.csv.gz`);
  writeFileSync(path, gzipSync(["open_time,open,high,low,close", ...lines].join("\n")));
  return path;
}

const walk = candles("a_price_of_its_own", "2022-01-01", 260);
const zero = join(folder, "zero.csv");
writeFileSync(zero, "series,at,median\na,0,0\n");
const SPAN = ["--from", "2022-05-01", "--until", "2022-09-01"];

describe("rangekeeper calibration", () => {
  it("asks for what the protocol fixed", () => {
    const protocol = parse(
      readFileSync(new URL("../../../ml/train/protocol.toml", import.meta.url), "utf8"),
    ) as unknown as {
      walk_forward: { from: Date; until: Date };
      uncertainty: { rolling_days: number; baselines: string[]; coverage: number; horizon_seconds: number };
    };
    const day = (date: Date) => date.toISOString().slice(0, 10);
    expect(CALIBRATION_SPAN).toEqual({
      from: day(protocol.walk_forward.from),
      until: day(protocol.walk_forward.until),
      rollingDays: protocol.uncertainty.rolling_days,
    });
    expect(METHODS.slice(CALIBRATED.length)).toEqual(protocol.uncertainty.baselines);
    expect([protocol.uncertainty.coverage, protocol.uncertainty.horizon_seconds]).toEqual([0.95, 86_400]);
  });

  it("compares on a file it has never seen, within 80 columns", async () => {
    const { status, stdout, stderr } = await calibration("--candles", walk, ...SPAN);
    expect(status, stderr).toBe(0);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    for (const method of METHODS.slice(1)) expect(stdout).toContain(method);
    expect(stdout, "no model is known to have said anything of it").not.toContain("model-calibrated");
    expect(stdout).toContain("a_price_of_its_own: 123 days, 2022-05-01 to 2022-09-01");
    expect(stdout).not.toContain("exploratory");
  });

  it("answers in JSON with the baseline at 1", async () => {
    const { stdout } = await calibration("--candles", walk, ...SPAN, "--json");
    const [series] = JSON.parse(stdout).series;
    const ours = series.scores.find(({ method }: { method: string }) => method === "mean-calibrated");
    const base = series.scores.find(({ method }: { method: string }) => method === "rolling-conformal-90");
    expect([base.widthRatio, base.winklerRatio]).toEqual([1, 1]);
    expect(ours.widthRatio).toBeCloseTo(ours.width / base.width, 12);
    expect(ours.coverage).toBeGreaterThan(0.9);
    expect(series.protocol).toBe(false);
  });

  it("wraps the medians of a file, and prints both", async () => {
    const start = Date.parse("2022-03-01T00:00:00Z") / 1000;
    const path = join(folder, "medians.csv");
    const rows = Array.from({ length: 180 }, (_, i) => `a_price_of_its_own,${start + i * 86_400},7.5e-4`);
    writeFileSync(path, ["series,at,median", ...rows].join("\n"));
    const { status, stdout, stderr } = await calibration("--candles", walk, ...SPAN, "--medians", path);
    expect(status, stderr).toBe(0);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toContain("a_pric…  model-calibrated");
    expect(stdout.match(/a_price_of_its_own, (model|mean)-calibrated: /g)).toHaveLength(2);
  });

  it("says what is missed and by how much", () => {
    const score = { method: "mean-calibrated", width: 0.1, winkler: 0.2 } as const;
    expect(verdict({ ...score, coverage: 0.95, worst: 0.9, widthRatio: 0.94, winklerRatio: 0.94 })).toBe(
      "all four targets reached",
    );
    const said = verdict({ ...score, coverage: 0.941, worst: 0.85, widthRatio: 1, winklerRatio: 0.951 });
    for (const part of ["0.0040 too rarely", "worst window 0.050 short", "width 0.060", "Winkler 0.011"])
      expect(said).toContain(part);
    expect(verdict({ ...score, coverage: 0.96, worst: 1, widthRatio: 0.9, winklerRatio: 0.9 })).toContain(
      "0.0050 too often",
    );
  });

  for (const [name, args, message] of [
    ["no prices", [], "no prices; rule: --data DIR or --candles FILE"],
    ["a date of words", ["--candles", walk, "--from", "May"], "--from: May; rule: a date"],
    ["a day that is none", ["--candles", walk, "--until", "2022-02-31x"], "--until: 2022-02-31x; rule: a date"],
    ["an end before the start", ["--candles", walk, "--from", "2022-05-01", "--until", "2022-04-01"], "rule: after"],
    ["a span without days", ["--candles", walk, "--from", "2023-01-01"], "too few days from 2023-01-01 to 2024-06-29"],
    ["medians that are not there", ["--candles", walk, "--medians", "none.csv"], "--medians: none.csv; rule: must be"],
    ["a folder without the candles", ["--data", folder], "must hold binance_spot_ethusdt_1h"],
  ] as const)
    it(`refuses ${name}`, async () => {
      const { status, stderr } = await calibration(...args);
      expect(status).toBe(2);
      expect(stderr).toContain(message);
    });

  it("names the line of a median that is none", async () => {
    const { status, stderr } = await calibration("--candles", walk, "--medians", zero);
    expect(status).toBe(1);
    expect(stderr).toContain('zero.csv line 2: median is "0", but must be above 0');
  });

  const data = process.env.RANGEKEEPER_DATA;
  it.skipIf(data === undefined)(
    "reaches the targets on ether and bitcoin over 2,006 days, but for one day of ether",
    async () => {
      const { stdout } = await calibration("--data", data as string, "--json");
      const { series } = JSON.parse(stdout);
      const said = (name: string, method: string) => {
        const one = series.find((found: { name: string }) => found.name === name);
        expect(one.days).toBe(2006);
        return verdict(one.scores.find((score: { method: string }) => score.method === method));
      };
      for (const name of ["ethusdt", "btcusdt"]) expect(said(name, "mean-calibrated")).toBe("all four targets reached");
      expect(said("btcusdt", "model-calibrated")).toBe("all four targets reached");
      expect(said("ethusdt", "model-calibrated")).toBe("missed: covered 0.0001 too often");
    },
    120_000,
  );
});
