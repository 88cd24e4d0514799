import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModelSet } from "../../ml/models/index.ts";
import { seededRandom } from "../../ml/random.ts";
import { readHistory, readRegistry } from "../../ml/registry/files.ts";
import type { Decision, Hex } from "../../ml/types.ts";
import type { Config } from "../../rebalancer/config.ts";
import { UNANSWERED } from "../../rebalancer/journal/challengers.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { decision, decisionRecord } from "../support/journalRecords.ts";
import { liveHours } from "../support/liveHours.ts";
import { writeStrangersModel } from "../support/strangersModel.ts";
import { until } from "../support/until.ts";
import { lineRunner } from "../support/verb.ts";

/** A package that is no part of this repository, from its folder to champion and back, by the verbs that a person types. */
const MARKET = "polygon_usdc_weth_005_minute";
const HOURS = 3;

const rangekeeper = lineRunner();
const ok = async (...args: string[]): Promise<string> => {
  const { status, stdout, stderr } = await rangekeeper(...args);
  // A slow machine is told there that the verb is at work.
  expect(status, `${args.join(" ")}: ${stderr}`).toBe(0);
  return stdout;
};

let root: string;
let registry: string;
let local: LocalDeployment;
let shadowed: { path: string; config: Config };
let sha256: Hex;
const at = (...parts: string[]) => join(root, ...parts);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "strangers-model-"));
  registry = at("models");
  writeStrangersModel({ folder: at("two-windows"), name: "two-windows" });
  writeStrangersModel({ folder: at("timid"), name: "timid", shift: 8 });
  writeStrangersModel({ folder: at("sheltered"), name: "sheltered", domain: { p1: -19, p99: -18.5 } });
  local = await startLocalDeployment();
}, 400_000);
afterAll(async () => {
  await local?.stop();
  rmSync(root, { recursive: true });
});

describe("a stranger's model", () => {
  it("is checked, registered and asked for a vault's candidates", async () => {
    expect(await ok("model", "check", at("two-windows"))).toMatch(/passes all 15 checks/);
    for (const name of ["timid", "two-windows", "sheltered"])
      await ok("model", "add", at(name), "--registry", registry);
    await ok("model", "promote", "two-windows", "--to", "shadow", "--registry", registry);
    sha256 = readRegistry(registry).models["two-windows"]?.versions[0]?.sha256 as Hex;
    const { path, config } = local.configure({ models: { set: "rules", registry } });
    const vault = config.vaults[0]?.name ?? "";
    for (const set of [`${at("two-windows")}+rules`, "two-windows", "shadow"]) {
      const answer = await ok("score", vault, "--config", path, "--models", set, "--json");
      expect((JSON.parse(answer) as Decision).models.map((one) => one.sha256)).toContain(sha256);
    }
    expect(await ok("score", vault, "--config", path, "--models", "shadow")).toMatch(/range\s+width\s+in\s+fees/);
  });

  it("decides in shadow on a chain and sends nothing; beside it, one outside of its domain holds and says so", async () => {
    shadowed = await liveHours({
      local,
      hours: HOURS,
      changes: {
        "worker.mode": "shadow",
        models: { set: "shadow", challengers: ["sheltered+rules"], registry },
      },
      afterHour: answered,
    });
    const journal = openJournal(shadowed.config.journal.path, () => "reader");
    const made = journal.decisions();
    const beside = journal.challengers();
    expect(journal.proposals()).toEqual([]);
    journal.close();
    expect(made).toHaveLength(HOURS);
    for (const one of made) expect(one.decision.models.map((model) => model.sha256)).toContain(sha256);
    expect(made.map((one) => one.decision.reasonKey)).not.toContain("out-of-domain");
    expect(beside.map(({ error }) => error)).toEqual(Array(HOURS).fill(""));
    for (const { decision: aside } of beside) {
      expect(aside).toMatchObject({ action: "stand-aside", reasonKey: "out-of-domain", plan: null });
      expect(aside?.reason).toMatch(/log_rv_24h/);
    }
  });

  it("holds a live vault's range where the market leaves its domain, and says so", async () => {
    const hour = async (set: string) => {
      const { config } = await liveHours({ local, hours: 1, changes: { models: { set, registry } } });
      const journal = openJournal(config.journal.path, () => "reader");
      const found = { decisions: journal.decisions(), proposals: journal.proposals() };
      journal.close();
      expect(config.worker.mode).toBe("live");
      return found;
    };
    expect((await hour("rules")).proposals).toMatchObject([{ status: "confirmed" }]);
    const { decisions, proposals } = await hour("sheltered+rules");
    expect(proposals).toEqual([]);
    expect(decisions.map((one) => one.decision)).toMatchObject([
      { action: "hold", reasonKey: "out-of-domain", plan: null },
    ]);
    expect(decisions[0]?.decision.reason).toMatch(/log_rv_24h/);
  });

  it("is refused the champion's place on the few hours that its journal holds", async () => {
    await ok("model", "promote", "timid", "--force", "--registry", registry);
    const { status, stdout } = await rangekeeper("model", "promote", "two-windows", "--config", shadowed.path);
    expect(status).toBe(3);
    // Nothing of it was decided beside a champion.
    expect(stdout).toMatch(/shadow days\s+no\s+at least 14\s+not shown/);
    const sheltered = await rangekeeper("model", "promote", "sheltered", "--config", shadowed.path);
    expect(sheltered.stdout).toMatch(/shadow days\s+no\s+at least 14\s+0\.08333/);
    expect(sheltered.stdout).toMatch(/decisions\s+no\s+at least 200\s+3\s/);
    expect(sheltered.stdout).toMatch(/out of domain\s+no\s+at most 5 %\s+100 %/);
    expect(readRegistry(registry).aliases.champion.volatility).toBe("timid@1.0.0");
  });

  it("is promoted on a journal, a backtest and parity; compared, rolled back and retired", async () => {
    writeMarket();
    const backtest = ["--data", root, "--market", MARKET, "--gas-gwei", "1", "--gas-token-price", "2000"];
    const more = ["--min-history-hours", "1", "--policy", "stand-aside", "--threads", "1", "--registry", registry];
    const report = await ok("backtest", "-m", "two-windows", "champion", ...backtest, ...more, "--json");
    writeFileSync(at("backtest.json"), report);
    writeFileSync(at("parity.json"), await ok("parity", "--config", shadowed.path, "--json"));
    writeJournal(at("journal.db"));
    expect(await ok("model", "compare", "two-windows", "timid", "--registry", registry)).toMatch(/oos\.qlike\s+0\.3/);

    const evidence = ["--journal", at("journal.db"), "--report", at("backtest.json"), "--parity", at("parity.json")];
    const promote = ["model", "promote", "two-windows", "--registry", registry, ...evidence];
    const strict = await rangekeeper(...promote);
    expect([strict.status, strict.stderr]).toEqual([
      3,
      expect.stringMatching(/is not promoted: drawdown: \S+ % deeper; rule: at most 1 % deeper than the champion's\n$/),
    ]);
    expect(await ok(...promote, "--drawdown-slack", "0.2")).toMatch(
      /champion of volatility: timid@1\.0\.0 -> two-windows@1\.0\.0\n$/,
    );
    expect(readHistory(registry).at(-1)).toMatchObject({ forced: false, refusals: [] });
    expect((await loadModelSet("champion", { registry })).volatility.sha256).toBe(sha256);

    expect(await ok("model", "rollback", "--registry", registry)).toMatch(/two-windows@1\.0\.0 -> timid@1\.0\.0\n$/);
    expect((await loadModelSet("champion", { registry })).volatility.id).toBe("timid");
    const held = await rangekeeper("model", "retire", "two-windows", "--registry", registry);
    expect([held.status, held.stderr]).toEqual([3, expect.stringMatching(/is the shadow: promote another/)]);
    await ok("model", "rollback", "--alias", "shadow", "--registry", registry);
    await ok("model", "retire", "two-windows", "--registry", registry);
    // The alias that decided names nothing any more; what decided is known by its name, version and bytes.
    const later = JSON.parse(await ok("parity", "--config", shadowed.path, "--json"));
    expect(later).toMatchObject({ replayed: HOURS, different: 0 });
    const bare = await rangekeeper(...promote);
    expect([bare.status, bare.stderr]).toEqual([
      2,
      expect.stringMatching(/every version of two-windows is retired; name one in full: two-windows@1\.0\.0\n$/),
    ]);
    const again = await rangekeeper("model", "promote", "two-windows@1.0.0", "--registry", registry);
    expect([again.status, again.stderr]).toEqual([3, expect.stringMatching(/two-windows@1\.0\.0 is retired since/)]);
    expect(await ok("model", "list", "--registry", registry)).toMatch(
      /two-windows\s+1\.0\.0\s+volatility\s+\S+\s+retired/,
    );
    expect(existsSync(join(registry, "two-windows", "1.0.0", "model.onnx"))).toBe(true);
  });

  it("is backtested only where it was not trained", async () => {
    writeStrangersModel({
      folder: at("peeked"),
      name: "peeked",
      trainedOn: { from: 1_500_000_000, to: 1_658_188_801 },
    });
    await ok("model", "add", at("peeked"), "--registry", registry);
    const run = ["backtest", "-m", "peeked", "champion", "--data", root, "--market", MARKET, "--registry", registry];
    const refused = await rangekeeper(...run);
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/peeked@1\.0\.0 was trained on 2017-07-14 to 2022-07-19, but the backtest runs from/),
    ]);
  });
});

/** Waits until the challenger has answered: its thread keeps its own time. */
async function answered({ journal: { path } }: Config, hour: number): Promise<void> {
  const journal = openJournal(path, () => "reader");
  try {
    const said = () => journal.challengers().filter(({ error }) => error !== UNANSWERED).length;
    await until(() => (said() > hour ? true : null), 60_000);
  } finally {
    journal.close();
  }
}

/** Three days of minutes in which fees are worth more than what prices take away. */
function writeMarket(): void {
  const random = seededRandom(5);
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const start = 1_658_188_800;
  let tick = 202_700;
  const rows = Array.from({ length: 3 * 1440 }, (_, i) => {
    const open = tick;
    tick = Math.round(tick + 16 * gauss());
    const [low, high] = [Math.min(open, tick) - 2, Math.max(open, tick) + 2];
    return [start + 60 * i, tick, open, low, high, 1.2e11, 8e19, 5e17].join();
  });
  const header = "timestamp,close_tick,open_tick,lowest_tick,highest_tick,in_amount0,in_amount1,current_liquidity";
  mkdirSync(root, { recursive: true });
  writeFileSync(at(`${MARKET}.csv`), `${[header, ...rows].join("\n")}\n`);
}

/** The journal of a worker beside which the model ran for twenty days, and would have earned more. */
function writeJournal(path: string): void {
  const journal = openJournal(path, () => "worker");
  const outcome = (block: number, netBps: number) => ({
    fromSeconds: block * 12,
    toSeconds: block * 12 + 86_400,
    feesBps: netBps + 1,
    lvrBps: 1,
    netBps,
    realisedVariance: 1,
    predicted: { feesBps: 2, lvrBps: 1, costBps: 0 },
    predictedVariance: { q10: 0.5, q90: 2 },
  });
  const models = [{ id: "two-windows", version: "1.0.0", task: "volatility" as const, sha256 }];
  journal.together(() => {
    for (let hour = 0; hour < 20 * 24; hour++) {
      const block = 142_000_000 + 300 * hour;
      const record = { ...decisionRecord(block), modelSet: "champion" };
      const modelSet = "two-windows+rules";
      journal.recordDecision(record);
      journal.recordOutcome({ decisionId: record.id, settledAtSeconds: 0, outcome: outcome(block, 5) });
      const own = { ...decision(block), models };
      journal.recordChallenger({ decisionId: record.id, modelSet, decision: own, error: "" });
      const ahead = outcome(block, 8 + Math.sin(hour / 7));
      journal.recordChallengerOutcome({ decisionId: record.id, modelSet, settledAtSeconds: 0, outcome: ahead });
    }
  });
  journal.close();
}
