import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue } from "bullmq";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModelSet } from "../../ml/models/index.ts";
import type { ModelSet } from "../../ml/types.ts";
import { freePort } from "../../rebalancer/cli/demo/redis.ts";
import type { Config } from "../../rebalancer/config.ts";
import { exitCodeOf, explain } from "../../rebalancer/errors.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { run } from "../../rebalancer/main.ts";
import { queuePrefix } from "../../rebalancer/queues/queue.ts";
import { bullConnection } from "../../rebalancer/queues/redis.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";
import { startProgram } from "../support/workerProcess.ts";

let local: LocalDeployment;
beforeAll(async () => {
  local = await startLocalDeployment();
}, 400_000);
afterAll(() => local?.stop());

/** Runs the command line and returns how it ended. */
const cli = (path: string, ...args: string[]) =>
  startProgram("rebalancer/cli/main.ts", [...args, "--config", path], local.env).ended;

/** What the worker says when it refuses to start, and the exit status that goes with it. */
async function refusal(config: Config, parameters: { live?: boolean; models?: ModelSet } = {}) {
  try {
    await run({ config, signal: AbortSignal.timeout(20_000), live: true, env: local.env, ...parameters });
  } catch (error) {
    return { message: explain(error), code: exitCodeOf(error) };
  }
  throw new Error("the worker ran");
}

describe("a worker that cannot start", () => {
  it("names a chain id that is not the node's, as a process with status 2", async () => {
    const { path } = local.configure({ chainId: 1, addresses: writeAddresses(1) });
    const { code, stderr } = await cli(path, "worker", "start", "--yes-live");
    expect(stderr).toContain("config chainId: 1; rule: must be the chain id of the node");
    expect(stderr).toContain("which is 31337");
    expect(code).toBe(2);
  });

  it("names a node that does not answer", async () => {
    const rpcUrl = `http://127.0.0.1:${await freePort()}`;
    const { message, code } = await refusal(local.configure({ rpcUrl }).config);
    expect(message).toContain(`rpcUrl: ${rpcUrl}; rule: an Ethereum node must answer there`);
    expect(code).toBe(1);
  });

  it("names a Redis that does not answer", async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    const { message, code } = await refusal(local.configure({ "redis.url": url }).config);
    expect(message).toContain(`redis.url: ${url}; rule: a Redis must answer there`);
    expect(code).toBe(1);
  });

  it("refuses live without the flag, with status 2", async () => {
    const { message, code } = await refusal(local.configure().config, { live: false });
    expect(message).toContain("worker.mode: live; rule: needs the flag --yes-live");
    expect(code).toBe(2);
  });

  it("names an unknown key, as a process with status 2", async () => {
    const { path } = local.configure();
    writeFileSync(path, `${readFileSync(path, "utf8")}\n[colour]\nname = "blue"\n`);
    const { code, stderr } = await cli(path, "config", "check", "--json");
    expect(JSON.parse(stderr)).toEqual({
      error: "ConfigError",
      message: 'config colour: {"name":"blue"}; rule: unknown key',
    });
    expect(code).toBe(2);
  });

  it("names a model set that is not registered", async () => {
    const { message } = await refusal(local.configure({ "models.set": "oracle-of-delphi" }).config);
    expect(message).toContain("oracle-of-delphi");
  });

  it("says which model file has another hash than its manifest", async () => {
    const packages = mkdtempSync(join(tmpdir(), "rangekeeper-models-"));
    cpSync(join(import.meta.dirname, "../../ml/models"), packages, { recursive: true });
    const file = join(packages, "volatility-har-net", "model.onnx");
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file, bytes);
    await expect(loadModelSet("rangekeeper", { packages })).rejects.toThrow(/volatility-har-net.*model\.onnx/);
    await expect(loadModelSet("rangekeeper", { packages })).rejects.toThrow(/sha256|hash/i);
  });

  it("refuses a vault that another worker holds, with status 3", async () => {
    const first = local.configure({ "worker.mode": "shadow" });
    const second = local.configure({ "worker.mode": "shadow" });
    const stop = new AbortController();
    const running = run({ config: first.config, signal: stop.signal, env: local.env });
    await settled(local, await local.tick(60));
    const { message, code } = await refusal(second.config, { live: false });
    expect(message).toMatch(/lease of vault 0x\w+: held by worker .*; rule: one worker/);
    expect(code).toBe(3);
    stop.abort();
    await running;
  });

  it("does not evaluate a block that was due too long ago to act upon", async () => {
    const { config } = local.configure({ "worker.mode": "shadow" });
    await local.tick(3_600 - (local.time % 3_600));
    const block = await local.tick(1_200);
    const stop = new AbortController();
    const running = run({ config, signal: stop.signal, env: local.env });
    expect(await settled(local, block, 5_000)).toEqual({ block, state: "skipped" });
    stop.abort();
    await running;
    const journal = openJournal(config.journal.path, () => "reader");
    expect(journal.decisions()).toEqual([]);
    journal.close();
  });
});

describe("a running worker", () => {
  /** Runs a worker over one evaluated block and returns its journal's decisions and what `act` found. */
  async function watch<T>(
    changes: Record<string, unknown>,
    parameters: { live?: boolean; models?: ModelSet },
    act: (config: Config) => Promise<T>,
  ) {
    const { config } = local.configure(changes);
    const stop = new AbortController();
    const running = run({ config, signal: stop.signal, env: local.env, ...parameters });
    const found = await Promise.race([act(config), running.then(() => Promise.reject(new Error("the worker ended")))]);
    stop.abort();
    await running;
    const journal = openJournal(config.journal.path, () => "reader");
    const decisions = journal.decisions().map(({ decision }) => decision);
    const proposals = journal.proposals();
    journal.close();
    return { found, decisions, proposals };
  }
  const nextHour = () => local.tick(3_600 - (local.time % 3_600));

  it("holds and writes down why when a model answers NaN", async () => {
    const rules = await loadModelSet("rules");
    const models: ModelSet = {
      ...rules,
      volatility: { ...rules.volatility, predict: async () => ({ mean: Number.NaN, q10: 0, q50: 0, q90: 0 }) },
    };
    const { found, decisions, proposals } = await watch({}, { live: true, models }, async () =>
      settled(local, await nextHour()),
    );
    expect(found.state).toBe("held");
    expect(decisions.at(-1)).toMatchObject({ reasonKey: "model-error", plan: null, chosen: -1 });
    expect(proposals).toEqual([]);
  });

  it("files a malformed payload and goes on", async () => {
    const { found, decisions } = await watch({ "worker.mode": "shadow" }, {}, async (config) => {
      await settled(local, await local.tick(60));
      const reader = openJournal(config.journal.path, () => "reader");
      const prefix = queuePrefix(config, reader.identity);
      reader.close();
      const queue = new Queue("execute", { connection: bullConnection(config.redis), prefix });
      const job = await queue.add("execute", { digest: "0x12", to: "0xattacker", data: "0x" }, { jobId: "malformed" });
      const end = Date.now() + 10_000;
      while (!(await job.isFailed()) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      const reason = (await queue.getJob("malformed"))?.failedReason;
      await queue.close();
      return { reason, marker: await settled(local, await nextHour()) };
    });
    expect(found.reason).toContain('execute payload digest: "0x12"; rule: a digest is 0x and 64 hexadecimal digits');
    expect(found.reason).toContain('to: "0xattacker"; rule: unknown key');
    expect(found.marker.state).toBe("shadow");
    expect(decisions.length).toBeGreaterThan(0);
  });

  it("simulates and sends nothing in dry-run", async () => {
    const { found, proposals } = await watch({ "worker.mode": "dry-run" }, {}, async () =>
      settled(local, await nextHour()),
    );
    expect(found.state).toBe("simulated");
    expect(proposals.map(({ status, transaction }) => ({ status, transaction }))).toEqual([
      { status: "simulated", transaction: null },
    ]);
  });

  it("waits for a node that stops answering and goes on where it was", async () => {
    const { found } = await watch({ "worker.mode": "shadow" }, {}, async () => {
      await settled(local, await local.tick(60));
      process.kill(local.market.anvil.pid, "SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      process.kill(local.market.anvil.pid, "SIGCONT");
      return settled(local, await nextHour());
    });
    expect(found.state).toBe("shadow");
  });

  it("refuses in words what the chain would refuse, and rests", async () => {
    // The worker signs for another model than the strategy is set to.
    const { found, proposals } = await watch({ "registry.decisionModel": "another-model" }, { live: true }, async () =>
      settled(local, await nextHour()),
    );
    expect(found.state).toBe("refused");
    expect(proposals[0]).toMatchObject({ status: "refused", transaction: null });
    expect(proposals[0]?.detail).toMatch(/^simulation model mismatch: .*\(ModelMismatch\)$/);
  });
});

function writeAddresses(chainId: number): string {
  const { lens, strategy, vault } = local.deployment;
  const path = join(mkdtempSync(join(tmpdir(), "rangekeeper-addresses-")), "addresses.json");
  writeFileSync(path, JSON.stringify({ chainId, pool: local.market.deployment.pool, vault, lens, strategy }));
  return path;
}
