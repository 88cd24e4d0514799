import { execFileSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { type DemoRun, runDemo, startDemo } from "../support/demo.ts";
import { until } from "../support/until.ts";

const HOURS = "18";
const MINUTES = 60_000;

/** What must not depend on how often the worker died: money, moves and decisions. */
const accounting = ({ report }: DemoRun) => {
  if (!report) throw new Error("the run left no report");
  const { result, depositors, conservation, moves, decisions, series } = report;
  // The gas limit in a transaction is estimated when it is signed, so its hash may differ; what it did may not.
  const deeds = moves.map(({ transaction: _, ...deed }) => deed);
  return { result, depositors, conservation, moves: deeds, decisions, series };
};

describe("the main job on a synthetic market", () => {
  let plain: DemoRun;
  beforeAll(async () => {
    plain = await runDemo(["--hours", HOURS, "--seed", "1"]);
  }, 5 * MINUTES);

  it("exits with 0, every check of its report holding", () => {
    expect(plain.report?.checks.filter(({ ok }) => !ok) ?? "no report", plain.output).toEqual([]);
    expect(plain.status, plain.output).toBe(0);
  });

  it("decides every hour and keeps the reasons", () => {
    const { decisions, moves } = accounting(plain);
    expect(decisions.total).toBeGreaterThanOrEqual(17);
    expect(Object.values(decisions.byReason).reduce((sum, count) => sum + count, 0)).toBe(decisions.total);
    for (const move of moves) expect(move.reason).not.toBe("");
  });

  it("accounts for both tokens to the unit and pays everybody out", () => {
    const { conservation, depositors } = accounting(plain);
    expect(conservation.map(({ difference }) => difference)).toEqual(["0", "0"]);
    for (const { paidIn, paidOutValue } of depositors) {
      expect(paidIn).toBeGreaterThan(0);
      expect(paidOutValue / paidIn).toBeGreaterThan(0.9);
    }
  });

  it("shows the waterfall, the alternatives and a page", () => {
    const { result } = accounting(plain);
    expect(result.net).toBeCloseTo(result.fees - result.lvr - result.swapCost - result.gas, 9);
    expect(result.benchmarks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["hold half and half", "full range", "fixed ±10 %", "fixed ±3 %"]),
    );
    expect(plain.html).toContain("<svg");
    expect(plain.output).toContain("fees - LVR - costs");
  });

  it(
    "ends with the same accounting when the worker is killed in the middle",
    async () => {
      const moved = accounting(plain).moves.length;
      const killed = await runDemo(["--hours", HOURS, "--seed", "1", "--kill-worker-at", "6"]);
      expect(killed.status, killed.output).toBe(0);
      expect(killed.report?.checks.find(({ name }) => name === "worker")?.detail).toMatch(/resumed 1 time/);
      expect(accounting(killed).moves.length).toBe(moved);
      expect(accounting(killed)).toEqual(accounting(plain));
    },
    5 * MINUTES,
  );
});

const data = process.env.RANGEKEEPER_DATA;
describe.skipIf(!data)("the main job on recorded events", () => {
  it(
    "reproduces every recorded swap, then says what the vault changed",
    async () => {
      const args = ["--market", "ethereum_wbtc_weth_03_events_2023-03-01", "--models", "rules", "--hours", "24"];
      const { status, output, report } = await runDemo(args);
      expect(status, output).toBe(0);
      expect(report?.replay).toMatchObject({
        swaps: 725,
        exact: 725,
        exactIn: 639,
        exactOut: 85,
        atLimit: 1,
        reconstructed: false,
      });
      expect(report?.replay?.withVault?.medianBps).toBeLessThan(10);
      expect(output).toContain("725/725");
    },
    5 * MINUTES,
  );

  it(
    "says so when liquidity had to be reconstructed",
    async () => {
      const { status, output, report } = await runDemo([
        "--market",
        "polygon_usdc_weth_005_events_2021-12-22",
        "--asset",
        "token1",
      ]);
      expect(status, output).toBe(0);
      expect(report?.replay).toMatchObject({ reconstructed: true, swaps: 199, exact: 198 });
      expect(report?.asset.symbol).toBe("WETH");
      expect(output).toContain("reconstructed");
    },
    5 * MINUTES,
  );
});

describe("the main job, interrupted", () => {
  it(
    "leaves no process behind",
    async () => {
      const { child, done } = startDemo(["--hours", "48", "--seed", "2"]);
      const seen = new Promise<void>((resolve) => {
        let text = "";
        child.stdout?.on("data", (chunk: Buffer) => {
          text += chunk.toString("utf8");
          if (text.includes("decision")) resolve();
        });
        child.once("close", () => resolve());
      });
      await seen;
      const family = descendants(child.pid ?? 0);
      expect(family.length).toBeGreaterThanOrEqual(3);
      child.kill("SIGINT");
      const { status, output } = await done;
      expect(status, output).toBe(1);
      expect(output).toContain("interrupted");
      // What guarded its servers ends when they have.
      await until(() => (family.some(isRunning) ? null : true));
    },
    5 * MINUTES,
  );
});

/** Process ids of everything that a process started, and what those started. */
function descendants(pid: number): number[] {
  const table = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const of = (parent: number): number[] =>
    table.filter(([, ppid]) => ppid === parent).flatMap(([id]) => [id, ...of(id)]);
  return of(pid);
}

/** Not one that is over and waits to be asked how it ended. */
function isRunning(pid: number): boolean {
  try {
    return !/^\s*Z/.test(execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }));
  } catch {
    return false;
  }
}
