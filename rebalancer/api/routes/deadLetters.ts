import { z } from "@hono/zod-openapi";
import type { Job, Queue } from "bullmq";
import { payloadSchemas, type QueueName } from "../../queue.ts";
import { redactAddresses } from "../../secrets.ts";
import type { ApiContext } from "../context.ts";
import { defineEndpoint } from "../endpoint.ts";
import { ApiError } from "../errors.ts";
import { limit, seconds } from "../schemas.ts";

const QUEUE_NAMES = Object.keys(payloadSchemas) as [QueueName, ...QueueName[]];
const MOST_PAYLOAD_CHARACTERS = 1_000;

const letterSchema = z
  .object({
    queue: z.enum(QUEUE_NAMES),
    id: z.string(),
    payload: z.string().openapi({ description: "the job's data as JSON text, shortened" }),
    reason: z.string(),
    attempts: z.int(),
    givenUpAtSeconds: seconds.nullable(),
    queuedAtSeconds: seconds,
  })
  .openapi("DeadLetter");

const letterParams = z.strictObject({
  queue: z.enum(QUEUE_NAMES, { error: `must be one of ${QUEUE_NAMES.join(", ")}` }),
  id: z.string().regex(/^[\w.-]{1,256}$/, "must be the id of a job"),
});
const reasonBody = z.strictObject({
  reason: z
    .string()
    .trim()
    .min(1, "must say why")
    .max(500, "at most 500 characters")
    .regex(/^[^\p{Cc}]*$/u, "must not hold control characters"),
});

export const listDeadLetters = defineEndpoint({
  method: "get",
  path: "/v1/dead-letters",
  tag: "queues",
  summary: "Jobs that were given up, newest first, with the reason",
  query: z.strictObject({
    queue: z.enum(QUEUE_NAMES, { error: `must be one of ${QUEUE_NAMES.join(", ")}` }).optional(),
    limit: limit(200, 50),
  }),
  answer: z.object({ deadLetters: z.array(letterSchema), total: z.int() }),
  async serve({ shared }, { query }) {
    const names = query.queue === undefined ? QUEUE_NAMES : [query.queue];
    const read = names.map(async (name) => {
      const queue: Queue = shared.queues[name];
      const [jobs, count] = await Promise.all([queue.getFailed(0, query.limit - 1), queue.getFailedCount()]);
      return { letters: jobs.filter((job) => job !== undefined).map((job) => letterView(name, job)), count };
    });
    const found = await shared.ask(() => Promise.all(read));
    const letters = found.flatMap(({ letters }) => letters);
    letters.sort((a, b) => (b.givenUpAtSeconds ?? 0) - (a.givenUpAtSeconds ?? 0));
    return { deadLetters: letters.slice(0, query.limit), total: found.reduce((sum, { count }) => sum + count, 0) };
  },
});

export const replayDeadLetter = defineEndpoint({
  method: "post",
  path: "/v1/dead-letters/{queue}/{id}/replay",
  tag: "queues",
  summary:
    "Puts a job that was given up back into its queue; the journal and the chain's nonce keep it from acting twice",
  token: true,
  params: letterParams,
  body: reasonBody,
  answer: z.object({ replayed: letterSchema }),
  async serve(context, { params, body }) {
    const { job, view } = await letter(context, params);
    await context.shared.ask(() => job.retry("failed", { resetAttemptsMade: true, resetAttemptsStarted: true }));
    context.logger.warn({ stage: "api", jobId: job.id, queue: params.queue }, `dead letter replayed: ${body.reason}`);
    return { replayed: view };
  },
});

export const dropDeadLetter = defineEndpoint({
  method: "delete",
  path: "/v1/dead-letters/{queue}/{id}",
  tag: "queues",
  summary: "Forgets a job that was given up; what the journal knows of it stays",
  token: true,
  params: letterParams,
  body: reasonBody,
  answer: z.object({ dropped: letterSchema }),
  async serve(context, { params, body }) {
    const { job, view } = await letter(context, params);
    await context.shared.ask(() => job.remove());
    context.logger.warn({ stage: "api", jobId: job.id, queue: params.queue }, `dead letter dropped: ${body.reason}`);
    return { dropped: view };
  },
});

async function letter({ shared }: ApiContext, { queue: name, id }: z.output<typeof letterParams>) {
  const queue: Queue = shared.queues[name];
  const job: Job | undefined = await shared.ask(() => queue.getJob(id));
  if (job === undefined)
    throw new ApiError("not-found", { field: "path.id", value: id, rule: `must be a job of the queue ${name}` });
  if (!(await shared.ask(() => job.isFailed())))
    throw new ApiError("conflict", { field: "path.id", value: id, rule: "must be a job that was given up" });
  return { job, view: letterView(name, job) };
}

const letterView = (queue: QueueName, job: Job): z.input<typeof letterSchema> => ({
  queue,
  id: String(job.id),
  payload: redactAddresses(JSON.stringify(job.data) ?? "null").slice(0, MOST_PAYLOAD_CHARACTERS),
  reason: redactAddresses(job.failedReason ?? ""),
  attempts: job.attemptsMade,
  givenUpAtSeconds: job.finishedOn === undefined ? null : Math.floor(job.finishedOn / 1_000),
  queuedAtSeconds: Math.floor(job.timestamp / 1_000),
});
