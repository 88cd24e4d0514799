import type { Job } from "bullmq";
import { Queue } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { freePort, type RedisHandle } from "../../rebalancer/cli/demo/redis.ts";
import { FatalError, RetryableError } from "../../rebalancer/errors.ts";
import {
  ensureJob,
  jobIds,
  openQueues,
  parsePayload,
  type Queues,
  startWorker,
} from "../../rebalancer/queues/queue.ts";
import { bullConnection, connectRedis } from "../../rebalancer/queues/redis.ts";
import { startRedis } from "../support/redis.ts";

const POOL = "0x00000000000000000000000000000000000000Aa" as const;
const payload = { chainId: 31337, pool: POOL, block: 7 };

let server: RedisHandle;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe("queues", () => {
  let queues: Queues;
  let options: Parameters<typeof openQueues>[0];
  let test = 0;
  const workers: { close(): Promise<void> }[] = [];
  beforeEach(() => {
    options = { connection: bullConnection(server), prefix: `t${test++}` };
    queues = openQueues(options, () => undefined);
  });
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.close();
    await queues.close();
  });

  /** Runs the evaluate queue until one job has ended. */
  function ended(process: () => Promise<void>): Promise<{ job: Job; givenUp: string[]; how: string }> {
    const givenUp: string[] = [];
    return new Promise((resolve) => {
      const worker = startWorker({
        name: "evaluate",
        options,
        process,
        onGivenUp: (found, _job, error) => void givenUp.push(`${JSON.stringify(found)} ${String(error)}`),
        onError: () => undefined,
      });
      workers.push(worker);
      worker.on("completed", (job) => resolve({ job, givenUp, how: "completed" }));
      worker.on("failed", (job) => {
        if (job && (givenUp.length > 0 || job.finishedOn)) resolve({ job, givenUp, how: "failed" });
      });
    });
  }

  it("takes the same work twice as once, and again only when told so", async () => {
    let runs = 0;
    await ensureJob(queues, "evaluate", payload);
    await ensureJob(queues, "evaluate", { ...payload, pool: POOL.toLowerCase() as typeof POOL });
    expect(await queues.evaluate.getJobCountByTypes("waiting")).toBe(1);
    const first = await ended(async () => {
      runs += 1;
    });
    expect(first.job.id).toBe(jobIds.evaluate(payload));
    await ensureJob(queues, "evaluate", payload);
    expect(await queues.evaluate.getJobCountByTypes("waiting", "active")).toBe(0);
    const second = new Promise((resolve) => (workers[0] as ReturnType<typeof startWorker>).once("completed", resolve));
    await ensureJob(queues, "evaluate", payload, { again: true });
    await second;
    expect(runs).toBe(2);
  });

  it("files a malformed payload under failed, naming field, value and rule, without running it", async () => {
    let runs = 0;
    const stranger = new Queue("evaluate", options);
    await stranger.add("evaluate", { chainId: 31337, pool: POOL, block: "seven", calldata: "0x" }, { jobId: "x-y" });
    const { job, givenUp, how } = await ended(async () => {
      runs += 1;
    });
    await stranger.close();
    expect(how).toBe("failed");
    expect(runs).toBe(0);
    expect(givenUp[0]).toMatch(/^null PayloadError/);
    expect(job.failedReason).toContain('evaluate payload block: "seven"; rule: ');
    expect(job.failedReason).toContain('calldata: "0x"; rule: unknown key');
  });

  it("tries again after a retryable error", async () => {
    let runs = 0;
    await ensureJob(queues, "evaluate", payload);
    const { how, givenUp } = await ended(async () => {
      runs += 1;
      if (runs < 3) throw new RetryableError("the node lags");
    });
    expect({ how, runs, givenUp }).toEqual({ how: "completed", runs: 3, givenUp: [] });
  });

  it("gives up at once on a fatal error", async () => {
    let runs = 0;
    await ensureJob(queues, "evaluate", payload);
    const { how, givenUp } = await ended(async () => {
      runs += 1;
      throw new FatalError("a rule is broken");
    });
    expect({ how, runs }).toEqual({ how: "failed", runs: 1 });
    expect(givenUp).toEqual([`${JSON.stringify(payload)} FatalError: a rule is broken`]);
  });
});

describe("parsePayload", () => {
  const good = { chainId: 1, vault: POOL, nonce: "3", digest: `0x${"ab".repeat(32)}` };
  it.each([
    ["digest", { ...good, digest: "0xab" }],
    ["nonce", { ...good, nonce: 3 }],
    ["vault", { ...good, vault: "0x1" }],
    ["chainId", { ...good, chainId: 0 }],
    ["(whole)", null],
  ])("names %s when it is wrong", (field, data) => {
    expect(() => parsePayload("execute", data)).toThrow(`execute payload ${field}:`);
    expect(parsePayload("execute", good)).toEqual(good);
  });
});

describe("connectRedis", () => {
  it("says which address does not answer", async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    await expect(connectRedis({ url }, () => undefined)).rejects.toThrow(
      `redis.url: ${url}; rule: a Redis must answer there`,
    );
  });
});
