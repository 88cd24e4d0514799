import type { Context } from "../context.ts";
import type { HousekeepingTask, Payload } from "../queue.ts";
import { tendNonces } from "../sending/tend.ts";
import { beat } from "./heartbeat.ts";

/** How often each task of a worker comes round, milliseconds. */
const EVERY: Readonly<Record<HousekeepingTask, number>> = { nonces: 5_000, heartbeats: 15_000 };

/** What a worker does from time to time, whatever the chain does. */
export async function housekeeping(context: Context, { task }: Payload<"housekeeping">): Promise<void> {
  if (task === "heartbeats") return beat(context);
  await Promise.all(context.keys.keepers.map((keeper) => tendNonces(context, keeper)));
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
