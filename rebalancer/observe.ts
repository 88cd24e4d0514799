import { type BlockStamp, firstBlockSince, getBlock } from "./chain.ts";
import type { Context, PoolGroup } from "./context.ts";
import { explain } from "./errors.ts";
import type { ConfirmProgress } from "./jobs/confirm.ts";
import type { RestState } from "./journal/rests.ts";
import { describeStop } from "./killSwitch.ts";
import { type Marker, settledKey, writeMarker } from "./marker.ts";
import { DEADLINE_SECONDS } from "./proposal.ts";
import { ensureJob, jobIds } from "./queue.ts";
import { acknowledgedTrips, newTrips, readHeadLag, readTrips } from "./trips.ts";

/** Hashes remembered for finding out that the chain was reorganised. */
const REMEMBERED_BLOCKS = 256;
const LONGEST_BACKOFF_MILLISECONDS = 5_000;

export interface Waker {
  /** Resolves after `milliseconds`, or at once when nudged or stopped. */
  wait(milliseconds: number): Promise<void>;
  nudge(): void;
}

/** A sleep that can be cut short, from inside by `nudge` and from outside by the signal. */
export function createWaker(signal: AbortSignal): Waker {
  let wake: (() => void) | null = null;
  let nudged = false;
  const nudge = () => {
    nudged = true;
    wake?.();
  };
  signal.addEventListener("abort", nudge);
  return {
    nudge,
    wait(milliseconds) {
      if (nudged || signal.aborted) {
        nudged = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => wake?.(), milliseconds);
        wake = () => {
          clearTimeout(timer);
          wake = null;
          nudged = false;
          resolve();
        };
      });
    },
  };
}

interface Observation {
  head: BlockStamp | null;
  /** Hash by number of the newest blocks seen. */
  readonly seen: Map<number, string>;
  /** First block of the cadence bucket that the head is in: the one to evaluate. */
  due: BlockStamp | null;
  readonly queued: Set<string>;
  readonly published: Map<string, string>;
  /** Conditions that have tripped the kill switch and still hold. */
  readonly tripped: Set<string>;
}

/**
 * Watches the chain until the signal fires: asks for an evaluation at the first block of every cadence bucket, notices
 * reorganisations by parent hash, and publishes each pool's marker once all that a block caused has come to rest. A node
 * that does not answer is asked again, less and less often.
 */
export async function observe(context: Context, waker: Waker, signal: AbortSignal): Promise<void> {
  const { config, logger } = context;
  const observation: Observation = {
    head: null,
    seen: new Map(),
    due: null,
    queued: new Set(),
    published: new Map(),
    tripped: acknowledgedTrips(context.journal.stops(config.chainId)),
  };
  let failures = 0;
  while (!signal.aborted) {
    let pause = config.worker.pollMilliseconds;
    try {
      await look(context, observation);
      if (failures > 0) logger.info({ stage: "observe" }, `the node answers again after ${failures} failures`);
      failures = 0;
    } catch (error) {
      if (signal.aborted) break;
      failures += 1;
      pause = Math.min(config.worker.pollMilliseconds * 2 ** failures, LONGEST_BACKOFF_MILLISECONDS);
      logger.warn({ stage: "observe", failures }, `cannot observe ${config.rpcUrl}: ${explain(error)}`);
    }
    await waker.wait(pause);
  }
}

async function look(context: Context, observation: Observation): Promise<void> {
  const { client, config } = context;
  const head = await getBlock(client, "latest");
  context.metrics.headSeen(head);
  await watchTrips(context, observation, head);
  if (head.hash !== observation.head?.hash) {
    await followHead(context, observation, head);
    const start = Math.floor(head.timestamp / config.evaluate.everySeconds) * config.evaluate.everySeconds;
    const known =
      observation.due !== null && observation.due.timestamp >= start && observation.due.number <= head.number;
    if (!known) observation.due = await firstBlockSince(client, start, head);
    observation.head = head;
    await promoteConfirms(context);
  }
  const { due } = observation;
  if (!due) return;
  for (const group of context.pools) await follow(context, observation, group, head, due);
}

/** Trips the kill switch where a limit of the configuration has been passed; all but the head's age once per block. */
async function watchTrips(context: Context, observation: Observation, head: BlockStamp): Promise<void> {
  const { killSwitch, logger, config } = context;
  const now = Date.now();
  const readings = [
    ...readHeadLag(config, head, Math.floor(now / 1_000)),
    ...(head.hash === observation.head?.hash ? [] : await readTrips(context, head)),
  ];
  if (readings.length === 0) return;
  for (const order of newTrips(readings, observation.tripped, await killSwitch.orders(), now)) {
    await killSwitch.give(order);
    logger.error({ stage: "observe", block: head.number, stop: order }, `kill switch: ${describeStop(order)}`);
  }
}

/** Compares the new head with what was seen before and repairs after a reorganisation. */
async function followHead(context: Context, observation: Observation, head: BlockStamp): Promise<void> {
  const { client, logger, journal, queues, config } = context;
  const { seen } = observation;
  const parent = seen.get(head.number - 1);
  const replaced = seen.has(head.number) && seen.get(head.number) !== head.hash;
  if (
    replaced ||
    (parent !== undefined && parent !== head.parentHash) ||
    (observation.head && head.number < observation.head.number)
  ) {
    let fork = head.number - 1;
    while (seen.has(fork) && (await getBlock(client, fork)).hash !== seen.get(fork)) fork -= 1;
    logger.warn({ stage: "observe", block: head.number }, `the chain was reorganised after block ${fork}`);
    for (const number of [...seen.keys()]) if (number > fork) seen.delete(number);
    if (observation.due && observation.due.number > fork) observation.due = null;
    for (const record of journal.proposals({ status: ["confirmed"] })) {
      if (!record.measured || record.measured.block <= fork) continue;
      journal.advance(
        record.digest,
        "sent",
        `block ${record.measured.block} ${record.measured.blockHash} was reorganised away`,
      );
      const { chainId, vault, digest, nonce } = record;
      await ensureJob(queues, "execute", { chainId, vault, digest, nonce: nonce.toString() }, { again: true });
      await ensureJob(queues, "confirm", { chainId, vault, digest, nonce: nonce.toString() }, { again: true });
    }
    for (const { meta } of context.pools) {
      for (let number = fork + 1; number <= Math.max(head.number, observation.head?.number ?? 0); number++) {
        const id = jobIds.evaluate({ chainId: config.chainId, pool: meta.address, block: number });
        const job = await queues.evaluate.getJob(id);
        if (job && !(await job.isActive())) await job.remove();
      }
    }
  }
  seen.set(head.number, head.hash);
  for (const number of seen.keys()) {
    if (seen.size <= REMEMBERED_BLOCKS) break;
    seen.delete(number);
  }
}

/** A new block may hold what waiting confirm jobs wait for: they look now rather than later. */
async function promoteConfirms({ queues }: Context): Promise<void> {
  for (const job of await queues.confirm.getDelayed()) {
    // gone or already running between the two calls: nothing to promote
    await job.promote().catch(() => undefined);
  }
}

/** Queues the due evaluation of a pool once, and publishes its marker when everything rests. */
async function follow(
  context: Context,
  observation: Observation,
  group: PoolGroup,
  head: BlockStamp,
  due: BlockStamp,
): Promise<void> {
  const { config, journal, queues, redis } = context;
  const pool = group.meta.address;
  const key = `${pool} ${due.hash}`;
  if (!observation.queued.has(key)) restLate(context, group, head, due);
  const rests = journal.rests({ chainId: config.chainId, pool, blockHash: due.hash });
  if (!group.vaults.every(({ vault }) => rests.has(vault))) {
    if (!observation.queued.has(key)) {
      await ensureJob(queues, "evaluate", { chainId: config.chainId, pool, block: due.number }, { again: true });
      observation.queued.add(key);
    }
    return;
  }
  if (!(await confirmsChecked(context, group, head))) return;
  const state = due.number === head.number ? summarise([...rests.values()]) : "skipped";
  const marker: Marker = { block: head.number, state };
  const text = `${head.hash} ${state}`;
  if (observation.published.get(pool) === text) return;
  context.metrics.ticked(pool);
  await writeMarker(redis, settledKey(config.chainId, pool, config.redis.prefix), marker);
  observation.published.set(pool, text);
}

/**
 * Started in the middle of a bucket: what its first block asks for could no longer be executed in time, and the node
 * may have dropped that block's state. Vaults with an unfinished proposal of it are left to their execute job.
 */
function restLate({ journal, config }: Context, group: PoolGroup, head: BlockStamp, due: BlockStamp): void {
  if (head.timestamp <= due.timestamp + DEADLINE_SECONDS) return;
  const place = { chainId: config.chainId, pool: group.meta.address, block: due.number, blockHash: due.hash };
  const rests = journal.rests(place);
  for (const { vault } of group.vaults) {
    const unfinished = journal.proposals({ vault, status: ["proposed", "simulated"] });
    if (rests.has(vault) || unfinished.some(({ blockHash }) => blockHash === due.hash)) continue;
    journal.rest({ ...place, vault, state: "late" });
  }
}

/** Whether every sent proposal of the pool's vaults was looked for in the blocks up to the head. */
async function confirmsChecked({ journal, queues }: Context, group: PoolGroup, head: BlockStamp): Promise<boolean> {
  let checked = true;
  for (const { vault } of group.vaults) {
    for (const record of journal.proposals({ vault, status: ["sent"] })) {
      const payload = { chainId: record.chainId, vault, nonce: record.nonce.toString(), digest: record.digest };
      const job = await queues.confirm.getJob(jobIds.confirm(payload));
      const progress = job?.progress as ConfirmProgress | number | undefined;
      // Sent in answer to this very head: the next block is the first that can hold it.
      const sentNow = record.block === head.number;
      const upTo = typeof progress === "object" ? progress.checkedBlock : -1;
      if (!sentNow && upTo < head.number) checked = false;
      if (!job || (await job.isCompleted()) || (await job.isFailed()))
        await ensureJob(queues, "confirm", payload, { again: true });
    }
  }
  return checked;
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
export function summarise(states: readonly RestState[]): RestState {
  return BUSIEST_FIRST.find((state) => states.includes(state)) ?? "held";
}
