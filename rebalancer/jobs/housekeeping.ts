import { getBlock } from "../chain.ts";
import type { Context } from "../context.ts";
import type { HousekeepingTask, Payload } from "../queues/queue.ts";
import { findMined } from "../sending/conclude.ts";
import { tendNonces } from "../sending/tend.ts";
import { beat } from "./heartbeat.ts";

/** How often each task of a worker comes round, milliseconds. */
const EVERY: Readonly<Record<HousekeepingTask, number>> = { nonces: 5_000, heartbeats: 10_000 };
const LATE_SECONDS = 60;

/** What a worker does from time to time, whatever the chain does. */
export async function housekeeping(context: Context, { task }: Payload<"housekeeping">): Promise<void> {
  if (task === "heartbeats") return beat(context);
  await expireForgotten(context);
  await Promise.all(context.keys.keepers.map((keeper) => tendNonces(context, keeper)));
}

/** Ends proposals that no job will end: given up, or lost with the Redis, and by now too late to execute. */
async function expireForgotten(context: Context): Promise<void> {
  const { journal, client, logger } = context;
  const open = journal.proposals({ status: ["proposed", "simulated"] });
  if (open.length === 0) return;
  const head = await getBlock(client, "latest");
  for (const record of open) {
    // Its execute job ends it at the deadline; what is here a minute later has none.
    if (Number(record.proposal.deadline) + LATE_SECONDS >= head.timestamp) continue;
    if ((await findMined(context, record.attempts)) !== null) continue;
    const why = `given up, and not sent before its deadline ${record.proposal.deadline}`;
    journal.together(() => {
      journal.advance(record.digest, "expired", why);
      journal.rest({ ...record, state: "expired" });
    });
    const { vault, decisionId, digest } = record;
    logger.warn({ stage: "housekeeping", vault, decisionId, digest, status: "expired" }, why);
  }
}

/** Makes every task come round, once for each worker however often it starts. */
export async function scheduleHousekeeping({ queues, config }: Pick<Context, "queues" | "config">): Promise<void> {
  for (const [task, every] of Object.entries(EVERY) as [HousekeepingTask, number][]) {
    if (task === "heartbeats" && config.worker.heartbeatSeconds === 0) {
      await queues.housekeeping.removeJobScheduler(task);
      continue;
    }
    const data: Payload<"housekeeping"> = { chainId: config.chainId, task };
    const opts = { attempts: 1, removeOnComplete: { count: 20 }, removeOnFail: { count: 100 } };
    await queues.housekeeping.upsertJobScheduler(task, { every }, { name: "housekeeping", data, opts });
  }
}
