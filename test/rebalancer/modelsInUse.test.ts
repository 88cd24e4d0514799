import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createChallengers } from "../../rebalancer/challengers.ts";
import { registerModel } from "../../rebalancer/cli/model.ts";
import { registerStatus } from "../../rebalancer/cli/status.ts";
import type { ChallengerRecord } from "../../rebalancer/journal/challengers.ts";
import type { DecisionInputs } from "../../rebalancer/journal/inputs.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { createLogger } from "../../rebalancer/log/log.ts";
import { run } from "../../rebalancer/main.ts";
import { openModelsInUse } from "../../rebalancer/modelsInUse.ts";
import { bounds, market, settings, vault } from "../ml/fixtures.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";
import { verbRunner } from "../support/verb.ts";

const model = verbRunner(registerModel, "model");
const status = verbRunner(registerStatus, "status");

let folder: string;
let registry: string;
const at = (name: string) => join(folder, name);
const logger = createLogger({ level: "silent" });

/** A package of this name in the registry. */
async function add(name: string): Promise<void> {
  expect((await model("new", at(name))).status).toBe(0);
  const { status, stderr } = await model("add", at(name), "--registry", registry);
  expect(stderr).toBe("");
  expect(status).toBe(0);
}
const promote = async (name: string) => {
  const { status, stderr } = await model("promote", name, "--force", "--registry", registry);
  expect([status, stderr]).toEqual([0, ""]);
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "models-in-use-"));
  registry = at("models");
  await add("first");
  await add("second");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the models in use", () => {
  const nowSeconds = () => 1_000;
  const config = () => ({ models: { set: "champion", challengers: [], registry, signers: [] } }) as never;

  it("are those that the champion's place means, from the block on at which it is seen to mean others", async () => {
    await promote("first");
    const journal = openJournal(":memory:", () => "worker");
    const inUse = await openModelsInUse({ config: config(), journal, logger, nowSeconds });
    const before = inUse.now;
    expect([before.id, before.volatility.id]).toEqual(["first@0.1.0", "first"]);
    await inUse.follow({ number: 7, timestamp: 84 });
    expect(inUse.now).toBe(before);
    await promote("second");
    expect(inUse.now).toBe(before);
    await inUse.follow({ number: 8, timestamp: 96 });
    expect([inUse.now.id, inUse.now.volatility.id]).toEqual(["second@0.1.0", "second"]);
    expect(journal.modelsInUse()).toMatchObject([
      { asked: "champion", modelSet: "first@0.1.0", block: null, atSeconds: 1_000 },
      { asked: "champion", modelSet: "second@0.1.0", block: 8, atSeconds: 96 },
    ]);
    expect((await model("rollback", "--registry", registry)).status).toBe(0);
    await inUse.follow({ number: 9, timestamp: 108 });
    expect(inUse.now.id).toBe("first@0.1.0");
    journal.close();
  });

  it("stay when the new ones cannot be loaded, until they can", async () => {
    const journal = openJournal(":memory:", () => "worker");
    const warnings: string[] = [];
    const telling = createLogger({ level: "warn", destination: { write: (line) => void warnings.push(line) } });
    const inUse = await openModelsInUse({ config: config(), journal, logger: telling, nowSeconds });
    const file = join(registry, "second", "0.1.0", "manifest.json");
    const sound = readFileSync(file, "utf8");
    await promote("second");
    writeFileSync(file, `${sound} `);
    await inUse.follow({ number: 7, timestamp: 84 });
    await inUse.follow({ number: 8, timestamp: 96 });
    expect(inUse.now.id).toBe("first@0.1.0");
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/first@0\.1\.0 goes on: champion cannot be read: .*manifest\.json/);
    writeFileSync(file, sound);
    await inUse.follow({ number: 9, timestamp: 108 });
    expect(inUse.now.id).toBe("second@0.1.0");
    expect(journal.modelsInUse().map(({ block }) => block)).toEqual([null, 9]);
    journal.close();
  });
});

describe("a challenger that is named by its place", () => {
  it("is what the place means, from the block on at which it is seen to mean others", async () => {
    const asChallenger = async (name: string) =>
      expect((await model("promote", name, "--to", "challenger", "--registry", registry)).status).toBe(0);
    await asChallenger("first");
    const history = market({ hours: 40 });
    const inputs: DecisionInputs = {
      ...{ state: vault(history, 1), bounds, settings, grid: null },
      history: { ...history, swaps: history.swaps.length },
    };
    const records: ChallengerRecord[] = [];
    const told: string[] = [];
    const challengers = createChallengers({
      config: { models: { challengers: ["challenger", "rules", "nonesuch"], registry, signers: [] } } as never,
      journal: {
        inputs: () => inputs,
        recordChallenger: (record) => void records.push(record),
        latestCalibration: () => null,
        recordCalibration: () => undefined,
      },
      logger: { warn: () => undefined, info: (_: unknown, text?: string) => void told.push(text ?? "") } as never,
      // However busy the machine is, an answer is waited for.
      thread: { patienceMilliseconds: 500_000 },
    });
    const answersOf = async (id: string) => {
      challengers?.offer(history, [id]);
      const of = () => records.filter(({ decisionId }) => decisionId === id);
      await vi.waitFor(() => expect(of()).toHaveLength(3), { timeout: 500_000, interval: 20 });
      return new Map(of().map(({ modelSet, decision }) => [modelSet, decision?.models[0]?.id]));
    };
    const others = [
      ["rules", "rules-volatility"],
      ["nonesuch", undefined],
    ] as const;
    expect(await answersOf("d0")).toEqual(new Map([["first@0.1.0", "first"], ...others]));
    await asChallenger("second");
    expect([...(await answersOf("d1")).keys()]).toContain("first@0.1.0");
    challengers?.follow();
    expect(await answersOf("d2")).toEqual(new Map([["second@0.1.0", "second"], ...others]));
    expect(told).toEqual(["challenger challenger is second@0.1.0 from now on"]);
    challengers?.follow();
    // A registry that cannot be read takes nothing away.
    const file = join(registry, "first", "0.1.0", "manifest.json");
    const sound = readFileSync(file, "utf8");
    await asChallenger("first");
    writeFileSync(file, "{");
    challengers?.follow();
    expect([...(await answersOf("d3")).keys()]).toContain("second@0.1.0");
    writeFileSync(file, sound);
    challengers?.follow();
    expect([...(await answersOf("d4")).keys()]).toContain("first@0.1.0");
    await challengers?.close();
  }, 600_000);
});

describe("a worker", () => {
  let local: LocalDeployment;
  beforeAll(async () => {
    local = await startLocalDeployment();
  }, 400_000);
  afterAll(() => local?.stop());

  it("decides with a new champion from the next block on, without a restart, and says so", async () => {
    await promote("first");
    const { config, path } = local.configure({ models: { set: "champion", registry } });
    const stop = new AbortController();
    const running = run({ config, signal: stop.signal, live: true, env: local.env });
    const hour = async () => settled(local, await local.tick(3_600 - (local.time % 3_600)));
    try {
      await hour();
      await promote("second");
      await hour();
      const told = (await status("--config", path)).stdout.replace(/\s+/g, " ");
      expect(told).toMatch(/models champion = second@0\.1\.0 since block \d+: second@0\.1\.0, rules-il@/);
    } finally {
      stop.abort();
      await running;
    }
    const journal = openJournal(config.journal.path, () => "reader");
    const decisions = journal.decisions();
    const taken = journal.modelsInUse();
    journal.close();
    expect(decisions.map(({ modelSet }) => modelSet)).toEqual(["first@0.1.0", "second@0.1.0"]);
    expect(decisions.map(({ decision }) => decision.models[0]?.id)).toEqual(["first", "second"]);
    expect(taken.map(({ modelSet, block }) => [modelSet, block])).toEqual([
      ["first@0.1.0", null],
      ["second@0.1.0", decisions[1]?.block],
    ]);
  });
});
