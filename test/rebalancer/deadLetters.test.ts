import { randomUUID } from "node:crypto";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../rebalancer/config.ts";
import { RefusedError } from "../../rebalancer/errors.ts";
import type { DeadLetter } from "../../rebalancer/journal/deadLetters.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { run } from "../../rebalancer/main.ts";
import { dropDeadLetter, replayDeadLetter } from "../../rebalancer/queues/deadLetters.ts";
import {
  jobIds,
  openQueues,
  type QueueName,
  type QueueOptions,
  type Queues,
  queuePrefix,
} from "../../rebalancer/queues/queue.ts";
import { bullConnection } from "../../rebalancer/queues/redis.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";
import { startProgram } from "../support/workerProcess.ts";

let local: LocalDeployment;
beforeAll(async () => {
  local = await startLocalDeployment();
}, 400_000);
afterAll(() => local?.stop());

let config: Config;
let journal: Journal;
let options: QueueOptions;
let queues: Queues;
let stopWorker: (() => Promise<void>) | null = null;
beforeEach(() => {
  ({ config } = local.configure());
  journal = openJournal(config.journal.path, randomUUID);
  options = { connection: bullConnection(config.redis), prefix: queuePrefix(config, journal.identity) };
  queues = openQueues(options, () => undefined);
});
afterEach(async () => {
  await stopWorker?.();
  await queues.close();
  journal.close();
});
function work(): void {
  const stop = new AbortController();
  const running = run({ config, signal: stop.signal, live: true, env: local.env });
  stopWorker = async () => {
    stopWorker = null;
    stop.abort();
    await running;
  };
}

async function until<T>(look: () => T | Promise<T>, isSo: (found: T) => boolean): Promise<T> {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (isSo(found)) return found;
    if (Date.now() > end) throw new Error(`not so after 30 s: ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const POOL = "0x00000000000000000000000000000000000000Aa";
const DIGEST = `0x${"ab".repeat(32)}`;
/** Put straight into Redis by somebody: queue, job name, payload, what the letter must say. */
const rubbish: readonly (readonly [string, QueueName, string, unknown, RegExp])[] = [
  [
    "wrong type",
    "evaluate",
    "evaluate",
    { chainId: 31_337, pool: POOL, block: "7" },
    /evaluate payload block: "7"; rule: /,
  ],
  ["no payload", "evaluate", "evaluate", null, /evaluate payload \(whole\): /],
  ["unknown field", "execute", "execute", { calldata: "0x" }, /calldata: "0x"; rule: unknown key/],
  ["huge", "evaluate", "evaluate", { chainId: 1, pool: "x".repeat(300_000), block: 1 }, /evaluate payload pool: "xxx/],
  ["unknown job", "evaluate", "transfer", { to: POOL }, /job name: "transfer"; rule: evaluate in its queue/],
  [
    "another chain",
    "evaluate",
    "evaluate",
    { chainId: 1, pool: POOL, block: 1 },
    /chain 1; rule: must be the pool of a configured vault/,
  ],
  ["unknown pool", "evaluate", "evaluate", { chainId: 31_337, pool: POOL, block: 1 }, /pool: 0x0+aa/i],
  [
    "unknown digest",
    "execute",
    "execute",
    { chainId: 31_337, vault: POOL, nonce: "0", digest: DIGEST },
    /execute payload digest: 0xabab.*; rule: must be in the journal/,
  ],
  [
    "nothing sent",
    "confirm",
    "confirm",
    { chainId: 31_337, vault: POOL, nonce: "0", digest: DIGEST },
    /confirm payload digest: 0xabab.*; rule: must be a sent proposal/,
  ],
  [
    "unknown task",
    "housekeeping",
    "housekeeping",
    { chainId: 31_337, task: "rm" },
    /housekeeping payload task: "rm"; rule: /,
  ],
];

describe("what is put straight into Redis", () => {
  it("ends among the dead letters by name, once, and the worker goes on", async () => {
    work();
    for (const [who, queue, name, data] of rubbish) {
      const stranger = new Queue(queue, options);
      await stranger.add(name, data, { jobId: `rubbish-${who.replace(" ", "-")}`, attempts: 3 });
      await stranger.close();
    }
    const letters = await until(
      () => journal.deadLetters(),
      (found) => found.length >= rubbish.length,
    );
    expect(letters).toHaveLength(rubbish.length);
    for (const [who, queue, name, , message] of rubbish) {
      const letter = letters.find(({ jobId }) => jobId === `rubbish-${who.replace(" ", "-")}`) as DeadLetter;
      expect(letter, who).toMatchObject({ queue, jobName: name, attempts: 1, ended: null });
      expect(letter.errorClass, who).toMatch(/^(Payload|Fatal)Error fatal$/);
      expect(letter.message, who).toMatch(message);
      expect(letter.payload.length, who).toBeLessThan(4_100);
    }
    expect((await settled(local, await local.tick(600))).state).toBe("sent");
    await settled(local, await local.tick(12));
    expect(journal.proposals()).toMatchObject([{ status: "confirmed" }]);
  });
});

describe("a dead letter", () => {
  const letter = (queue: string, payload: unknown, jobId = "j") =>
    journal.recordDeadLetter({
      queue,
      jobId,
      jobName: queue,
      payload: typeof payload === "string" ? payload : JSON.stringify(payload),
      errorClass: "TypeError unknown",
      message: "a mistake of ours",
      attempts: 10,
      atMilliseconds: 1,
    });
  const good = { chainId: 31_337, pool: POOL, block: 9 } as const;

  it("is put back once, with its own id, and dropped for good", async () => {
    letter("evaluate", good);
    letter("evaluate", { ...good, block: 10 }, "k");
    const [second, first] = journal.deadLetters().map(({ id }) => id) as [number, number];
    const desk = { journal, queues };
    expect(await replayDeadLetter(desk, first)).toMatchObject({ ended: "replayed" });
    expect(await replayDeadLetter(desk, first)).toMatchObject({ ended: "replayed" });
    expect(await queues.evaluate.getJobCountByTypes("waiting")).toBe(1);
    expect((await queues.evaluate.getJob(jobIds.evaluate(good)))?.data).toEqual(good);
    expect(dropDeadLetter(desk, second)).toMatchObject({ ended: "dropped" });
    await expect(replayDeadLetter(desk, second)).rejects.toThrow(/one that was dropped stays so/);
    expect(dropDeadLetter(desk, first)).toMatchObject({ ended: "replayed" });
    expect(journal.deadLetters()).toEqual([]);
    expect(journal.deadLetters({ all: true })).toHaveLength(2);
    await expect(replayDeadLetter(desk, 99)).rejects.toThrow(RefusedError);
  });

  it.each([
    ["a payload that no queue takes", "evaluate", { ...good, block: "x" }, /evaluate payload block: "x"/],
    ["a payload that was cut off", "evaluate", '{"chainId":31337,"po… (9000 characters)', /not whole/],
    ["a queue that is not ours", "payments", good, /must be a known job/],
  ])("is not put back with %s", async (_what, queue, payload, message) => {
    letter(queue, payload);
    const [id] = journal.deadLetters().map((one) => one.id) as [number];
    await expect(replayDeadLetter({ journal, queues }, id)).rejects.toThrow(message);
    expect(journal.deadLetters()).toHaveLength(1);
    expect(await queues.evaluate.getJobCountByTypes("waiting")).toBe(0);
  });
});

describe("the periodic work", () => {
  it("has one schedule for each task of a worker, however often that starts and dies", async () => {
    const { path } = local.configure({ "worker.heartbeatSeconds": 900, "journal.path": config.journal.path });
    const env = { ...local.env, RANGEKEEPER_CONFIG: path };
    for (let start = 0; start < 2; start++) {
      const worker = startProgram("test/support/crashingWorker.ts", [], env);
      await until(
        () => queues.housekeeping.getJobSchedulers(),
        (found) => found.length === 2,
      );
      worker.child.kill("SIGKILL");
      await worker.ended;
    }
    const schedulers = await queues.housekeeping.getJobSchedulers();
    expect(schedulers.map(({ key, every }) => [key, Number(every)]).sort()).toEqual([
      ["heartbeats", 10_000],
      ["nonces", 5_000],
    ]);
    const redis = new Redis(local.redis.url);
    expect(
      await redis.keys(`${options.prefix}:housekeeping:repeat:*:*`).then((keys) => keys.length),
    ).toBeLessThanOrEqual(4);
    redis.disconnect();
  });
});
