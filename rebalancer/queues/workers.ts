import type { Job, Worker } from "bullmq";
import type { Address } from "../../ml/types.ts";
import { getBlock } from "../chain.ts";
import type { Context } from "../context.ts";
import { explain } from "../errors.ts";
import { confirm } from "../jobs/confirm.ts";
import { evaluate } from "../jobs/evaluate.ts";
import { execute } from "../jobs/execute.ts";
import { housekeeping } from "../jobs/housekeeping.ts";
import { redactError } from "../log/secrets.ts";
import { classify } from "../sending/classify.ts";
import { jobIds, type QueueName, type QueueOptions, startWorker } from "./queue.ts";

/** Longest payload that the journal keeps of a job that was given up. */
const MOST_PAYLOAD_CHARACTERS = 4_000;

/** The receiving ends of all queues. What is given up is logged, kept as a dead letter, and nobody waits for it. */
export function startWorkers(context: Context, options: QueueOptions): readonly Worker[] {
  const { logger, journal, secrets } = context;
  const redact = (error: unknown) => redactError(secrets, error);
  const onError = (error: Error) => logger.warn({ stage: "queue" }, explain(error));
  const bury = (queue: QueueName, job: Job, error: unknown) => {
    const message = secrets.redact(explain(error));
    const record = typeof job.data?.digest === "string" ? journal.proposal(job.data.digest) : null;
    const about = record ? { vault: record.vault, decisionId: record.decisionId, digest: record.digest } : {};
    logger.error(
      { stage: queue, jobId: job.id, ...about, payload: secrets.redact(clip(job.data)) },
      `given up: ${message}`,
    );
    try {
      journal.recordDeadLetter({
        queue,
        jobId: job.id ?? "",
        jobName: job.name.slice(0, 100),
        payload: secrets.redact(clip(job.data)),
        errorClass: `${error instanceof Error ? error.name : "Error"} ${classify(error).kind}`,
        message: message.slice(0, MOST_PAYLOAD_CHARACTERS),
        attempts: job.attemptsMade + 1,
        atMilliseconds: Date.now(),
      });
    } catch (cause) {
      logger.error({ stage: queue, jobId: job.id }, `no dead letter in the journal: ${explain(cause)}`);
    }
  };
  return [
    startWorker({
      name: "evaluate",
      options,
      onError,
      redact,
      process: (payload) => context.evaluating.take(jobIds.evaluate(payload)) ?? evaluate(context, payload),
      async onGivenUp(payload, job, error) {
        bury("evaluate", job, error);
        if (payload) await restFailed(context, payload);
      },
    }),
    startWorker({
      name: "execute",
      options,
      onError,
      redact,
      process: (payload) => context.executing.take(jobIds.execute(payload)) ?? execute(context, payload),
      onGivenUp(payload, job, error) {
        bury("execute", job, error);
        const record = payload && journal.proposal(payload.digest);
        if (record) journal.rest({ ...record, state: "failed" });
        // Nothing can make it right: its nonce, if it has one, is free for the next.
        if (record && record.status !== "sent" && classify(error).retry === "never")
          journal.advance(record.digest, "refused", `given up: ${explain(error)}`);
        context.nudge();
      },
    }),
    startWorker({
      name: "confirm",
      options,
      onError,
      redact,
      process: (payload, job, token) => confirm(context, payload, job, token),
      onGivenUp: (_payload, job, error) => bury("confirm", job, error),
    }),
    startWorker({
      name: "housekeeping",
      options,
      onError,
      redact,
      process: (payload) => housekeeping(context, payload),
      onGivenUp(payload, job, error) {
        // It comes again by itself; only what nobody could have foreseen is kept.
        if (payload === null || classify(error).retry !== "later") bury("housekeeping", job, error);
        else logger.warn({ stage: "housekeeping", task: payload.task }, explain(error));
      },
    }),
  ];
}

/** A block whose evaluation was given up: its vaults rest as failed, so that nobody waits for it for ever. */
async function restFailed(context: Context, payload: { pool: Address; block: number }): Promise<void> {
  const { journal, config, client } = context;
  const block = await getBlock(client, payload.block).catch(() => null);
  const group = context.pools.find(({ meta }) => meta.address.toLowerCase() === payload.pool.toLowerCase());
  if (!block || !group) return;
  for (const { vault } of group.vaults) {
    const place = { chainId: config.chainId, pool: group.meta.address, block: block.number, blockHash: block.hash };
    if (!journal.rests(place).has(vault)) journal.rest({ ...place, vault, state: "failed" });
  }
  context.nudge();
}

function clip(data: unknown): string {
  const text = JSON.stringify(data) ?? "";
  const most = MOST_PAYLOAD_CHARACTERS;
  return text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;
}
