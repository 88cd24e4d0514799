import { appendFileSync, mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue } from "bullmq";
import fc from "fast-check";
import { generatePrivateKey } from "viem/accounts";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { loadModelSet } from "../../../ml/models/index.ts";
import { emptyCalibration } from "../../../ml/risk/uncertainty/calibration.ts";
import type { Address } from "../../../ml/types.ts";
import { freePort } from "../../../rebalancer/cli/demo/redis.ts";
import { follow, lastLines } from "../../../rebalancer/cli/logs/lines.ts";
import type { Config } from "../../../rebalancer/config.ts";
import type { DeadLetter } from "../../../rebalancer/journal/deadLetters.ts";
import { openJournal } from "../../../rebalancer/journal.ts";
import { logDestination } from "../../../rebalancer/log/logFile.ts";
import { run } from "../../../rebalancer/main.ts";
import { type QueueName, queuePrefix } from "../../../rebalancer/queues/queue.ts";
import { bullConnection } from "../../../rebalancer/queues/redis.ts";
import { type LocalDeployment, startLocalDeployment } from "../../support/deployment.ts";
import { settled } from "../../support/lockstep.ts";
import { startRpcProxy } from "../../support/rpcProxy.ts";
import { lineRunner } from "../../support/verb.ts";

let local: LocalDeployment;
beforeAll(async () => {
  local = await startLocalDeployment();
}, 400_000);
afterAll(() => local?.stop());
afterEach(() => vi.unstubAllEnvs());

const rangekeeper = lineRunner();
const long = (text: string) => text.split("\n").filter((line) => line.length > 80);

/** Gives the command line the worker's keys. */
function withKeys(): void {
  for (const name of ["RANGEKEEPER_SIGNER_KEY", "RANGEKEEPER_KEEPER_KEY"]) vi.stubEnv(name, local.env[name]);
}

/** Runs a live worker beside what `act` does. */
async function beside<T>(config: Config, act: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const running = run({ config, signal: stop.signal, live: config.worker.mode === "live", env: local.env });
  const ended = running.then(() => Promise.reject(new Error("the worker ended")));
  try {
    await Promise.race([settled(local, await local.tick(60)), ended]);
    return await Promise.race([act(), ended]);
  } finally {
    stop.abort();
    await running;
  }
}

describe("doctor", () => {
  it("finds nothing to mend in what works, and says what it saw", async () => {
    withKeys();
    const { path } = local.configure();
    const { status, stdout } = await rangekeeper("doctor", "--config", path);
    expect(stdout).toMatch(/^OK {3}node: /m);
    expect(stdout).toMatch(/^OK {3}code: 3 contracts are this build's$/m);
    expect(stdout).toMatch(/^OK {3}signer: rangekeeper-default is at stage full$/m);
    expect(stdout).toMatch(/ 0 to mend$/m);
    expect({ status, long: long(stdout) }).toEqual({ status: 0, long: [] });
  });

  it("names three broken things at once, each with what to do, and exits with 1", async () => {
    withKeys();
    vi.stubEnv("RANGEKEEPER_KEEPER_KEY", generatePrivateKey());
    const stranger = await startRpcProxy(local.market.anvil.url, ({ method }) =>
      method === "eth_chainId" ? { result: "0x1" } : null,
    );
    const url = `redis://127.0.0.1:${await freePort()}`;
    const { path } = local.configure({ "redis.url": url, "rpc.fallbackUrls": [stranger.url] });
    const words = await rangekeeper("doctor", "--config", path);
    const json = await rangekeeper("doctor", "--config", path, "--json");
    await stranger.stop();
    expect(long(words.stdout)).toEqual([]);
    expect(words.stdout).toMatch(/^FAIL redis: redis\.url: /m);
    expect(words.stdout).toMatch(
      /^FAIL rpc 2: http:\S+ is chain 1, and the\s+configuration\s+says\s+chainId\s+31337$/m,
    );
    expect(words.stdout).toMatch(/^FAIL keeper: 0x\w{40} holds 0\.000 ether/m);
    expect(words.stdout).toMatch(/-> send it ether: at least 0\.\d+ for 5 moves/);
    expect(words.stdout).toMatch(/, 3 to mend$/m);
    const { ok, checks } = JSON.parse(json.stdout) as { ok: boolean; checks: { name: string; status: string }[] };
    expect(ok).toBe(false);
    expect(checks.filter(({ status }) => status === "fail").map(({ name }) => name)).toEqual([
      "redis",
      "rpc 2",
      "keeper",
    ]);
    expect([words.status, json.status]).toEqual([1, 1]);
  });

  it("tells of an order of the kill switch, in Redis or in the journal alone, and calls nothing broken", async () => {
    withKeys();
    const { path } = local.configure();
    expect((await rangekeeper("doctor", "--config", path)).stdout).toMatch(/^OK {3}kill switch: off$/m);
    await rangekeeper("pause", "--reason", "a look", "--config", path);
    const ordered = await rangekeeper("doctor", "--config", path);
    await rangekeeper("resume", "--reason", "looked", "--config", path);
    expect(ordered.stdout).toMatch(/^WARN kill switch: level 1 for all vaults, by operator: a look$/m);
    expect(ordered.stdout).toMatch(/^ {5}-> rangekeeper resume --reason "\.\.\."/m);
    expect({ status: ordered.status, long: long(ordered.stdout) }).toEqual({ status: 0, long: [] });
    const { path: alone, config } = local.configure({ "redis.url": `redis://127.0.0.1:${await freePort()}` });
    const journal = openJournal(config.journal.path, () => "worker");
    const order = { scope: "all", level: 2, reason: "no Redis", by: "operator", atMilliseconds: 1 } as const;
    journal.recordStop(31_337, order);
    journal.close();
    expect((await rangekeeper("doctor", "--config", alone)).stdout).toMatch(
      /^WARN kill switch: level 2 for all vaults/m,
    );
  });

  it("knows a node of another chain, an absent key, a taken port and a signer that is not registered", async () => {
    const wrong = await rangekeeper("doctor", "--config", local.configure().path, "--chain-id", "5");
    expect(wrong.stdout).toMatch(/^FAIL rpc: http:\S+ is chain 31337, and/m);
    expect(wrong.stdout).toMatch(/^FAIL keys: mode live needs signer, keeper$/m);
    expect(wrong.status).toBe(1);
    withKeys();
    vi.stubEnv("RANGEKEEPER_SIGNER_KEY", generatePrivateKey());
    const listen = new URL(local.market.anvil.url).host;
    const other = await rangekeeper("doctor", "--config", local.configure({ "metrics.listen": listen }).path);
    expect(other.stdout).toMatch(/^FAIL metrics: something else listens at/m);
    expect(other.stdout).toMatch(/^FAIL signer: Rangekeeper \w+ wants 0x/m);
    expect(other.stdout).not.toContain(process.env.RANGEKEEPER_SIGNER_KEY);
  });
});

describe("rebalance", () => {
  const vault = () => local.deployment.vault;

  it("checks and simulates a range, and sends nothing, with --dry-run", async () => {
    withKeys();
    const { path } = local.configure();
    const before = await local.market.rpc.call("eth_blockNumber");
    const { status, stdout, stderr } = await rangekeeper(
      ...["rebalance", vault(), "--range=-600:660", "--dry-run", "--json", "--config", path],
    );
    expect(status, stderr).toBe(0);
    const found = JSON.parse(stdout) as { plan: { ranges: { lowerTick: number }[] }; report: unknown; proposal: null };
    expect(found.plan.ranges).toMatchObject([{ lowerTick: -600, upperTick: 660 }]);
    expect(found.report).toMatchObject({ navBefore: expect.stringMatching(/^\d+n$/) });
    expect(found.proposal).toBeNull();
    expect(await local.market.rpc.call("eth_blockNumber")).toBe(before);
  });

  it("declares what the worker's calibration states: the journal's, and what the history taught since", async () => {
    withKeys();
    const { path, config } = local.configure();
    const order = async () => {
      const args = ["rebalance", vault(), "--range=-1200:1260", "--dry-run", "--json", "--config", path];
      const { status, stdout, stderr } = await rangekeeper(...args);
      expect(status, stderr).toBe(0);
      return JSON.parse(stdout) as { spreadWad: string; stated: { days: number; misses: number } | null };
    };
    const alone = await order();
    expect(alone.stated?.days).toBeLessThan(59);
    const journal = openJournal(config.journal.path, () => "worker");
    const { id: modelSet } = await loadModelSet(config.models.set);
    const pool = config.vaults[0]?.pool as Address;
    // A hundred days long gone, with errors so large that the posterior is wide.
    const runs = [{ length: 100, probability: 1, squares: 150 }];
    for (const numeraire of [0, 1] as const) {
      const state = { ...emptyCalibration, days: 100 + numeraire, lastSeconds: 86_400, runs };
      journal.recordCalibration({ chainId: config.chainId, pool, numeraire, modelSet }, state);
    }
    journal.close();
    const taught = await order();
    expect(taught.stated?.days).toBeGreaterThanOrEqual(100);
    expect(BigInt(taught.spreadWad.slice(0, -1))).not.toBe(BigInt(alone.spreadWad.slice(0, -1)));
  });

  it("is refused by the worker's guards with status 3, and at a slip of the pen with status 2", async () => {
    withKeys();
    const { path } = local.configure();
    const order = (...args: string[]) => rangekeeper("rebalance", vault(), ...args, "--config", path);
    const narrow = await order("--range=-60:60", "--dry-run");
    expect([narrow.status, narrow.stderr]).toEqual([
      3,
      expect.stringMatching(/width: 120 ticks, wanted at least|floor/),
    ]);
    const idle = await order("--to-idle", "--yes-live");
    expect([idle.status, idle.stderr]).toEqual([2, expect.stringContaining("journal.path")]);
    for (const args of [
      ["--range=-61:60", "--dry-run"],
      ["--dry-run"],
      ["--to-idle"],
      ["--range=-600:0", "--range=0:600", "--dry-run"],
    ]) {
      expect((await order(...args)).status, args.join(" ")).toBe(2);
    }
  });

  it("goes through the running worker: sent, confirmed, journaled; then to idle, past a pause but not past a kill", async () => {
    withKeys();
    const { path, config } = local.configure({ "evaluate.minHistorySeconds": 100_000_000 });
    const order = (...args: string[]) => rangekeeper("rebalance", vault(), ...args, "--yes-live", "--config", path);
    const stop = (verb: string) => rangekeeper(verb, "--reason", "test", "--config", path);
    openJournal(config.journal.path, () => "before").close();
    const alone = await order("--to-idle");
    expect(alone.stderr).toContain("held by nobody; rule: a live worker");
    expect(alone.status).toBe(3);
    await beside(config, async () => {
      await stop("pause");
      const other = await order("--range=-600:660");
      expect([other.status, other.stderr]).toEqual([3, expect.stringContaining("the kill switch is on, level 1")]);
      await stop("resume");
      const moving = order("--range=-600:660");
      await vi.waitFor(async () => expect(await pending()).toBe(1), { timeout: 30_000, interval: 50 });
      await local.tick(12);
      const moved = await moving;
      expect([moved.status, moved.stdout]).toEqual([0, expect.stringMatching(/confirmed block \d+/)]);

      await stop("pause");
      const idling = order("--to-idle");
      await vi.waitFor(async () => expect(await pending()).toBe(1), { timeout: 30_000, interval: 50 });
      await local.tick(12);
      expect((await idling).status).toBe(0);
      await stop("kill");
      const late = await order("--to-idle");
      expect([late.status, late.stderr]).toEqual([3, expect.stringContaining("level 2")]);
      await stop("resume");

      const one = await rangekeeper("status", "--config", path);
      expect(one.stdout).toMatch(/last move: confirmed in block \d+/);
      expect(one.stdout).toContain("1 worker(s) on 1 of 1 vault(s)");
      expect(long(one.stdout)).toEqual([]);
    });
    const journal = openJournal(config.journal.path, () => "reader");
    expect(journal.proposals().map(({ status }) => status)).toEqual(["confirmed", "confirmed"]);
    expect(journal.decisions().filter(({ modelSet }) => modelSet === "by-hand")).toHaveLength(2);
    journal.close();
  });

  /** Transactions that wait in the node's pool. */
  async function pending(): Promise<number> {
    const { pending: waiting } = await local.market.rpc.call<{ pending: string }>("txpool_status", []);
    return Number(waiting);
  }
});

describe("queue", () => {
  it("survives whatever is put straight into Redis: a dead letter each, named, the process alive", async () => {
    const { path, config } = local.configure({ "worker.mode": "shadow" });
    await beside(config, async () => {
      const journal = openJournal(config.journal.path, () => "reader");
      const options = {
        connection: bullConnection(config.redis),
        prefix: queuePrefix(config, journal.identity),
      };
      const names = ["evaluate", "execute", "confirm"] as const satisfies readonly QueueName[];
      const queues = names.map((name) => new Queue(name, options));
      const seen = () => new Map(journal.deadLetters({ all: true }).map((letter) => [letter.jobId, letter]));
      const good = { chainId: 31337, vault: vaultLike, nonce: "0", digest: `0x${"ab".repeat(32)}` };
      const field = fc.oneof(fc.anything({ maxDepth: 2 }), fc.constantFrom(-1, 1.5, "0x", "0xZZ", "", "9".repeat(400)));
      const payload = fc.oneof(
        fc.jsonValue(),
        fc.record({ chainId: field, pool: field, block: field }),
        fc.record({ chainId: field, vault: field, nonce: field, digest: field, to: field }),
        fc
          .constantFrom("chainId", "vault", "nonce", "digest")
          .chain((key) => field.map((value) => ({ ...good, [key]: value }))),
        // good in shape, about nothing that the journal knows
        fc.constant(good),
      );
      let ids = 0;
      const drawn = fc.sample(payload, { seed: 66, numRuns: 45 });
      const put = await Promise.all(
        drawn.map(async (data, index) => {
          const jobId = `hostile-${ids++}`;
          await queues[index % 3]?.add(index % 7 === 0 ? "stranger" : (names[index % 3] as string), data, { jobId });
          return jobId;
        }),
      );
      await vi.waitFor(() => expect(put.filter((id) => !seen().has(id))).toEqual([]), {
        timeout: 40_000,
        interval: 100,
      });
      for (const id of put) {
        const { errorClass, message } = seen().get(id) as DeadLetter;
        expect(errorClass, message).toMatch(/^(PayloadError|FatalError|ConfigError)/);
        expect(message).toMatch(/rule: /);
      }

      const ls = await rangekeeper("queue", "ls", "--config", path);
      expect(ls.stdout).toMatch(/^evaluate +\d/m);
      expect(long(ls.stdout)).toEqual([]);
      const { deadLetters } = JSON.parse((await rangekeeper("queue", "ls", "--json", "--config", path)).stdout) as {
        deadLetters: DeadLetter[];
      };
      expect(deadLetters).toHaveLength(put.length);
      const first = deadLetters[0] as DeadLetter;
      const shown = await rangekeeper("queue", "show", String(first.id), "--config", path);
      expect(shown.stdout).toContain(first.jobId);
      // What never was a payload cannot be put back, and stays where a person sees it.
      const malformed = deadLetters.find(({ errorClass }) => errorClass.startsWith("PayloadError")) as DeadLetter;
      const refused = await rangekeeper("queue", "retry", String(malformed.id), "--config", path);
      expect([refused.status, refused.stdout]).toEqual([3, expect.stringContaining("rule: ")]);
      const replayed = deadLetters.find(
        ({ queue, errorClass, payload: text }) =>
          queue === "execute" && errorClass.startsWith("FatalError") && text === JSON.stringify(good),
      );
      if (replayed) {
        const again = await rangekeeper("queue", "retry", String(replayed.id), "--config", path);
        expect([again.status, again.stdout]).toEqual([0, expect.stringContaining(`put back: ${replayed.id}`)]);
      }
      const dropped = await rangekeeper("queue", "drain", "--letters", String(malformed.id), "--config", path);
      expect(dropped.stdout).toBe(`dropped: ${malformed.id}\n`);
      expect((await rangekeeper("queue", "show", "987654321", "--config", path)).status).toBe(2);
      expect((await rangekeeper("queue", "drain", "--queue", "evaluate", "--config", path)).status).toBe(0);
      // The worker still does its work.
      const block = await local.tick(3_600 - (local.time % 3_600));
      expect(["shadow", "held"]).toContain((await settled(local, block)).state);
      for (const queue of queues) await queue.close();
      journal.close();
    });
  }, 120_000);
  const vaultLike = "0x00000000000000000000000000000000000000Aa";
});

describe("logs", () => {
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-logs-"));
  const line = (msg: string, more: object = {}) =>
    `${JSON.stringify({ level: "info", ts: "2026-11-23T04:00:00.000Z", stage: "evaluate", ...more, msg })}\n`;

  it("says the log in words, filtered by vault, decision and level, at most 80 columns wide", async () => {
    const file = join(folder, "worker.log");
    const vault = "0x00000000000000000000000000000000000000Aa";
    writeFileSync(
      file,
      line("moved", { vault, block: 7, decisionId: "1-0xaa-7-0xfeed" }) +
        line("held because nothing pays and a move must be better by so and so much", { vault: ZERO, block: 7 }) +
        "Error: not of the log\n" +
        line("the node does not answer", { level: "error", stage: "rpc" }),
    );
    const all = await rangekeeper("logs", file);
    expect(all.stdout).toMatch(/^11-23 04:00:00 INFO {2}evaluate 0x000000 #7: moved$/m);
    expect(all.stdout).toContain("Error: not of the log");
    expect(long(all.stdout)).toEqual([]);
    const texts = async (...args: string[]) =>
      (await rangekeeper("logs", file, "--json", ...args)).stdout
        .split("\n")
        .filter(Boolean)
        .map((one) => (JSON.parse(one) as { msg: string }).msg);
    expect(await texts("--vault", vault)).toEqual(["moved"]);
    expect(await texts("--decision", "0xfeed")).toEqual(["moved"]);
    expect(await texts("--level", "error")).toEqual(["the node does not answer"]);
    expect(await texts("-n", "1")).toEqual(["the node does not answer"]);
    expect((await rangekeeper("logs", join(folder, "none.log"))).status).toBe(2);
  });

  it("follows a log over the moment in which it is set aside, and loses no line", async () => {
    const file = join(folder, "followed.log");
    const said: string[] = [];
    const log = logDestination(file, 1, { write: (text) => void said.push(text) });
    log.write("a\n");
    const { lines, end } = lastLines(file, 10, () => true);
    expect(lines).toEqual(["a"]);
    const found: string[] = [];
    const following = follow(file, end);
    appendFileSync(file, "b\nc");
    found.push((await following.next()).value as string);
    appendFileSync(file, "\nd\n");
    renameSync(file, `${file}.1`);
    writeFileSync(file, "e\n");
    for (let i = 0; i < 3; i++) found.push((await following.next()).value as string);
    expect(found).toEqual(["b", "c", "d", "e"]);
    expect(said).toEqual(["a\n"]);
    // A megabyte later the file begins anew, and the one before is kept.
    log.write(`${"x".repeat(2 ** 20)}\n`);
    log.write("after\n");
    expect(lastLines(file, 1, () => true).lines).toEqual(["after"]);
  });

  it("costs its lines and nothing else when the file cannot be written", () => {
    const said: string[] = [];
    // A folder stands where the file should be.
    const log = logDestination(folder, 1, { write: (text) => void said.push(text) });
    expect(() => log.write("still here\n")).not.toThrow();
    expect(said).toEqual(["still here\n"]);
  });
});
const ZERO = "0x0000000000000000000000000000000000000000";
