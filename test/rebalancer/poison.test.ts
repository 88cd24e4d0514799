import { Queue } from "bullmq";
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RedisHandle } from "../../rebalancer/cli/demo/redis.ts";
import { PayloadError } from "../../rebalancer/errors.ts";
import { parsePayload, payloadSchemas, type QueueName, startWorker } from "../../rebalancer/queues/queue.ts";
import { bullConnection } from "../../rebalancer/queues/redis.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const ADDRESS = "0x00000000000000000000000000000000000000Aa";
/** A good payload of every queue: a new queue has none here, and fails. */
const GOOD: Readonly<Record<string, Record<string, unknown>>> = {
  evaluate: { chainId: 1, pool: ADDRESS, block: 7 },
  execute: { chainId: 1, vault: ADDRESS, nonce: "0", digest: `0x${"ab".repeat(32)}` },
  confirm: { chainId: 1, vault: ADDRESS, nonce: "0", digest: `0x${"ab".repeat(32)}` },
  housekeeping: { chainId: 1, task: "nonces" },
};
const QUEUES = Object.keys(payloadSchemas) as QueueName[];
const deep = () => JSON.parse(`${"[".repeat(20_000)}${"]".repeat(20_000)}`) as unknown;

let server: RedisHandle;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server?.stop());

describe.each(QUEUES)("a payload of %s", (name) => {
  const good = GOOD[name] ?? {};
  const refused = (payload: unknown, field: string) => {
    const named = new RegExp(`^${name} payload (.*; )?${field.replace(/[^\\w]/g, ".")}: [^]*; rule: `);
    expect(() => parsePayload(name, payload)).toThrow(PayloadError);
    expect(() => parsePayload(name, payload)).toThrow(named);
  };

  it("is taken when it is good, and refused by name with any field missing, wrong, or too many", () => {
    expect(parsePayload(name, good)).toEqual(good);
    for (const field of Object.keys(good)) {
      const { [field]: _, ...without } = good;
      refused(without, field);
      for (const wrong of [null, "", "x".repeat(300_000), -1, 1.5, 2 ** 53, [], {}, true, "0x", deep()])
        refused({ ...good, [field]: wrong }, field);
    }
    refused({ ...good, calldata: "0x" }, "calldata");
    for (const whole of [null, 1, "x", [], [good], deep()])
      expect(() => parsePayload(name, whole)).toThrow(PayloadError);
  });

  it("is what its schema says or refused by name, whatever it is", () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.jsonValue().map((extra) => ({ ...good, extra })),
    );
    const mutated = fc
      .tuple(fc.constantFrom(...Object.keys(good)), fc.jsonValue())
      .map(([field, value]) => ({ ...good, [field]: value }));
    fc.assert(
      fc.property(fc.oneof(mutated, anything), (payload) => {
        try {
          expect(parsePayload(name, payload)).toEqual(payload);
        } catch (error) {
          expect(error).toBeInstanceOf(PayloadError);
          expect(String(error)).toMatch(/payload .*: .*; rule: /s);
        }
      }),
      { numRuns: 300, seed: 6 },
    );
  });
});

it("takes a job that is no JSON out of Redis, tells of it by name once, and goes on", async () => {
  const options = { connection: bullConnection(server), prefix: "poison" };
  const queue = new Queue("evaluate", options);
  const redis = new Redis(server.url);
  const ran: number[] = [];
  const givenUp: string[] = [];
  const poison = async (jobId: string, field: string, text: string) => {
    await queue.add("evaluate", GOOD.evaluate, { jobId });
    await redis.hset(`poison:evaluate:${jobId}`, field, text);
  };
  await poison("cut", "data", '{"chainId":');
  await poison("options", "opts", "{{{");
  await queue.add("evaluate", GOOD.evaluate, { jobId: "good" });
  await poison("later", "data", "\u0000");
  const worker = startWorker({
    name: "evaluate",
    options,
    process: async ({ block }) => void ran.push(block),
    onGivenUp: (payload, job, error) => void givenUp.push(`${payload} ${job.id} ${String(error)}`),
    onError: () => undefined,
  });
  try {
    await until(async () => (ran.length === 1 && givenUp.length >= 3 && (await queue.getActiveCount()) === 0) || null);
    expect([...givenUp].sort()).toEqual([
      expect.stringMatching(/^null cut PayloadError: evaluate payload \(whole\): .*chainId.*; rule: .* must be JSON/),
      expect.stringMatching(/^null later PayloadError: evaluate payload/),
      expect.stringMatching(/^null options PayloadError: evaluate payload/),
    ]);
    expect(await queue.getJobCounts("active", "waiting", "delayed")).toEqual({ active: 0, waiting: 0, delayed: 0 });
    expect(await redis.keys("poison:evaluate:cut*")).toEqual([]);
  } finally {
    await worker.close();
    await queue.close();
    redis.disconnect();
  }
});
