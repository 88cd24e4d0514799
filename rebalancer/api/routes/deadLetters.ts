import { randomUUID } from "node:crypto";
import { z } from "@hono/zod-openapi";
import { explain, RefusedError } from "../../errors.ts";
import type { DeadLetter } from "../../journal/deadLetters.ts";
import { openJournal } from "../../journal.ts";
import { redactAddresses } from "../../log/secrets.ts";
import { type DeadLetterDesk, dropDeadLetter as drop, replayDeadLetter as replay } from "../../queues/deadLetters.ts";
import { payloadSchemas, type QueueName } from "../../queues/queue.ts";
import type { ApiContext } from "../context.ts";
import { defineEndpoint } from "../endpoint.ts";
import { ApiError, unavailable } from "../errors.ts";
import { limit, reason } from "../schemas.ts";

const QUEUE_NAMES = Object.keys(payloadSchemas) as [QueueName, ...QueueName[]];

const letterSchema = z
  .object({
    worker: z.string().openapi({ description: "identity of the worker's journal" }),
    letter: z.int(),
    queue: z.string(),
    jobId: z.string(),
    payload: z.string().openapi({ description: "the job's data as JSON text" }),
    errorClass: z.string(),
    message: z.string(),
    attempts: z.int(),
    atMilliseconds: z.int(),
    ended: z.enum(["replayed", "dropped"]).nullable().openapi({ description: "null while it waits for a person" }),
  })
  .openapi("DeadLetter");

const letterParams = z.strictObject({
  worker: z.string().regex(/^[\w-]{1,64}$/, "must be the identity of a worker's journal"),
  letter: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, "must be the number of a dead letter")
    .transform(Number),
});

export const listDeadLetters = defineEndpoint({
  method: "get",
  path: "/v1/dead-letters",
  tag: "queues",
  summary: "Jobs that were given up, newest first, with the reason",
  query: z.strictObject({
    queue: z.enum(QUEUE_NAMES, { error: `must be one of ${QUEUE_NAMES.join(", ")}` }).optional(),
    all: z.enum(["true", "false"], { error: "must be true or false" }).optional(),
    limit: limit(200, 50),
  }),
  answer: z.object({ deadLetters: z.array(letterSchema) }),
  version: ({ journals }) => journals.version(),
  serve({ journals }, { query }) {
    const letters = journals
      .readers()
      .flatMap(({ identity, deadLetters }) =>
        deadLetters({ all: query.all === "true", limit: query.queue === undefined ? query.limit : 1_000 }).map(
          (letter) => letterView(identity, letter),
        ),
      )
      .filter(({ queue }) => query.queue === undefined || queue === query.queue)
      .sort((a, b) => b.atMilliseconds - a.atMilliseconds || b.letter - a.letter);
    return { deadLetters: letters.slice(0, query.limit) };
  },
});

export const replayDeadLetter = defineEndpoint({
  method: "post",
  path: "/v1/dead-letters/{worker}/{letter}/replay",
  tag: "queues",
  summary: "Puts a given-up job back into its queue; journal and nonce keep it from acting twice",
  token: true,
  params: letterParams,
  body: z.strictObject({ reason }),
  answer: z.object({ replayed: letterSchema }),
  async serve(context, { params, body }) {
    const replayed = await atDesk(context, params, (desk, id) => replay(desk, id));
    context.logger.warn({ stage: "api", jobId: replayed.jobId, worker: params.worker }, `replayed: ${body.reason}`);
    return { replayed: letterView(params.worker, replayed) };
  },
});

export const dropDeadLetter = defineEndpoint({
  method: "delete",
  path: "/v1/dead-letters/{worker}/{letter}",
  tag: "queues",
  summary: "Says that nothing is to be done about a given-up job; the journal keeps it",
  token: true,
  params: letterParams,
  body: z.strictObject({ reason }),
  answer: z.object({ dropped: letterSchema }),
  async serve(context, { params, body }) {
    const dropped = await atDesk(context, params, async (desk, id) => drop(desk, id));
    if (dropped.ended !== "dropped")
      throw new ApiError("conflict", { field: "path.letter", value: dropped.id, rule: `was ${dropped.ended} before` });
    context.logger.warn({ stage: "api", jobId: dropped.jobId, worker: params.worker }, `dropped: ${body.reason}`);
    return { dropped: letterView(params.worker, dropped) };
  },
});

/** Opens the letter's worker's journal for writing as long as the work takes; the worker reads there what was done. */
async function atDesk(
  { journals, shared }: ApiContext,
  { worker, letter: id }: z.output<typeof letterParams>,
  work: (desk: DeadLetterDesk, id: number) => Promise<DeadLetter>,
): Promise<DeadLetter> {
  const owner = shared.workers().find((one) => one.worker === worker);
  const reader = journals.readers().find(({ identity }) => identity === worker);
  if (owner === undefined || reader === undefined)
    throw new ApiError("not-found", {
      field: "path.worker",
      value: worker,
      rule: "must be the worker of a journal here",
    });
  if (reader.deadLetter(id) === null)
    throw new ApiError("not-found", { field: "path.letter", value: id, rule: "must be a dead letter of that worker" });
  try {
    const journal = openJournal(owner.journalPath, randomUUID);
    try {
      return await shared.ask(() => work({ journal, queues: owner.queues }, id));
    } finally {
      journal.close();
    }
  } catch (error) {
    if (error instanceof RefusedError)
      throw new ApiError("conflict", { field: "path.letter", value: id, rule: error.message, cause: error });
    if (error instanceof ApiError) throw error;
    throw unavailable("journal", `the worker's journal must be writable from here: ${explain(error)}`, error);
  }
}

const letterView = (worker: string, letter: DeadLetter): z.input<typeof letterSchema> => ({
  worker,
  letter: letter.id,
  queue: letter.queue,
  jobId: letter.jobId,
  payload: redactAddresses(letter.payload),
  errorClass: letter.errorClass,
  message: redactAddresses(letter.message),
  attempts: letter.attempts,
  atMilliseconds: letter.atMilliseconds,
  ended: letter.ended,
});
