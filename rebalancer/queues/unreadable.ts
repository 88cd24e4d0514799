import { Job, type RedisQueueBackend, type Worker } from "bullmq";
import { explain, PayloadError } from "../errors.ts";

const MOST_SHOWN = 60;

export interface TakeUnreadableParameters {
  readonly worker: Worker;
  /** Told of each job before it is taken out of Redis; its payload is the text that was there. */
  readonly onFound: (job: Job, error: PayloadError) => void | Promise<void>;
}

/**
 * Takes jobs out of a queue's hands that are no JSON: somebody wrote into Redis. BullMQ can neither run them nor file
 * them under failed, and would pick them up again and again.
 */
export async function takeUnreadable({ worker, onFound }: TakeUnreadableParameters): Promise<void> {
  const client = await (worker.backend as RedisQueueBackend).client;
  for (const id of await client.lrange(worker.toKey("active"), 0, -1)) {
    const key = worker.toKey(id);
    const raw = await client.hgetall(key);
    const error = faultOf(worker, raw, id);
    if (error === null) continue;
    await onFound(new Job(worker, raw.name ?? "", raw.data ?? "", {}, id), error);
    // A job that a worker holds cannot be removed.
    await client.del(`${key}:lock`);
    await worker.backend.remove(id, false);
  }
}

function faultOf(worker: Worker, raw: Record<string, string>, id: string): PayloadError | null {
  try {
    JSON.parse(raw.opts || "{}");
    Job.fromJSON(worker, raw as unknown as Parameters<typeof Job.fromJSON>[1], id);
    return null;
  } catch (cause) {
    const text = JSON.stringify((raw.data ?? "").slice(0, MOST_SHOWN));
    const rule = `${worker.name} payload (whole): ${text}; rule: a job's fields must be JSON (${explain(cause)})`;
    return new PayloadError(rule, { cause });
  }
}
