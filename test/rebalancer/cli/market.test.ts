import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseCycleParameters } from "../../../ml/sim/cycle/parameters.ts";
import { registerMarket } from "../../../rebalancer/cli/market.ts";
import { verbRunner } from "../../support/verb.ts";

const folder = mkdtempSync(join(tmpdir(), "rangekeeper-market-"));
afterAll(() => rmSync(folder, { recursive: true }));
const market = verbRunner(registerMarket, "market");

const lines = ["open_time,open,high,low,close,volume_base"];
for (let i = 0; i < 24 * 5; i++) {
  const [open, close] = [i, i + 1].map((k) => 2000 * Math.exp(0.01 * Math.sin(k * k)));
  lines.push([i * 3600, open, Math.max(open ?? 0, close ?? 0), Math.min(open ?? 0, close ?? 0), close, 1].join(","));
}
const candles = join(folder, "candles.csv");
writeFileSync(candles, `${lines.join("\n")}\n`);

describe("rangekeeper market", () => {
  it("simulates within 80 columns, the same for a seed", async () => {
    const args = ["simulate", "--environments", "16", "--days", "3"];
    const { status, stdout } = await market(...args);
    expect(status).toBe(0);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    for (const name of ["fees", "lvr", "cost", "net", "moves", "kurtosis", "drawdown"]) expect(stdout).toContain(name);
    const json = JSON.parse((await market(...args, "--json")).stdout);
    expect(json.agents.net[2]).toBeGreaterThan(-0.2);
    expect(JSON.parse((await market(...args, "--json")).stdout)).toEqual(json);
    expect(JSON.parse((await market(...args, "--seed", "2", "--json")).stdout)).not.toEqual(json);
  });

  it("calibrates to candles, tells what was kept, and plays the result", async () => {
    const out = join(folder, "fitted.json");
    const { status, stdout } = await market("calibrate", "--bars", candles, "--out", out);
    expect(status).toBe(0);
    expect(stdout).toContain("price.volatility");
    expect(stdout).toContain("kept from the base");
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80 + out.length);
    const fitted = parseCycleParameters(JSON.parse(readFileSync(out, "utf8")));
    expect(fitted.provenance.files.map(({ file }) => file)).toEqual(["candles.csv"]);
    expect((await market("simulate", "--params", out, "--environments", "8", "--days", "2")).stdout).toContain(
      "candles",
    );
  });

  it("says what is wrong with what it was given", async () => {
    for (const [args, text, wanted] of [
      [["calibrate", "--out", join(folder, "x.json")], "give --data and --market, or --bars", 2],
      [["calibrate", "--market", "m", "--out", join(folder, "x.json")], "together or not at all", 2],
      [["simulate", "--days", "0"], "--days is 0", 2],
      [["simulate", "--environments", "7"], "environments is 7", 2],
      [["simulate", "--params", join(folder, "none.json")], "must be a readable JSON file", 2],
      [["simulate", "--params", candles], "must be a readable JSON file", 2],
    ] as const) {
      const { status, stderr } = await market(...args);
      expect(stderr).toContain(text);
      expect(status).toBe(wanted);
      process.exitCode = undefined;
    }
    const short = join(folder, "short.csv");
    writeFileSync(short, `${lines.slice(0, 10).join("\n")}\n`);
    const { status, stderr } = await market("calibrate", "--bars", short, "--out", join(folder, "x.json"));
    expect(stderr).toContain("at least 24 hours");
    expect(status).toBe(1);
  });
});
