import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { placeboMarket } from "../../../ml/backtest/checks/placeboMarket.ts";
import { baselines } from "../../../ml/backtest/policies/index.ts";
import type { BacktestReport } from "../../../ml/backtest/reportSchema.ts";
import { durationOf, rangeOf } from "../../../rebalancer/cli/backtest/parse.ts";
import { createProgress } from "../../../rebalancer/cli/backtest/progress.ts";
import { readSetup } from "../../../rebalancer/cli/backtest/setup.ts";
import { registerBacktest } from "../../../rebalancer/cli/backtest.ts";
import { verbRunner } from "../../support/verb.ts";

const NAME = "ethereum_dai_weth_03_events_2023-11-14";
const MINUTES = "polygon_usdc_weth_005_minute";
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rangekeeper-backtest-"));
  const { events } = placeboMarket({ seed: 4, days: 3, feePips: 3000, sigmaPerDay: 0.08 });
  const columns =
    "block_number,timestamp,log_index,type,sender,recipient_or_owner,amount0,amount1,sqrt_price_x96,liquidity,tick,tick_lower,tick_upper,liquidity_delta";
  const rows = events.map(({ block, timestamp, sender, owner, amount0, amount1, sqrtPriceX96, liquidity, tick }) =>
    [block, timestamp, 0, "SWAP", sender, owner, amount0, amount1, sqrtPriceX96, liquidity, tick, "", "", ""].join(),
  );
  writeFileSync(join(folder, `${NAME}.csv`), `${[columns, ...rows].join("\n")}\n`);
  const start = 1_658_188_800;
  // Two hours, then a hole of two days, then an hour.
  const minute = (i: number) => {
    const tick = 202_700 + Math.round(40 * Math.sin(i / 9));
    return [start + 60 * i, tick, tick - 3, tick - 9, tick + 9, 3e10, 2e19, 5e17].join();
  };
  const indices = [...Array.from({ length: 120 }, (_, i) => i), ...Array.from({ length: 60 }, (_, i) => 3000 + i)];
  const header = "timestamp,close_tick,open_tick,lowest_tick,highest_tick,in_amount0,in_amount1,current_liquidity";
  writeFileSync(join(folder, `${MINUTES}.csv`), `${[header, ...indices.map(minute)].join("\n")}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));
const verb = verbRunner(registerBacktest, "backtest");

const backtest = (...args: string[]) => verb("--data", folder, "--market", NAME, "--asset", "1", ...args);
const reportOf = async (...args: string[]): Promise<BacktestReport> => {
  const { status, stdout, stderr } = await backtest("--json", ...args);
  expect([status, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
};

describe("rangekeeper backtest", () => {
  it("runs the shipped models beside every baseline when nothing is named", async () => {
    const report = await reportOf("--threads", "1");
    expect(report.subject).toBe("model-rangekeeper");
    expect(report.runs.map(({ id }) => id)).toEqual(["model-rangekeeper", ...baselines.map(({ id }) => id)]);
    expect(report.header).toMatchObject({ feeModel: "exact", capital: 10_000, latencyBlocks: 1, market: NAME });
    expect(report.header.models.map(({ task }) => task).sort()).toEqual(["il", "volatility", "yield"]);
    expect(report.runs.filter(({ waterfall }) => Math.abs(waterfall.residual) > 1e-9 * waterfall.start)).toEqual([]);
  });

  it("prints within 80 columns and writes page and CSVs", async () => {
    const [page, tables] = [join(folder, "out/report.html"), join(folder, "out/csv")];
    const { status, stdout } = await backtest("--policy", "fixed-10", "full-range", "--html", page, "--csv", tables);
    expect(status).toBe(0);
    expect(stdout).toContain("fixed ±10 %");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(readFileSync(page, "utf8")).toContain("<svg");
    for (const name of ["trades", "equity", "decisions", "sweep"])
      expect(existsSync(join(tables, `${name}.csv`))).toBe(true);
  });

  it("sweeps every combination, the same on one thread and on several", async () => {
    const flags = ["--policy", "fixed-5", "tau-1000", "--capital", "1000", "100000", "--latency", "1", "50"];
    const more = ["--gas-scale", "1", "10", "--gas-gwei", "30"];
    const one = await reportOf(...flags, ...more, "--threads", "1");
    const several = await reportOf(...flags, ...more, "--threads", "3");
    expect(several).toEqual(one);
    expect(one.sweep).toHaveLength(2 * 2 * 2 * 2);
    expect(new Set(one.sweep.map((cell) => JSON.stringify(cell))).size).toBe(16);
    expect(one.runs.map(({ id }) => id)).toEqual(["fixed-5", "tau-1000"]);
  });

  it("walks forward: each choice from its training window, the winners in one run", async () => {
    const ids = ["fixed-1", "fixed-5", "fixed-20"];
    const report = await reportOf("--policy", ...ids, "--walk-forward", "18h/12h", "--embargo", "2h", "--threads", "1");
    expect(report.walkForward.length).toBeGreaterThan(2);
    for (const fold of report.walkForward) {
      expect(fold.candidates.map(({ policy }) => policy)).toEqual(ids);
      const best = fold.candidates.reduce((a, b) => (b.trainHeadline > a.trainHeadline ? b : a));
      expect(fold.chosen).toBe(best.policy);
      expect(fold.testFromSeconds - fold.trainToSeconds).toBe(2 * 3600);
    }
    expect(report.runs.map(({ id }) => id)).toEqual(["walk-forward-fixed", ...ids]);
    expect(report.header.fromSeconds).toBe(report.walkForward[0]?.testFromSeconds);
  });

  it("cuts the span to --range, and chooses the span of a bar file by it", async () => {
    const bars = (...args: string[]) => verb("--data", folder, "--market", MINUTES, "--policy", "full-range", ...args);
    const whole = JSON.parse((await bars("--json")).stdout) as BacktestReport;
    expect(whole.header.feeModel).toBe("approximate");
    expect(whole.header.toSeconds - whole.header.fromSeconds).toBe(2 * 3600);
    expect(whole.warnings.map(({ text }) => text).join()).toMatch(/the file also holds 2022-07-21T02:00/);
    const later = JSON.parse((await bars("--json", "--range", "1658368800:")).stdout) as BacktestReport;
    expect(later.header.fromSeconds).toBe(1_658_368_800);
    const { status, stderr } = await bars("--range", "2022-07-20:2022-07-21");
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/range starts at 2022-07-20T00:00, but the file's bars/),
    ]);
  });

  it.each([
    [["--policy", "fixed-7"], /--policy: fixed-7; rule: one of stand-aside/],
    [["-m", "oracle"], /--models: oracle; rule: one of rangekeeper, rules/],
    [["--capital", "0"], /--capital: 0; rule: a number above 0/],
    [["--capital", "ten"], /--capital: ten; rule/],
    [["--latency", "0"], /--latency: 0; rule: a whole number from 1/],
    [["--gas-gwei", "-1"], /--gas-gwei: -1; rule/],
    [["--gas-gwei", "recorded"], /--gas-gwei: recorded; rule: market .* records no gas price/],
    [["--fee-haircut-bps", "10001"], /--fee-haircut-bps: 10001; rule: a number from 0 to 10000/],
    [["--asset", "2"], /--asset: 2; rule/],
    [["--range", "2023-12-01:2023-11-01"], /--range: .* rule: it must begin before it ends/],
    [["--range", "yesterday:"], /--range: yesterday:; rule: dates as/],
    [["--range", "2030-01-01:"], /--range: 2030-01-01T00:00.*rule: it must overlap the data/],
    [["--walk-forward", "10d"], /--walk-forward: 10d; rule: TRAIN\/TEST/],
    [["--walk-forward", "30d/5d"], /walk-forward needs 745 h at least/],
    [["--policy", "fixed-1", "tau-400", "--walk-forward", "12h/12h"], /needs two policies of one family/],
    [["--decision-seconds", "often"], /--decision-seconds: often; rule: a length of time/],
    [["--config", "/none.toml"], /--config: \/none.toml; rule: the file must exist/],
  ])("refuses %j with exit status 2 and the rule", async (args, message) => {
    const { status, stdout, stderr } = await backtest(...args, "--threads", "1");
    expect(stderr).toMatch(message);
    expect([status, stdout]).toEqual([2, ""]);
  });

  it("names the markets there are when one is unknown or none is given", async () => {
    const unknown = await verb("--data", folder, "--market", "nowhere");
    expect(unknown.status).toBe(1);
    expect(unknown.stderr).toContain(`it holds ${NAME}, ${MINUTES}`);
    const none = await verb("--data", folder, "--json");
    expect(none.status).toBe(2);
    expect(JSON.parse(none.stderr)).toMatchObject({ error: "ConfigError", message: expect.stringMatching(/--market/) });
  });

  it("lists the policies", async () => {
    const { stdout } = await verb("list");
    for (const { id } of baselines) expect(stdout).toContain(id);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(JSON.parse((await verb("list", "--json")).stdout).policies).toHaveLength(baselines.length);
  });

  it("measures what bars lose", async () => {
    const { status, stdout } = await verb("accuracy", "--data", folder, "--market", NAME, "--json");
    expect(status).toBe(0);
    const { rows } = JSON.parse(stdout);
    expect(rows.length).toBeGreaterThan(20);
    const bad = await verb("accuracy", "--data", folder, "--bar-seconds", "7");
    expect([bad.status, bad.stderr]).toEqual([2, expect.stringMatching(/--bar-seconds: 7; rule/)]);
  });
});

describe("flags", () => {
  it("take times as dates, dates with time, unix seconds, or nothing", () => {
    expect(rangeOf("2022-07-19:2022-07-20")).toEqual({ from: 1_658_188_800, to: 1_658_275_200 });
    expect(rangeOf("2022-07-19T12:00..2022-07-19T13:30Z")).toEqual({ from: 1_658_232_000, to: 1_658_237_400 });
    expect(rangeOf("1658188800:")).toEqual({ from: 1_658_188_800, to: null });
    expect(rangeOf(undefined)).toEqual({ from: null, to: null });
    expect([durationOf("x", "1d"), durationOf("x", "12h"), durationOf("x", "90")]).toEqual([86_400, 43_200, 90]);
  });

  it("take bounds and limits from a configuration, and what it leaves out from the shipped one", () => {
    const file = join(folder, "own.toml");
    writeFileSync(
      file,
      'chainId = 1\nrpcUrl = "http://x"\n[decision]\nriskAversion = 2\n[[vaults]]\nname = "a"\n[vaults.limits]\ncooldownSeconds = 7\n[vaults.strategy]\nmaxMovesPerDay = 3\n',
    );
    const [shipped, own] = [readSetup(undefined), readSetup(file)];
    expect(own.limits).toEqual({ ...shipped.limits, cooldownSeconds: 7 });
    expect(own.bounds).toEqual({ ...shipped.bounds, maxMovesPerDay: 3 });
    expect([shipped.decision.riskAversion, own.decision.riskAversion]).toEqual([0.5, 2]);
  });
});

describe("progress", () => {
  it("is silent for two seconds, then tells how long it will take", () => {
    let [now, written] = [0, ""];
    const parameters = {
      quiet: false,
      now: () => now,
      write: (text: string) => {
        written += text;
      },
      terminal: false,
    };
    const progress = createProgress(parameters);
    progress.at("runs", 0.1);
    now = 1_900;
    progress.at("runs", 0.2);
    expect(written).toBe("");
    now = 4_000;
    progress.at("runs", 0.25);
    expect(written).toBe("runs: 25 %, about 12 s left\n");
    now = 4_100;
    progress.at("runs", 0.3);
    now = 400_000;
    progress.at("runs", 0.5);
    expect(written).toBe("runs: 25 %, about 12 s left\nruns: 50 %, about 7 min left\n");
    progress.end();
    createProgress({ ...parameters, quiet: true }).at("runs", 0.9);
    expect(written.split("\n")).toHaveLength(3);
  });
});
