import { type ConnectionOptions, type Job, type JobsOptions, Queue, UnrecoverableError, Worker } from "bullmq";
import { Cluster } from "ioredis";
import { z } from "zod";
import type { Address, Hex } from "../../ml/types.ts";
import type { Config } from "../config.ts";
import { explain, PayloadError } from "../errors.ts";
import { describeIssue } from "../issues.ts";
import { classify } from "../sending/classify.ts";
import { takeUnreadable } from "./unreadable.ts";

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "an address is 0x and 40 hexadecimal digits") as unknown as z.ZodType<Address>;
const digest = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, "a digest is 0x and 64 hexadecimal digits") as unknown as z.ZodType<Hex>;

/** What travels through Redis: ids only. Anything that moves money is derived again from the journal. */
export const payloadSchemas = {
  evaluate: z.strictObject({ chainId: z.int().positive(), pool: address, block: z.int().nonnegative() }),
  execute: z.strictObject({
    chainId: z.int().positive(),
    vault: address,
    nonce: z.string().regex(/^\d+$/, "a nonce is decimal digits"),
    digest,
  }),
  confirm: z.strictObject({
    chainId: z.int().positive(),
    vault: address,
    nonce: z.string().regex(/^\d+$/, "a nonce is decimal digits"),
    digest,
  }),
  housekeeping: z.strictObject({ chainId: z.int().positive(), task: z.enum(["nonces", "heartbeats"]) }),
} as const;

export type HousekeepingTask = Payload<"housekeeping">["task"];
export type QueueName = keyof typeof payloadSchemas;
export type Payload<Name extends QueueName> = z.output<(typeof payloadSchemas)[Name]>;

/** Deterministic ids, so that asking twice is asking once. BullMQ forbids ':' in them. */
export const jobIds = {
  evaluate: ({ chainId, pool, block }: Payload<"evaluate">) => `${chainId}-${pool.toLowerCase()}-${block}`,
  execute: ({ chainId, vault, nonce, digest }: Payload<"execute">) =>
    `${chainId}-${vault.toLowerCase()}-${nonce}-${digest}`,
  confirm: ({ chainId, vault, nonce, digest }: Payload<"confirm">) =>
    `${chainId}-${vault.toLowerCase()}-${nonce}-${digest}`,
  housekeeping: ({ chainId, task }: Payload<"housekeeping">) => `${chainId}-${task}`,
} as const;

/** Tries of a job that meets an error which nobody has named, before a person has to look: about half a minute. */
const ATTEMPTS_AT_UNKNOWN = 10;
/**
 * Tries of a job whose errors heal by themselves. A proposal's deadline or a block's age ends what it stands for long
 * before; a sent move is looked for until it is found.
 */
const ATTEMPTS: Readonly<Record<QueueName, number>> = {
  evaluate: 200,
  execute: 400,
  confirm: 1_000_000,
  housekeeping: 1,
};
const backoffMilliseconds = (attemptsMade: number) => Math.min(100 * 2 ** (attemptsMade - 1), 5_000);

const JOB_OPTIONS: JobsOptions = {
  backoff: { type: "custom" },
  removeOnComplete: { count: 1_000 },
  removeOnFail: { count: 1_000 },
};

/** Short locks: a worker killed mid-job is replaced within seconds, and a job that ran twice did the same thing twice. */
const LOCK_MILLISECONDS = 3_000;
const STALLED_CHECK_MILLISECONDS = 1_000;
const MAX_STALLED = 100;

/** Jobs that wait for the chain at the same time; what keepers sign is put in order by their locks. */
export const CONCURRENCY: Readonly<Record<QueueName, number>> = {
  evaluate: 4,
  execute: 8,
  confirm: 8,
  housekeeping: 1,
};

/**
 * First part of the keys of a worker's queues. They are its own: a job means nothing to a worker with another journal.
 * The braces keep them in one slot of a Redis Cluster.
 */
export const queuePrefix = (config: Pick<Config, "chainId" | "redis">, journalIdentity: string): string =>
  `{${config.redis.prefix}:${config.chainId}:${journalIdentity}}`;

export interface QueueOptions {
  readonly connection: ConnectionOptions;
  /** First part of every Redis key of the queues. */
  readonly prefix: string;
}

export interface Queues {
  readonly evaluate: Queue;
  readonly execute: Queue;
  readonly confirm: Queue;
  readonly housekeeping: Queue;
  close(): Promise<void>;
}

/** The queues' sending ends. `onError` hears of broken connections, which heal by themselves. */
export function openQueues(options: QueueOptions, onError: (error: Error) => void): Queues {
  const open = (name: QueueName) => {
    const queue = new Queue(name, { ...options, defaultJobOptions: { ...JOB_OPTIONS, attempts: ATTEMPTS[name] } });
    queue.on("error", onError);
    return queue;
  };
  const queues = {
    evaluate: open("evaluate"),
    execute: open("execute"),
    confirm: open("confirm"),
    housekeeping: open("housekeeping"),
  };
  return {
    ...queues,
    async close() {
      await Promise.all(Object.values(queues).map((queue) => queue.close()));
      // A Cluster's connection is shared by the queues, which leave it open.
      if (options.connection instanceof Cluster) options.connection.disconnect();
    },
  };
}

/**
 * Makes sure that a job with this payload's id is waiting or running. One that failed or completed earlier is put back
 * only with `again`, which recovery uses when the journal says that the work is not done.
 */
export async function ensureJob<Name extends QueueName>(
  queues: Queues,
  name: Name,
  payload: Payload<Name>,
  options: { again?: boolean; delay?: number } = {},
): Promise<void> {
  const queue = queues[name];
  const jobId = (jobIds[name] as (payload: Payload<Name>) => string)(payload);
  const add = () =>
    queue.add(name, payload, { jobId, ...(options.delay === undefined ? {} : { delay: options.delay }) });
  if (!options.again) return void (await add());
  // One connection answers in order: the job that is found is the one of before.
  const [before] = await Promise.all([queue.getJob(jobId), add()]);
  const state = await before?.getState();
  if (!before || (state !== "completed" && state !== "failed")) return;
  await before.remove();
  await add();
}

/** Parses a payload that came out of Redis; throws PayloadError naming the field, the value and the rule. */
export function parsePayload<Name extends QueueName>(name: Name, data: unknown): Payload<Name> {
  const result = payloadSchemas[name].safeParse(data);
  if (result.success) return result.data as Payload<Name>;
  throw new PayloadError(
    result.error.issues.map((issue) => `${name} payload ${describeIssue(issue, data)}`).join("; "),
  );
}

export interface StartWorkerParameters<Name extends QueueName> {
  readonly name: Name;
  readonly options: QueueOptions;
  /** Does the work. Throwing FatalError ends the job; anything else is tried again. */
  readonly process: (payload: Payload<Name>, job: Job, token: string | undefined) => Promise<void>;
  /** Called when the job will not be tried again, before BullMQ files it under failed. */
  readonly onGivenUp: (payload: Payload<Name> | null, job: Job, error: unknown) => void | Promise<void>;
  readonly onError: (error: Error) => void;
  /** Takes secrets out of what Redis is to keep of a failure; absent = nothing is taken out. */
  readonly redact?: (error: unknown) => unknown;
}

/** One queue's receiving end. */
export function startWorker<Name extends QueueName>(parameters: StartWorkerParameters<Name>): Worker {
  const { name, options, process, onGivenUp, onError, redact } = parameters;
  const worker = new Worker(
    name,
    async (job, token) => {
      let payload: Payload<Name> | null = null;
      try {
        if (job.name !== name) throw new PayloadError(`job name: ${show(job.name)}; rule: ${name} in its queue`);
        payload = parsePayload(name, job.data);
        await process(payload, job, token);
      } catch (error) {
        // Delayed and waiting errors are BullMQ's own signals: they are no failure.
        if (error instanceof Error && ["DelayedError", "WaitingError", "WaitingChildrenError"].includes(error.name))
          throw error;
        const { retry } = classify(error);
        const tries = job.attemptsMade + 1;
        const most = retry === "never" ? 1 : retry === "limited" ? ATTEMPTS_AT_UNKNOWN : Number.POSITIVE_INFINITY;
        const told = redact ? redact(error) : error;
        if (tries < Math.min(most, job.opts.attempts ?? 1)) throw told;
        await onGivenUp(payload, job, error);
        throw new UnrecoverableError(explain(told));
      }
    },
    {
      ...options,
      concurrency: CONCURRENCY[name],
      lockDuration: LOCK_MILLISECONDS,
      stalledInterval: STALLED_CHECK_MILLISECONDS,
      maxStalledCount: MAX_STALLED,
      settings: { backoffStrategy: backoffMilliseconds },
    },
  );
  let looking = false;
  worker.on("error", (error) => {
    onError(error);
    // It could not read what it took from Redis.
    if (!(error instanceof SyntaxError) || looking) return;
    looking = true;
    takeUnreadable({ worker, onFound: (job, unreadable) => onGivenUp(null, job, unreadable) })
      .catch(onError)
      .finally(() => {
        looking = false;
      });
  });
  return worker;
}

const show = (text: string): string => JSON.stringify(text.slice(0, 60));
