import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { short } from "../../../rebalancer/cli/risk/format.ts";
import { registerRisk } from "../../../rebalancer/cli/risk.ts";
import { verbRunner } from "../../support/verb.ts";

const BIN = fileURLToPath(new URL("../../../rebalancer/cli/bin.mjs", import.meta.url));

const risk = verbRunner(registerRisk, "risk");
const MARKET = ["--price", "2000", "--sigma", "0.05/day"];

describe("rangekeeper risk", () => {
  it("prints greeks beside options, losses, a hedge and stress within 80 columns", async () => {
    const held = ["--range", "1800:2200", "--range", "full", "--option", "put:1800:30:2", "--spot", "-1.5"];
    const { status, stdout, stderr } = await risk(
      ...MARKET,
      ...held,
      "--fee-yield",
      "0.0003",
      "--hedge",
      "call:2100:30",
    );
    expect(status, stderr).toBe(0);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    for (const word of ["1800:2200", "put 1800 ×2", "spot", "all", "hedge of delta and gamma", "-50%", "+50%", "flash"])
      expect(stdout).toContain(word);
  });

  it("answers in JSON what the formulas say: σ²/8 of a full range, 3.125 bp a day at 5 %", async () => {
    const { status, stdout, stderr } = await risk(...MARKET, "--range", "full", "--value", "1000", "--json");
    expect(status, stderr).toBe(0);
    const report = JSON.parse(stdout);
    expect((report.breakEvenYieldPerYear / 365) * 1e4).toBeCloseTo(3.125, 9);
    expect(report.greeks[0].value).toBeCloseTo(1000, 9);
    expect((report.greeks[0].gammaCost / 365 / 1000) * 1e4).toBeCloseTo(3.125, 9);
    expect(report.hedge.spot).toBeCloseTo(-0.25, 9);
    expect(report.stress.length).toBe(2 * 11 * 4);
  });

  it("sizes a range by its liquidity", async () => {
    const { stdout } = await risk(...MARKET, "--range", "1000:4000", "--liquidity", "10", "--json");
    expect(JSON.parse(stdout).greeks[0].delta).toBeCloseTo(10 * (1 / Math.sqrt(2000) - 1 / Math.sqrt(4000)), 12);
  });

  it("shows that the published closed forms are met", async () => {
    const { status, stdout } = await risk("theory", "--batches", "20", "--json");
    expect(status).toBe(0);
    const checks: { z: number }[] = JSON.parse(stdout);
    expect(checks.length).toBeGreaterThan(15);
    for (const { z } of checks) expect(Math.abs(z)).toBeLessThan(4);
  });

  for (const [name, args, message] of [
    ["no price", ["--sigma", "1"], "--price: missing"],
    ["no volatility", ["--price", "1"], "--sigma: missing"],
    ["a price of words", ["--price", "x", "--sigma", "1"], "--price x: rule"],
    ["a volatility in weeks", ["--price", "1", "--sigma", "1/week"], "--sigma 1/week: rule"],
    ["a range that is reversed", [...MARKET, "--range", "2:1"], "--range 2:1: rule: lower price < upper price"],
    ["half a range", [...MARKET, "--range", "2"], "--range 2: rule"],
    ["an option without quantity", [...MARKET, "--option", "put:1800:30"], "--option put:1800:30: rule"],
    ["an option that is neither", [...MARKET, "--option", "swap:1:1:1"], "--option swap:1:1:1: rule"],
    ["an option of none", [...MARKET, "--option", "put:1:1:0"], "quantity 0: rule"],
    ["nothing held", MARKET, "nothing held"],
    ["two sizes", [...MARKET, "--range", "1:2", "--value", "1", "--liquidity", "1"], "rule: one of them"],
    ["a negative yield", [...MARKET, "--range", "1:2", "--fee-yield", "-1"], "--fee-yield -1: rule"],
    ["days that are none", [...MARKET, "--range", "1:2", "--days", "0,x"], "--days x: rule"],
    ["batches that are none", ["theory", "--batches", "1.5"], "--batches 1.5: rule"],
  ] as const)
    it(`refuses ${name} with exit status 2, naming the field, the value and the rule`, async () => {
      const { status, stderr, stdout } = await risk(...args);
      expect(status).toBe(2);
      expect(stderr).toContain(message);
      expect(stdout).toBe("");
    });
});

it("is a verb of the program", () => {
  const { status, stderr } = spawnSync(process.execPath, [BIN, "risk", "--price", "x", "--sigma", "1"], {
    encoding: "utf8",
  });
  expect(status).toBe(2);
  expect(stderr).toContain("--price x: rule");
});

describe("short numbers", () => {
  it("keep four digits or the whole part", () => {
    expect([0, 1234.56, 12.3456, 0.5, -0.00012346, 1e9, 100].map(short)).toEqual([
      "0",
      "1235",
      "12.35",
      "0.5",
      "-0.0001235",
      "1.00e+9",
      "100",
    ]);
  });
});
