import { PayloadError, RefusedError } from "../errors.ts";
import type { DeadLetter } from "../journal/deadLetters.ts";
import type { Journal } from "../journal.ts";
import { ensureJob, type Payload, parsePayload, payloadSchemas, type QueueName, type Queues } from "./queue.ts";

/** Journal and queues of the worker whose letters they are. */
export interface DeadLetterDesk {
  readonly journal: Pick<Journal, "deadLetter" | "deadLetters" | "endDeadLetter">;
  readonly queues: Queues;
}

/** A letter by its number; throws RefusedError when there is none. */
export function getDeadLetter({ journal }: Pick<DeadLetterDesk, "journal">, id: number): DeadLetter {
  const letter = journal.deadLetter(id);
  if (letter) return letter;
  throw new RefusedError(`dead letter: ${id}; rule: must be in the journal`);
}

/**
 * Puts a given-up job back into its queue, once: a letter that was replayed before is left as it is. Throws RefusedError
 * for one that was dropped, and for a payload that no queue takes.
 */
export async function replayDeadLetter(desk: DeadLetterDesk, id: number): Promise<DeadLetter> {
  const letter = getDeadLetter(desk, id);
  if (letter.ended === "replayed") return letter;
  if (letter.ended === "dropped") throw new RefusedError(`dead letter: ${id}; rule: one that was dropped stays so`);
  const { queue, payload } = takenApart(letter);
  await ensureJob(desk.queues, queue, payload, { again: true });
  // Last: a process that dies in between puts the same job back again, and asking twice is asking once.
  desk.journal.endDeadLetter(id, "replayed", Date.now());
  return getDeadLetter(desk, id);
}

/** Says that nobody will do a given-up job; the letter stays in the journal. */
export function dropDeadLetter(desk: Pick<DeadLetterDesk, "journal">, id: number): DeadLetter {
  const letter = getDeadLetter(desk, id);
  if (letter.ended === null) desk.journal.endDeadLetter(id, "dropped", Date.now());
  return getDeadLetter(desk, id);
}

function takenApart({ id, queue, jobName, payload }: DeadLetter): { queue: QueueName; payload: Payload<QueueName> } {
  const known = Object.keys(payloadSchemas).find((name): name is QueueName => name === queue && name === jobName);
  if (!known)
    throw new RefusedError(`dead letter: ${id}, job "${jobName}" of queue "${queue}"; rule: must be a known job`);
  try {
    return { queue: known, payload: parsePayload(known, JSON.parse(payload)) };
  } catch (cause) {
    const why = cause instanceof PayloadError ? cause.message : "not whole";
    throw new RefusedError(`dead letter: ${id}: ${why}; rule: a payload that no queue takes can only be dropped`, {
      cause,
    });
  }
}
