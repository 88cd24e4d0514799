import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { placeboMarket } from "../../../ml/backtest/checks/placeboMarket.ts";
import { registerBacktest } from "../../../rebalancer/cli/backtest.ts";
import { verbRunner } from "../../support/verb.ts";

const NAME = "ethereum_weth_dai_03_events_2023-11-14";
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rangekeeper-checks-"));
  const { events } = placeboMarket({ seed: 1, days: 2, feePips: 3000, sigmaPerDay: 0.1 });
  const columns =
    "block_number,timestamp,tx_index,log_index,type,sender,recipient_or_owner,amount0,amount1,sqrt_price_x96,liquidity,tick,tick_lower,tick_upper,liquidity_delta";
  const rows = events.map(({ block, timestamp, sender, owner, amount0, amount1, sqrtPriceX96, liquidity, tick }) =>
    [block, timestamp, 0, 0, "SWAP", sender, owner, amount0, amount1, sqrtPriceX96, liquidity, tick, "", "", ""].join(),
  );
  writeFileSync(join(folder, `${NAME}.csv`), `${[columns, ...rows].join("\n")}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));
const backtest = verbRunner(registerBacktest, "backtest");
const check = (...args: string[]) => backtest("check", "--data", folder, "--market", NAME, "--asset", "1", ...args);
const long = (text: string) => text.split("\n").filter((line) => line.length > 80);

describe("rangekeeper backtest placebo", () => {
  it("prints every policy with its intervals within 80 columns, and says what it found", async () => {
    const { status, stdout } = await backtest(
      "placebo",
      "--seeds",
      "4",
      "--days",
      "5",
      "--policy",
      "fixed-10",
      "clairvoyant",
    );
    expect(status).toBe(0);
    expect(long(stdout)).toEqual([]);
    expect(stdout).toMatch(/fixed-10 .* ok/);
    expect(stdout).toMatch(/clairvoyant .* bound/);
    expect(stdout).toContain("No policy shows an edge where there is none.");
  });

  for (const [name, args, message] of [
    ["too few markets", ["--seeds", "3"], "--seeds: 3; rule"],
    ["a fee tier that is none", ["--fee-pips", "42"], "--fee-pips: 42; rule"],
    ["a span that is all history", ["--days", "3"], "--days: 3; rule"],
    ["an unknown policy", ["--policy", "nope"], "--policy: nope; rule: one of"],
  ] as const)
    it(`refuses ${name} with exit status 2`, async () => {
      const { status, stderr } = await backtest("placebo", ...args);
      expect(status).toBe(2);
      expect(stderr).toContain(message);
    });
});

describe("rangekeeper backtest check", () => {
  it("clears a policy that keeps to the past, and says how much history it needs", async () => {
    const { status, stdout, stderr } = await check("--policy", "vol-2");
    expect(status, stderr).toBe(0);
    expect(long(stdout)).toEqual([]);
    expect(stdout).toContain("vol-2 does not look ahead");
    expect(stdout).toContain("differing features");
  });

  it("exits with 1 on one that looks ahead", async () => {
    const { status, stdout } = await check("--policy", "clairvoyant", "--json");
    expect(status).toBe(1);
    const { lookAhead, recursive } = JSON.parse(stdout);
    expect(lookAhead.passes).toBe(false);
    expect(lookAhead.cuts.length).toBe(4);
    expect(recursive.decisions).toBe(lookAhead.decisions);
  });

  for (const [name, args, message] of [
    ["no policy", [], "--policy: not given; rule"],
    ["an unknown policy", ["--policy", "nope"], "--policy: nope; rule: one of"],
    ["an unknown model set", ["-m", "nope"], "--models: nope; rule: one of"],
    ["a span outside of the data", ["--policy", "fixed-10", "--range", "2020-01-01:2020-01-02"], "--range: 2020"],
    ["no cuts", ["--policy", "fixed-10", "--cuts", "0"], "--cuts: 0; rule"],
  ] as const)
    it(`refuses ${name} with exit status 2`, async () => {
      const { status, stderr } = await check(...args);
      expect(status).toBe(2);
      expect(stderr).toContain(message);
    });
});

describe("rangekeeper backtest edge", () => {
  const short = ["edge", "--kind", "poor", "--markets", "1", "--days", "4"] as const;

  it("stands aside where fees do not pay, says so in 80 columns, and goes on from what it keeps", async () => {
    const work = join(folder, "work");
    const { status, stdout, stderr } = await backtest(...short, "--work", work);
    expect(status, stderr).toBe(0);
    expect(long(stdout)).toEqual([]);
    expect(stdout).toMatch(/^poor +0\.0 .* 1\/1 /m);
    const [made = ""] = readdirSync(work);
    const [walk = ""] = readdirSync(join(work, made));
    expect(walk).toBe("poor-4d-10000.json");
    // What is kept is what is told the next time.
    const kept = JSON.parse(readFileSync(join(work, made, walk), "utf8"));
    kept.ours.moves = 7;
    writeFileSync(join(work, made, walk), JSON.stringify(kept));
    const again = await backtest(...short, "--work", work, "--json");
    expect(JSON.parse(again.stdout).rows).toMatchObject([{ kind: "poor", markets: 1, moves: 7 }]);
  });

  for (const [name, args, message] of [
    ["an unknown kind", ["--kind", "nope"], "--kind: nope; rule: one of poor"],
    ["days too few to learn from", ["--days", "3"], "--days: 3; rule"],
    ["no markets", ["--markets", "0"], "--markets: 0; rule"],
  ] as const)
    it(`refuses ${name} with exit status 2`, async () => {
      const { status, stderr } = await backtest("edge", ...args);
      expect(status).toBe(2);
      expect(stderr).toContain(message);
    });
});
