import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { registerReport } from "../../rebalancer/cli/report.ts";
import type { Config } from "../../rebalancer/config.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import type { VaultReport } from "../../rebalancer/report/vaultReport.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { liveHours } from "../support/liveHours.ts";
import { verbRunner } from "../support/verb.ts";

const HOURS = 16;
let local: LocalDeployment;
let played: { path: string; config: Config };
let since: number;
let until: number;
let name: string;
beforeAll(async () => {
  local = await startLocalDeployment();
  played = await liveHours({
    local,
    hours: HOURS,
    changes: { "evaluate.horizonSeconds": 7_200, "models.set": "rules" },
  });
  const journal = openJournal(played.config.journal.path, () => "reader");
  journal.recordStop(31_337, {
    scope: "all",
    level: 1,
    reason: "a look <around>",
    by: "operator",
    atMilliseconds: (local.time - 3_600) * 1_000,
  });
  const places = journal.decisionPlaces();
  // A challenger that said what the champion did, of the first two decisions.
  for (const { id } of places.slice(0, 2)) {
    const decision = journal.decision(id)?.decision ?? null;
    journal.recordChallenger({ decisionId: id, modelSet: "example-yield", decision, error: "" });
  }
  journal.close();
  since = places[0]?.atSeconds ?? 0;
  until = (places.at(-1)?.atSeconds ?? 0) + 1;
  name = played.config.vaults[0]?.name ?? "";
}, 400_000);
afterAll(() => local?.stop());

const run = verbRunner(registerReport, "report");
const report = (...args: string[]) => run(name, "--config", played.path, ...args);
async function json(...args: string[]): Promise<VaultReport> {
  const { stdout, stderr } = await report("--format", "json", ...args);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as VaultReport;
}
const day = (seconds: number) => new Date(seconds * 1_000).toISOString().replace(".000", "");

describe("report", () => {
  it("accounts for every unit of value between the first state and the last", async () => {
    const { result, moves, decisions, notes, span } = await json();
    expect(notes).toEqual([]);
    expect(span).toMatchObject({ fromSeconds: since, toSeconds: until - 1 });
    expect(result.opening).toBeCloseTo(10_000, 6);
    expect(result.residual).toBeLessThan(1e-9);
    const { opening, deposits, exits, market, fees, lvr, swapCost, rounding, closing } = result;
    expect(opening + deposits - exits + market + fees - lvr - swapCost + rounding).toBeCloseTo(closing, 5);
    expect(fees).toBeGreaterThan(0);
    expect(lvr).toBeGreaterThan(0);
    expect(swapCost).toBeGreaterThan(0);
    expect(decisions.total).toBe(HOURS);
    expect(moves.length).toBeGreaterThanOrEqual(2);
    // What a move was promised to bring, beside what came.
    expect(moves[0]?.realisedNetBps).toEqual(expect.any(Number));
    expect(moves[0]?.lossBps).toBeGreaterThan(0);
  });

  it("says what the chain says at the end", async () => {
    const { series, result } = await json();
    const journal = openJournal(played.config.journal.path, () => "reader");
    const last = journal.decisions().at(-1);
    journal.close();
    // Shares have six decimals more than the asset: one began at about one asset unit.
    expect(series.at(-1)?.sharePrice).toBeCloseTo(Number(last?.sharePrice) / 1e12, 12);
    expect(Math.abs(result.sharePrice.opening - 1)).toBeLessThan(0.01);
    // The vault values itself at its reference price, the report at spot: alike while the market rests.
    expect(Math.abs(result.closing / (Number(last?.nav) / 1e18) - 1)).toBeLessThan(0.02);
    // Nobody came or went: the time-weighted return is the plain one.
    expect(result.vaultReturn).toBeCloseTo(result.closing / result.opening - 1, 9);
    expect(result.againstHodl).toBeCloseTo((result.vaultReturn ?? 0) - (result.hodlReturn ?? 0), 12);
  });

  it("adds two spans up to the whole, the second beginning where the first ended", async () => {
    const middle = since + 8 * 3_600;
    const [whole, first, second] = [
      await json(),
      await json("--until", day(middle)),
      await json("--since", day(middle)),
    ];
    expect(second.span.fromBlock).toBeGreaterThanOrEqual(first.span.toBlock);
    const third = await json("--since", day(middle - 3_600), "--until", day(middle + 1));
    const sum = (of: (one: VaultReport) => number) => of(first) + of(third) + of(second);
    for (const part of ["fees", "lvr", "swapCost", "market"] as const) {
      expect(sum(({ result }) => result[part])).toBeCloseTo(whole.result[part], 6);
    }
    for (const { result } of [first, second, third]) expect(result.residual).toBeLessThan(1e-9);
  });

  it("gives the same bytes for the same chain and journal, in every format", async () => {
    for (const format of ["md", "html", "csv", "json"]) {
      const [one, two] = [await report("--format", format), await report("--format", format)];
      expect(two.stdout).toBe(one.stdout);
      expect(one.stdout.length).toBeGreaterThan(500);
    }
  });

  it("shows moves, refusals, orders and models, escaped, and writes where it is told", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rangekeeper-report-"));
    const out = process.env.REPORT_OUT ?? join(folder, "report.html");
    expect(await report("--format", "html", "--out", out)).toMatchObject({ status: 0, stdout: `written: ${out}\n` });
    const html = readFileSync(out, "utf8");
    expect(html).toContain("a look &lt;around&gt;");
    expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)|NaN|undefined|Infinity/);
    const { stdout: markdown } = await report();
    expect(markdown).toMatch(/^# .*: 2023-\d\d-\d\d/);
    expect(markdown).toContain("a look \\<around\\>");
    expect(markdown).toMatch(/rules\\-volatility|rules-volatility/);
    expect(markdown).toMatch(/= fees − LVR − costs \| -?[\d.,]+ \| a (gain|loss)/);
    const { stdout: csv } = await report("--format", "csv");
    expect(csv.trim().split("\n")).toHaveLength(HOURS + 1);
  });

  it("tells what was stated of the day ahead by the champion and beside it", async () => {
    const { stated } = await json();
    // No day has ended in sixteen hours.
    expect(stated).toMatchObject({ ended: 0, inside: 0 });
    expect(stated?.challengers).toEqual([{ modelSet: "example-yield", ended: 0, inside: 0, champion: 0 }]);
    for (const format of ["md", "html"]) {
      const { stdout } = await report("--format", format);
      expect(stdout).toMatch(/beside them, example\\?-yield/);
    }
  });

  it("says what is missing", async () => {
    const early = await json("--since", day(since - 86_400));
    expect(early.notes).toEqual([expect.stringMatching(/^nothing is known from /)]);
    const none = await report("--month", "2020-01");
    expect(none).toMatchObject({ status: 1, stdout: "" });
    expect(none.stderr).toMatch(/the journal has no state of the vault from 2020-01-01 00:00 to 2020-02-01 00:00/);
  });

  it("refuses what makes no sense, naming it", async () => {
    for (const [args, message] of [
      [["--month", "2020-13"], /--month: 2020-13; rule: a month as 2026-10/],
      [["--month", "2020-01", "--since", "2020-01-01"], /--month: 2020-01; rule: not together/],
      [["--since", "2020-02-01", "--until", "2020-01-01"], /--until: 2020-01-01; rule: must be after/],
      [["--format", "pdf"], /--format: pdf; rule: one of md, html, csv, json/],
    ] as const) {
      const { status, stderr } = await report(...args);
      expect(status).toBe(2);
      expect(stderr).toMatch(message);
    }
  });
});
