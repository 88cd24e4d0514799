import { randomUUID } from "node:crypto";
import { z } from "@hono/zod-openapi";
import { explain } from "../../errors.ts";
import type { DeadLetter } from "../../journal/deadLetters.ts";
import { openJournal } from "../../journal.ts";
import { ensureJob, parsePayload, payloadSchemas, type QueueName } from "../../queue.ts";
import { redactAddresses } from "../../secrets.ts";
import type { ApiContext } from "../context.ts";
import { defineEndpoint } from "../endpoint.ts";
import { ApiError, unavailable } from "../errors.ts";
import { limit, reason } from "../schemas.ts";
import type { WorkerQueues } from "../sharedView.ts";

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
    const { owner, letter } = waitingLetter(context, params);
    const name = QUEUE_NAMES.find((known) => known === letter.queue);
    if (name === undefined) throw unfit(letter, "its queue must be one of this version");
    const payload = await parsed(name, letter);
    await context.shared.ask(() => ensureJob(owner.queues, name, payload, { again: true }));
    end(context, owner, letter, "replayed", body.reason);
    return { replayed: { ...letterView(owner.worker, letter), ended: "replayed" as const } };
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
  serve(context, { params, body }) {
    const { owner, letter } = waitingLetter(context, params);
    end(context, owner, letter, "dropped", body.reason);
    return { dropped: { ...letterView(owner.worker, letter), ended: "dropped" as const } };
  },
});

function waitingLetter({ journals, shared }: ApiContext, { worker, letter: id }: z.output<typeof letterParams>) {
  const reader = journals.readers().find(({ identity }) => identity === worker);
  const owner = shared.workers().find((one) => one.worker === worker);
  if (reader === undefined || owner === undefined)
    throw new ApiError("not-found", {
      field: "path.worker",
      value: worker,
      rule: "must be the worker of a journal here",
    });
  const letter = reader.deadLetter(id);
  if (letter === null)
    throw new ApiError("not-found", { field: "path.letter", value: id, rule: "must be a dead letter of that worker" });
  if (letter.ended !== null) throw unfit(letter, `must wait; it was ${letter.ended}`);
  return { owner, letter };
}

const unfit = ({ id }: DeadLetter, rule: string): ApiError =>
  new ApiError("conflict", { field: "path.letter", value: id, rule });

async function parsed(name: QueueName, letter: DeadLetter) {
  try {
    return parsePayload(name, JSON.parse(letter.payload));
  } catch (error) {
    throw unfit(letter, `its payload must be one that the queue takes: ${explain(error)}`);
  }
}

/** Written into the worker's own journal, beside the letter; the worker reads it there. */
function end(
  { logger }: ApiContext,
  owner: WorkerQueues,
  letter: DeadLetter,
  how: "replayed" | "dropped",
  why: string,
) {
  try {
    const journal = openJournal(owner.journalPath, randomUUID);
    try {
      if (!journal.endDeadLetter(letter.id, how, Date.now())) throw unfit(letter, "must wait");
    } finally {
      journal.close();
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw unavailable("journal", `the worker's journal must be writable from here: ${explain(error)}`, error);
  }
  logger.warn({ stage: "api", worker: owner.worker, letter: letter.id, jobId: letter.jobId }, `${how}: ${why}`);
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
