import { setImmediate } from "node:timers/promises";
import type { Hex } from "../../ml/types.ts";
import type { BlockStamp } from "../chain.ts";
import type { Context, PoolGroup } from "../context.ts";
import type { ConfirmProgress } from "../jobs/confirm.ts";
import { evaluate } from "../jobs/evaluate.ts";
import { beginReading, type Reading, readingKey } from "../jobs/reading.ts";
import type { ProposalRecord } from "../journal/proposals.ts";
import type { RestState } from "../journal/rests.ts";
import { CONCURRENCY, ensureJob, jobIds } from "../queues/queue.ts";
import { DEADLINE_SECONDS } from "../sending/proposal.ts";
import { settledKey, writeMarker } from "./marker.ts";

/** What is known of one pool's due evaluation, so that the journal is asked only for what may have changed. */
export interface PoolWatch {
  readonly group: PoolGroup;
  /** Due block whose evaluation is in the queue. */
  queued: Hex | null;
  /** Due block after which every vault rests, and in one word where. */
  rested: { readonly hash: Hex; readonly state: RestState } | null;
  published: string | null;
}

export const watchPool = (group: PoolGroup): PoolWatch => ({ group, queued: null, rested: null, published: null });

export interface FollowPoolsParameters {
  readonly head: BlockStamp;
  readonly due: BlockStamp;
  /** The kill switch's orders, once it is known whether this head trips it: nothing is proposed before. */
  readonly stops: NonNullable<Reading["stops"]>;
}

/**
 * Queues what is due and publishes the marker of each pool whose vaults have all come to rest. Asks the journal a fixed
 * number of questions and one for each pool that does not rest yet, however many vaults there are. As many pools as are
 * evaluated at the same time are begun at once; those after them would only share the processor with these.
 */
export async function followPools(
  context: Context,
  watches: readonly PoolWatch[],
  { head, due, stops }: FollowPoolsParameters,
): Promise<void> {
  const started = watches.filter(({ queued }) => queued !== due.hash);
  if (started.length > 0) restLate(context, started, head, due);
  const ahead = new Set<PoolWatch>();
  for (const watch of started.slice(0, CONCURRENCY.evaluate)) {
    const { group, rested } = watch;
    if (rested?.hash === due.hash || due.hash !== head.hash) continue;
    const reading = beginReading(context, { group, vaults: group.vaults, block: due });
    context.readings.keep(readingKey(group, due.number), { ...reading, stops });
    ahead.add(watch);
  }
  // What was asked leaves when the loop has come round: the node is at it while the queues are told.
  if (ahead.size > 0) await setImmediate();
  const sent = context.journal.proposals({ status: ["sent"] });
  const unchecked = new Set(await uncheckedPools(context, sent, head));
  await Promise.all(
    watches.map(async (watch) => {
      if (watch.rested?.hash !== due.hash) readRests(context, watch, due);
      if (watch.rested?.hash === due.hash) {
        if (!unchecked.has(watch.group.meta.address.toLowerCase())) await publish(context, watch, head, due);
        return;
      }
      if (watch.queued === due.hash) return;
      const { chainId } = context.config;
      const payload = { chainId, pool: watch.group.meta.address, block: due.number };
      if (ahead.has(watch)) context.evaluating.begin(jobIds.evaluate(payload), () => evaluate(context, payload));
      else await stops;
      await ensureJob(context.queues, "evaluate", payload, { again: true });
      watch.queued = due.hash;
    }),
  );
}

const placeOf = ({ config }: Context, { meta }: PoolGroup, due: BlockStamp) => ({
  chainId: config.chainId,
  pool: meta.address,
  block: due.number,
  blockHash: due.hash,
});

function readRests(context: Context, watch: PoolWatch, due: BlockStamp): void {
  const rests = context.journal.rests(placeOf(context, watch.group, due));
  if (!watch.group.vaults.every(({ vault }) => rests.has(vault))) return;
  watch.rested = { hash: due.hash, state: summarise(rests.values()) };
}

async function publish(context: Context, watch: PoolWatch, head: BlockStamp, due: BlockStamp): Promise<void> {
  const { config, redis } = context;
  const state = due.number === head.number && watch.rested ? watch.rested.state : "skipped";
  const text = `${head.hash} ${state}`;
  if (watch.published === text) return;
  context.metrics.ticked(watch.group.meta.address);
  const key = settledKey(config.chainId, watch.group.meta.address, config.redis.prefix);
  await writeMarker(redis, key, { block: head.number, state });
  watch.published = text;
}

/**
 * Started in the middle of a bucket: what its first block asks for could no longer be executed in time, and the node
 * may have dropped that block's state. Vaults with an unfinished proposal of it are left to their execute job.
 */
function restLate(context: Context, watches: readonly PoolWatch[], head: BlockStamp, due: BlockStamp): void {
  if (head.timestamp <= due.timestamp + DEADLINE_SECONDS) return;
  const { journal } = context;
  const unfinished = new Set(
    journal
      .proposals({ status: ["proposed", "simulated"] })
      .filter(({ blockHash }) => blockHash === due.hash)
      .map(({ vault }) => vault),
  );
  journal.together(() => {
    for (const { group } of watches) {
      const place = placeOf(context, group, due);
      const rests = journal.rests(place);
      for (const { vault } of group.vaults) {
        if (!rests.has(vault) && !unfinished.has(vault)) journal.rest({ ...place, vault, state: "late" });
      }
    }
  });
}

/** Pools with a sent proposal that was not yet looked for in the blocks up to the head, in lower case. */
async function uncheckedPools(
  { queues }: Context,
  sent: readonly ProposalRecord[],
  head: BlockStamp,
): Promise<readonly string[]> {
  const checked = sent.map(async (record) => {
    const { chainId, vault, digest } = record;
    const payload = { chainId, vault, nonce: record.nonce.toString(), digest };
    const job = await queues.confirm.getJob(jobIds.confirm(payload));
    const progress = job?.progress as ConfirmProgress | number | undefined;
    // Sent in answer to this very head: the next block is the first that can hold it.
    const sentNow = record.block === head.number;
    const upTo = typeof progress === "object" ? progress.checkedBlock : -1;
    if (!job || (await job.isCompleted()) || (await job.isFailed()))
      await ensureJob(queues, "confirm", payload, { again: true });
    return sentNow || upTo >= head.number ? [] : [record.pool.toLowerCase()];
  });
  return (await Promise.all(checked)).flat();
}

const BUSIEST_FIRST: readonly RestState[] = [
  "failed",
  "sent",
  "confirmed",
  "refused",
  "expired",
  "pending",
  "stopped",
  "simulated",
  "shadow",
  "held",
  "late",
  "absent",
];

/** One word for several vaults: the busiest of their states. */
export function summarise(states: Iterable<RestState>): RestState {
  const present = new Set(states);
  return BUSIEST_FIRST.find((state) => present.has(state)) ?? "held";
}
