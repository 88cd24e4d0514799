import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { policies } from "../../../ml/backtest/policies/index.ts";
import { buildReport } from "../../../ml/backtest/report.ts";
import { serialiseReport } from "../../../ml/backtest/reportSchema.ts";
import type { PolicyFactory, RunResult } from "../../../ml/backtest/types.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import { readHistory, readRegistry } from "../../../ml/registry/files.ts";
import { createChallengers } from "../../../rebalancer/challengers.ts";
import { refuseOverlap } from "../../../rebalancer/cli/backtest/models.ts";
import { backtestEvidence, shadowEvidence } from "../../../rebalancer/cli/model/evidence.ts";
import { registerModel } from "../../../rebalancer/cli/model.ts";
import type { Config } from "../../../rebalancer/config.ts";
import { exitCodeOf } from "../../../rebalancer/errors.ts";
import type { ChallengerRecord } from "../../../rebalancer/journal/challengers.ts";
import type { DecisionInputs } from "../../../rebalancer/journal/inputs.ts";
import { bounds, market, settings, vault } from "../../ml/fixtures.ts";
import { writeSecondPackage } from "../../ml/runtime/package.ts";
import { decision, decisionRecord } from "../../support/journalRecords.ts";
import { START, tinyRun, walkBars } from "../../support/tinyMarket.ts";
import { verbRunner } from "../../support/verb.ts";

const run = verbRunner(registerModel, "model");
/** One call of several in a test, each with a status of its own. */
const model = (...args: string[]) => {
  process.exitCode = undefined;
  return run(...args);
};

let root: string;
let registry: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "model-verb-"));
  registry = join(root, "models");
});
afterAll(() => rmSync(root, { recursive: true }));

const at = (...parts: string[]) => join(root, ...parts);
const long = (text: string) => text.split("\n").filter((line) => line.length > 80);
/** Bytes of the registry: what a refused verb must leave as they were. */
const bytes = () => [
  readFileSync(join(registry, "registry.json"), "utf8"),
  readFileSync(join(registry, "history.ndjson"), "utf8"),
];

describe("rangekeeper model", () => {
  it("takes a stranger's rule from an empty folder into the registry", async () => {
    const made = await model("new", at("my-rule"));
    expect([made.status, made.stderr]).toEqual([0, ""]);
    const checked = await model("check", at("my-rule"));
    expect(checked.stdout).toMatch(/my-rule passes all 15 checks/);
    expect(long(checked.stdout)).toEqual([]);
    const added = await model("add", at("my-rule"), "--tag", "mine", "--registry", registry);
    expect(added.stdout).toMatch(/^added my-rule@0\.1\.0 \(volatility\)/);
    expect(readRegistry(registry).models["my-rule"]?.versions).toMatchObject([{ version: "0.1.0", tags: ["mine"] }]);
    // A copy: what happens to the original changes nothing.
    rmSync(at("my-rule", "model.mts"));
    expect((await model("check", "my-rule", "--registry", registry)).status).toBe(0);
  });

  it("lists, shows, compares and prints cards in 80 columns and in JSON", async () => {
    for (const args of [["list"], ["show", "my-rule"], ["compare", "my-rule", "my-rule@0.1.0"], ["card", "my-rule"]]) {
      const words = await model(...args, "--registry", registry);
      expect([words.status, words.stderr]).toEqual([0, ""]);
      expect(words.stdout).toMatch(/my-rule/);
      if (args[0] !== "card") expect(long(words.stdout)).toEqual([]);
      expect(JSON.parse((await model(...args, "--registry", registry, "--json")).stdout)).toBeTruthy();
    }
    expect((await model("list", "--registry", at("none"))).stdout).toMatch(/^no model is registered in /);
  });

  it("never replaces a version", async () => {
    const before = bytes();
    await model("new", at("again", "my-rule"));
    const same = await model("add", at("again", "my-rule"), "--registry", registry);
    expect([same.status, same.stderr]).toEqual([2, expect.stringMatching(/my-rule@0\.1\.0 is already registered/)]);
    const file = at("again", "my-rule", "model.mts");
    writeFileSync(file, `${readFileSync(file, "utf8")}\n`);
    expect((await model("check", at("again", "my-rule"))).status).toBe(2);
    expect((await model("check", at("again", "my-rule"), "--seal")).status).toBe(0);
    const other = await model("add", at("again", "my-rule"), "--registry", registry);
    expect([other.status, other.stderr]).toEqual([2, expect.stringMatching(/give the changed package a new version/)]);
    expect(bytes()).toEqual(before);
  });

  it("adds nothing that fails the suite", async () => {
    await model("new", at("broken"));
    rmSync(at("broken", "sample.json"));
    const { status, stderr } = await model("add", at("broken"), "--registry", registry);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/fails the check "samples": .*must bring its samples/)]);
    expect(existsSync(join(registry, "broken"))).toBe(false);
  });

  it("lets an alias mean a package wherever a set is named", async () => {
    expect((await model("promote", "my-rule", "--to", "shadow", "--registry", registry)).status).toBe(0);
    const set = await loadModelSet("shadow", { registry });
    expect([set.id, set.volatility.id, set.il.id]).toEqual(["shadow", "my-rule", "rules-il"]);
    await expect(loadModelSet("challenger", { registry })).rejects.toThrow(/alias challenger names nothing/);
    await expect(loadModelSet("my-rule@9.0.0", { registry })).rejects.toThrow(/must be one of rangekeeper, rules/);
  });

  it("does not load a registered package whose manifest was changed since", async () => {
    const file = join(registry, "my-rule", "0.1.0", "manifest.json");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(/"sha256": "0x..../, '"sha256": "0xffff'));
    await expect(loadModelSet("my-rule", { registry })).rejects.toThrow(/was registered with 0x/);
    writeFileSync(file, text);
  });

  it("refuses the champion's place without evidence, with status 3 and nothing moved", async () => {
    const before = bytes();
    const { status, stdout, stderr } = await model("promote", "my-rule", "--registry", registry);
    expect(status).toBe(3);
    expect(stdout).toMatch(/shadow days\s+no\s+at least 14\s+not shown/);
    expect(stderr).toMatch(/my-rule@0\.1\.0 is not promoted: shadow days: not shown/);
    expect(long(stdout)).toEqual([]);
    expect(bytes()).toEqual(before);
  });

  it("writes down a promotion by force with all that spoke against it, and rolls it back", async () => {
    expect((await model("promote", "my-rule", "--force", "--registry", registry)).status).toBe(0);
    const event = readHistory(registry).at(-1);
    expect(event).toMatchObject({
      action: "promote",
      alias: "champion",
      from: null,
      to: "my-rule@0.1.0",
      forced: true,
    });
    expect(event?.refusals).toHaveLength(9);
    expect(event?.evidence).toMatch(/^0x[0-9a-f]{64}$/);
    const retired = await model("retire", "my-rule", "--registry", registry);
    expect([retired.status, retired.stderr]).toEqual([3, expect.stringMatching(/is the champion and shadow/)]);
    expect((await model("rollback", "--registry", registry)).stdout).toMatch(
      /champion of volatility: my-rule@0\.1\.0 -> none/,
    );
    expect(readRegistry(registry).aliases.champion).toEqual({});
    expect((await model("rollback", "--registry", registry)).status).toBe(2);
    expect((await model("rollback", "--alias", "shadow", "--registry", registry)).status).toBe(0);
    expect((await model("retire", "my-rule", "--registry", registry)).status).toBe(0);
    expect((await model("promote", "my-rule@0.1.0", "--registry", registry)).status).toBe(3);
    expect(readHistory(registry).map(({ action }) => action)).toEqual([
      "add",
      "promote",
      "promote",
      "rollback",
      "rollback",
      "retire",
    ]);
  });

  it.each([
    [["check", "nonesuch"], /"nonesuch" must be one of volatility-har-net, .*, a folder such as/],
    [["show", "rules-il"], /rules-il/],
    [["compare", "volatility-har-net+yield-har", "yield-har"], /must mean one package/],
    [["show", "./nonesuch"], /must hold a manifest\.json/],
    [["promote", "nonesuch"], /nonesuch must be NAME\[@VERSION\]/],
    [["promote", "my-rule@0.1.0", "--shadow-days", "soon"], /--shadow-days: soon; rule: a number from 0/],
    [["new", "No Name"], /rule: its last part names the model/],
  ])("ends %j with status 2 and the rule that was broken", async (args, says) => {
    const { status, stderr } = await model(...args, ...(args[0] === "new" ? [] : ["--registry", registry]));
    expect([status, stderr]).toEqual([2, expect.stringMatching(says)]);
  });
});

describe("the gate's evidence", () => {
  const sha256 = `0x${"ab".repeat(32)}` as const;
  const candidate = { id: "mine", version: "1.0.0", sha256, trainedOn: null };
  const outcome = (atSeconds: number, netBps: number) => ({
    fromSeconds: atSeconds,
    toSeconds: atSeconds + 86_400,
    feesBps: netBps + 1,
    lvrBps: 1,
    netBps,
    realisedVariance: 1,
    predicted: { feesBps: 2, lvrBps: 1, costBps: 0 },
    predictedVariance: { q10: 0.5, q90: 2 },
  });

  /** A journal of hourly decisions over some days, of which the challenger earned `ahead` more. */
  function journal(days: number, ahead: number, outside = 0) {
    const blocks = Array.from({ length: days * 24 }, (_, i) => 300 * i);
    const records: ChallengerRecord[] = blocks.map((block, i) => ({
      decisionId: `d${block}`,
      modelSet: "./mine",
      decision: {
        ...decision(block),
        action: "hold",
        reasonKey: i < outside ? "out-of-domain" : "edge",
        models: [{ id: "mine", version: "1.0.0", task: "volatility", sha256 }],
      },
      error: "",
    }));
    const settle = (net: (i: number) => number) => (block: number, i: number) => ({
      decisionId: `d${block}`,
      modelSet: "./mine",
      settledAtSeconds: 0,
      outcome: outcome(block * 12, net(i)),
    });
    return {
      challengers: () => records,
      challengerOutcomes: () => blocks.map(settle((i) => 5 + ahead + Math.sin(i / 7))),
      decision: (id: string) => ({ ...decisionRecord(Number(id.slice(1))) }),
      outcomes: () => blocks.map(settle(() => 5)) as never,
    };
  }

  it("is taken from the journaled decisions that were made with the candidate's bytes", () => {
    const found = shadowEvidence(journal(30, 3, 36), candidate);
    expect(found?.days).toBeCloseTo(30 - 1 / 24, 6);
    expect(found).toMatchObject({ answered: 720, outOfDomain: 0.05 });
    expect(found?.difference?.low).toBeGreaterThan(0);
    expect(shadowEvidence(journal(30, -3), candidate)?.difference?.high).toBeLessThan(0);
    expect(shadowEvidence(journal(5, 3), candidate)?.difference).toBeNull();
    expect(shadowEvidence(journal(30, 3), { ...candidate, version: "1.0.1" })).toBeNull();
    const { atSeconds } = decision(0);
    const trained = (to: number) => ({ ...candidate, trainedOn: { from: 0, to } as never });
    expect(shadowEvidence(journal(30, 3), trained(atSeconds))?.inSample).toBe(false);
    expect(shadowEvidence(journal(30, 3), trained(atSeconds + 1))?.inSample).toBe(true);
    expect(shadowEvidence(journal(30, 3), { ...candidate, sha256: `0x${"00".repeat(32)}` })).toBeNull();
  });

  it("is taken from a report about the candidate in which the champion ran beside it", async () => {
    const bars = walkBars({ hours: 48 + 21 * 24, seed: 3, feeOverLvr: 0.5 });
    const played = async (id: string, set: string): Promise<RunResult> => ({
      ...(await tinyRun(policies[id] as PolicyFactory, { bars })),
      policy: { id: `model-${set}`, label: `model ${set}`, family: "model", clairvoyant: false },
    });
    const [mine, champion] = [await played("stand-aside", "./mine"), await played("tau-1000", "rangekeeper")];
    const model = { id: "mine", version: "1.0.0", task: "volatility", sha256, trainedOn: "", inSample: true };
    const provenance = { configSha256: "cd".repeat(32), codeVersion: "0.1.0", models: [model] };
    const report = buildReport({ ...provenance, results: [mine, champion] });
    const file = at("report.json");
    writeFileSync(file, serialiseReport(report));
    const isChampion = (set: string) => set === "rangekeeper";
    const found = backtestEvidence(report, candidate, isChampion, file);
    const row = report.comparisons.rows.find(({ against }) => against === "model rangekeeper");
    expect(row).toBeDefined();
    expect(found).toMatchObject({ inSample: true, difference: { low: row?.low, high: row?.high } });
    expect(found.championDrawdown).toBe(report.runs[1]?.metrics.drawdown?.depth ?? 0);
    const { fromSeconds } = report.header;
    const honest = buildReport({ ...provenance, models: [{ ...model, inSample: false }], results: [mine, champion] });
    const span = (to: number) => ({ ...candidate, trainedOn: { from: 0, to } as never });
    expect(backtestEvidence(honest, span(fromSeconds), isChampion, file).inSample).toBe(false);
    expect(backtestEvidence(honest, span(fromSeconds + 1), isChampion, file).inSample).toBe(true);
    const alone = buildReport({ ...provenance, results: [mine] });
    expect(backtestEvidence(alone, candidate, isChampion, file)).toMatchObject({
      difference: null,
      championDrawdown: null,
    });
    const about = buildReport({ ...provenance, results: [champion, mine] });
    expect(() => backtestEvidence(about, candidate, isChampion, file)).toThrow(/must be a backtest of the candidate/);
    expect(() => backtestEvidence(report, { ...candidate, sha256: `0x${"00".repeat(32)}` }, isChampion, file)).toThrow(
      /of the candidate/,
    );
  });
});

describe("a package from outside", () => {
  it("is not backtested over what it was trained on, unless it is said", () => {
    const layer = { outputs: 4, weights: [0, 0, 0, 0, 0, 0, 0, 0], bias: [1, 1, 2, 3] };
    const folder = writeSecondPackage(root, layer);
    const span = (fromSeconds: number) => ({ fromSeconds, toSeconds: fromSeconds + 86_400 });
    const refusal = () => refuseOverlap([folder], span(1_550_000_000));
    expect(refusal).toThrow(
      /tiny-volatility@1\.0\.0 was trained on 2017-07-14 to 2020-09-13, but the backtest runs from/,
    );
    try {
      refusal();
    } catch (error) {
      expect(exitCodeOf(error)).toBe(2);
    }
    expect(() => refuseOverlap([folder], span(START))).not.toThrow();
    expect(() => refuseOverlap(["rangekeeper"], span(1_550_000_000))).not.toThrow();
  });

  it("answers as a challenger in a thread of its own", async () => {
    await model("new", at("challenger"));
    const history = market({ hours: 240 });
    const inputs: DecisionInputs = {
      state: vault(history, 1),
      bounds,
      settings,
      grid: null,
      history: { ...history, swaps: history.swaps.length },
    };
    const records: ChallengerRecord[] = [];
    const challengers = createChallengers({
      config: { models: { challengers: [at("challenger")], registry: at("models") } as unknown as Config["models"] },
      journal: {
        inputs: () => inputs,
        recordChallenger: (record) => void records.push(record),
        latestCalibration: () => null,
        recordCalibration: () => undefined,
      },
      logger: { warn: () => undefined, info: () => undefined },
    });
    challengers?.offer(history, ["d0"]);
    const end = performance.now() + 60_000;
    while (records.length === 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
    await challengers?.close();
    const { sha256 } = (await loadModelSet(at("challenger"))).volatility;
    expect(records[0]?.error).toBe("");
    expect(records[0]?.decision?.models.map((one) => one.sha256)).toContain(sha256);
  });
});
