import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { DatasetManifest } from "../../../ml/data/dataset/manifest.ts";
import { registerData } from "../../../rebalancer/cli/data.ts";
import { registerDataset } from "../../../rebalancer/cli/dataset.ts";
import { FROM, MARKET, smallMarket, storeMarket } from "../../ml/data/dataset/recordedMarket.ts";
import { verbRunner } from "../../support/verb.ts";

const dataset = verbRunner(registerDataset, "dataset");
const data = verbRunner(registerData, "data");
const BARS = `${MARKET}_bars_300s`;
const CANDLES = "binance_spot_ethusdt_1h";

let folder: string;
const fresh = () => mkdtempSync(join(tmpdir(), "training-set-"));
const small = ["--horizon", "1h,4h", "--warm-up", "6", "--ranges", "3"];
const build = (out: string, ...args: string[]) => dataset("build", "--data", folder, "--out", out, ...args);
const manifestOf = (out: string): DatasetManifest => JSON.parse(readFileSync(join(out, "dataset.json"), "utf8"));
const rowsOf = (out: string, table: string) =>
  readFileSync(join(out, `${table}.csv`), "utf8")
    .trimEnd()
    .split("\n")
    .slice(1);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "small-market-"));
  storeMarket(folder, smallMarket(16).events);
  const candles = ["open_time,open,high,low,close,volume_base"];
  for (let hour = 0; hour < 60; hour++) {
    const [open, close] = [1000 + Math.sin(hour) * 20, 1000 + Math.sin(hour + 1) * 20];
    candles.push([FROM + 3600 * hour, open, Math.max(open, close) + 1, Math.min(open, close) - 1, close, 5].join(","));
  }
  writeFileSync(join(folder, `${CANDLES}.csv`), `${candles.join("\n")}\n`);
});

describe("dataset build", () => {
  it("writes tables and a manifest with hashes from a store, which show and verify know", async () => {
    const out = fresh();
    const built = await build(out, "--market", MARKET, ...small);
    expect(built.status, built.stderr).toBe(0);
    expect(readdirSync(out).sort()).toEqual([
      "dataset.json",
      "decisions.csv",
      "ranges.csv",
      "volatility.csv",
      "yield.csv",
    ]);
    const { outputs, sources, series, samples } = manifestOf(out);
    expect(outputs.find(({ file }) => file === "yield.csv")?.rows).toBe(rowsOf(out, "yield").length);
    expect(rowsOf(out, "yield").length).toBeGreaterThan(15);
    expect(sources).toEqual([{ file: `${MARKET}/manifest.json`, sha256: expect.any(String), licence: "unknown" }]);
    expect(series[0]).toMatchObject({ name: MARKET, from: FROM });
    expect(samples).toMatchObject({ horizonsSeconds: [3600, 14_400], warmUpHours: 6 });
    expect(built.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect((await dataset("show", out)).stdout).toBe(built.stdout);
    const verified = await dataset("verify", out, "--data", folder);
    expect([verified.status, verified.stdout]).toEqual([0, expect.stringMatching(/^ok: 4 files and 1 sources/)]);
  });

  it("writes the same bytes for the same seed, and others for another", async () => {
    const [one, same, other] = [fresh(), fresh(), fresh()];
    await build(one, "--market", MARKET, ...small);
    await build(same, "--market", MARKET, ...small);
    await build(other, "--market", MARKET, ...small, "--seed", "2");
    expect(manifestOf(same)).toEqual(manifestOf(one));
    expect(readFileSync(join(same, "yield.csv"))).toEqual(readFileSync(join(one, "yield.csv")));
    expect(manifestOf(other).hash).not.toBe(manifestOf(one).hash);
  });

  it("takes stored bars and exchange candles as well, each with the labels that it can tell", async () => {
    expect((await data("bars", MARKET, "--seconds", "300", "--data", folder, "--out", folder)).status).toBe(0);
    const [exact, bars] = [fresh(), fresh()];
    await build(exact, "--market", MARKET, ...small, "--numeraire", "1");
    const both = await build(bars, "--market", BARS, "--market", CANDLES, ...small, "--numeraire", "1");
    rmSync(join(folder, BARS), { recursive: true });
    expect(both.status, both.stderr).toBe(0);
    // Only what has volume has fees.
    expect(rowsOf(bars, "yield").every((row) => row.includes(MARKET))).toBe(true);
    expect(rowsOf(bars, "ranges").some((row) => row.startsWith(CANDLES))).toBe(true);
    const fees = (out: string) => rowsOf(out, "yield").reduce((sum, row) => sum + Number(row.split(",").at(-1)), 0);
    expect(rowsOf(bars, "yield").length).toBeGreaterThan(15);
    // Other ranges are drawn for another name, and bars count the part of their span that lies inside.
    expect(fees(bars) / fees(exact)).toBeGreaterThan(0.3);
    expect(fees(bars) / fees(exact)).toBeLessThan(3);
  });

  it("leaves the set that was there when it fails, and nothing half-written", async () => {
    const out = fresh();
    await build(out, "--market", MARKET, ...small);
    const before = readFileSync(join(out, "dataset.json"), "utf8");
    writeFileSync(join(folder, "broken_bars.csv"), "open_time,open,high,low,close\n3600,1,2,0.5,1\n7200,1,2,0.5,x\n");
    const failed = await build(out, "--market", MARKET, "--market", "broken_bars", ...small);
    rmSync(join(folder, "broken_bars.csv"));
    process.exitCode = undefined;
    expect([failed.status, failed.stderr]).toEqual([1, expect.stringMatching(/broken_bars.csv line 3: close is "x"/)]);
    expect(readFileSync(join(out, "dataset.json"), "utf8")).toBe(before);
    expect((await dataset("verify", out)).status).toBe(0);
    expect(existsSync(join(out, ".dataset.partial"))).toBe(false);
  });

  it.each([
    ["a market that is not there", ["--market", "nobody"], 1, /market "nobody" must be the name .* it holds/],
    ["a horizon beyond a week", ["--market", MARKET, "--horizon", "1h,8d"], 2, /--horizon: "8d"; rule: .*7d/],
    ["a horizon that is none", ["--market", MARKET, "--horizon", "soon"], 2, /--horizon: "soon"/],
    ["no ranges", ["--market", MARKET, "--ranges", "0"], 2, /--ranges: 0; rule: .*from 1/],
    ["a span without rows", ["--market", MARKET, ...small, "--from", "2030-01-01"], 2, /gives no row from 2030-01-01/],
    ["too short a market", ["--market", MARKET], 2, /gives no row: it has bars from .*24 h of history/],
    ["a token that is none", ["--market", MARKET, "--numeraire", "2"], 2, /--numeraire: 2; rule: must be 0 or 1/],
  ])("refuses %s by name", async (_, args, status, message) => {
    const out = fresh();
    const { status: found, stderr } = await build(out, ...args);
    expect([found, stderr]).toEqual([status, expect.stringMatching(message)]);
    expect(readdirSync(out)).toEqual([]);
  });

  it("names the first file of the training set that is missing", async () => {
    const { status, stderr } = await build(fresh());
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/binance_spot_ethusdt_1h_2017_2024-06.csv.gz is missing/),
    ]);
  });
});

describe("dataset verify", () => {
  it("tells a changed byte, a lost row, a missing file and another source apart", async () => {
    const out = fresh();
    await build(out, "--market", MARKET, ...small);
    const text = readFileSync(join(out, "ranges.csv"), "utf8");
    writeFileSync(join(out, "ranges.csv"), text.replace(/1(?=[^1]*$)/, "2"));
    expect((await dataset("verify", out)).stdout).toBe("ranges.csv: its sha256 is not the manifest's\n");
    writeFileSync(join(out, "ranges.csv"), text);
    rmSync(join(out, "yield.csv"));
    const missing = await dataset("verify", out);
    expect([missing.status, missing.stdout]).toEqual([1, "yield.csv: it is missing\n"]);
    appendFileSync(join(out, "decisions.csv"), "one,2\n");
    expect((await dataset("verify", out)).stdout).toMatch(/decisions.csv: it has 1 rows, the manifest says 0/);
    const source = await dataset("verify", out, "--data", fresh());
    expect(source.stdout).toMatch(/manifest.json: it is missing below/);
  });

  it("does not take a folder without a manifest for a set", async () => {
    const { status, stderr } = await dataset("verify", fresh());
    expect([status, stderr]).toEqual([1, expect.stringMatching(/holds no finished training set/)]);
  });
});
