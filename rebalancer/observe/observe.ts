import { setImmediate } from "node:timers/promises";
import { begun } from "../ahead.ts";
import { HeadRefusedError } from "../chain/errors.ts";
import { createFollower, type Follower } from "../chain/follow.ts";
import { type Heads, listenForHeads } from "../chain/heads.ts";
import { type BlockStamp, firstBlockSince, getBlock } from "../chain.ts";
import type { Context } from "../context.ts";
import { explain } from "../errors.ts";
import { describeStop, type StopOrder } from "../stops/killSwitch.ts";
import { openTripCounts, type TripCounts } from "../stops/tripCounts.ts";
import { acknowledgedTrips, newTrips, readHeadLag, readTrips } from "../stops/trips.ts";
import { repairReorganised, repairUnseen } from "./reorganised.ts";
import { followPools, type PoolWatch, watchPool } from "./settled.ts";
import type { Waker } from "./waker.ts";

const LONGEST_BACKOFF_MILLISECONDS = 5_000;
/** A head that was announced but cannot be read yet is looked for so often, for so long. */
const ANNOUNCED_POLL_MILLISECONDS = 50;
const ANNOUNCED_PATIENCE_MILLISECONDS = 2_000;

interface Observation {
  readonly follower: Follower;
  readonly watches: readonly PoolWatch[];
  /** First block of the cadence bucket that the head is in: the one to evaluate. */
  due: BlockStamp | null;
  /** Newest head that was repaired for and whose waiting jobs were woken. */
  handled: string | null;
  /** The head that was handled last. */
  parent: BlockStamp | null;
  /** Whether what the journal holds from before the start was held against the chain. */
  looked: boolean;
  /** A reorganisation that is not repaired yet: the newest block that both chains share. */
  fork: number | null;
  /** What the journal says of the conditions that trip the kill switch; null before the first head. */
  counts: TripCounts | null;
  /** Conditions that have tripped the kill switch and still hold. */
  readonly tripped: Set<string>;
  /** Said once about a node that has gone back. */
  wentBack: string | null;
}

/**
 * Watches the chain until the signal fires: asks for an evaluation at the first block of every cadence bucket, notices
 * reorganisations by parent hash, and publishes each pool's marker once all that a block caused has come to rest. A node
 * that does not answer is asked again, less and less often; one that announces heads is looked at when it does.
 */
export async function observe(context: Context, waker: Waker, signal: AbortSignal): Promise<void> {
  const { config, logger, client } = context;
  const observation: Observation = {
    follower: createFollower(client),
    watches: context.pools.map(watchPool),
    due: null,
    handled: null,
    parent: null,
    looked: false,
    fork: null,
    counts: null,
    tripped: acknowledgedTrips(context.journal.stops(config.chainId)),
    wentBack: null,
  };
  let announced = { block: -1, at: 0 };
  const heads = openHeads(context, ({ number }) => {
    announced = { block: number, at: performance.now() };
    waker.nudge();
  });
  let failures = 0;
  try {
    while (!signal.aborted) {
      let pause = config.worker.pollMilliseconds;
      try {
        await look(context, observation);
        if (failures > 0) logger.info({ stage: "observe" }, `the chain can be read again after ${failures} failures`);
        failures = 0;
        const block = observation.follower.head?.number ?? -1;
        heads?.reached(block);
        const expected = announced.block > block && performance.now() - announced.at < ANNOUNCED_PATIENCE_MILLISECONDS;
        if (expected) pause = Math.min(pause, ANNOUNCED_POLL_MILLISECONDS);
      } catch (error) {
        if (signal.aborted) break;
        failures += 1;
        pause = Math.min(config.worker.pollMilliseconds * 2 ** failures, LONGEST_BACKOFF_MILLISECONDS);
        logger.warn({ stage: "observe", failures }, `cannot observe the chain: ${explain(error)}`);
        if (error instanceof HeadRefusedError) await context.endpoints.suspect("head", error.message);
      }
      await waker.wait(pause);
    }
  } finally {
    heads?.close();
  }
}

/** Heads as they are announced, where a WebSocket is configured. */
function openHeads({ config, logger }: Context, onHead: (head: BlockStamp) => void): Heads | null {
  const url = config.rpc.webSocketUrl;
  if (url === undefined) return null;
  return listenForHeads({
    url,
    chainId: config.chainId,
    onHead,
    onChange(failure) {
      if (failure === null) logger.info({ stage: "heads" }, "new heads are announced over the WebSocket");
      else logger.warn({ stage: "heads" }, `no heads over the WebSocket, polling goes on: ${failure}`);
    },
  });
}

async function look(context: Context, observation: Observation): Promise<void> {
  const { config } = context;
  const head = await newestHead(context, observation);
  context.metrics.headSeen(head);
  const stops = begun(watchTrips(context, observation, head));
  if (observation.handled !== head.hash) {
    await context.followModels(head);
    if (!observation.looked) observation.looked = await repairUnseen(context, head);
    if (observation.fork !== null) {
      if (observation.due && observation.due.number > observation.fork) observation.due = null;
      await repairReorganised(context, { fork: observation.fork, atSeconds: head.timestamp });
      observation.fork = null;
    }
    const start = Math.floor(head.timestamp / config.evaluate.everySeconds) * config.evaluate.everySeconds;
    const { due } = observation;
    const known = due !== null && due.timestamp >= start && due.number <= head.number;
    const parent = observation.parent?.hash === head.parentHash ? observation.parent : null;
    // Mostly the block before was seen, and was before the bucket.
    if (!known && parent !== null && parent.timestamp < start) observation.due = head;
    else if (!known) observation.due = await firstBlockSince(context.client, start, head);
    observation.parent = head;
  }
  const { due } = observation;
  await Promise.all([
    due ? followPools(context, observation.watches, { head, due, stops }) : null,
    wakeConfirms(context, observation, head),
    stops,
  ]);
}

/** The newest head that can be believed: what the node gives, or the last one where the node has gone back. */
async function newestHead(context: Context, observation: Observation): Promise<BlockStamp> {
  const { client, logger, endpoints } = context;
  const { follower } = observation;
  const found = await getBlock(client, "latest");
  const last = follower.head;
  const step = await follower.consider(found);
  if (step.kind === "back" && last !== null) {
    if (observation.wentBack !== found.hash) {
      observation.wentBack = found.hash;
      logger.warn(
        { stage: "observe", block: last.number },
        `the node's head went back to block ${found.number}; block ${last.number} is kept until another chain is seen`,
      );
      if (endpoints.health().length > 1) await endpoints.compare();
    }
    return last;
  }
  if (step.kind === "reorganised") {
    observation.fork = Math.min(step.fork, observation.fork ?? step.fork);
    logger.warn({ stage: "observe", block: found.number }, `the chain was reorganised after block ${step.fork}`);
  }
  return found;
}

/**
 * Trips the kill switch where a limit of the configuration has been passed; all but the head's age once per block.
 * Returns its orders, or null where there was nothing to read.
 */
async function watchTrips(
  context: Context,
  observation: Observation,
  head: BlockStamp,
): Promise<readonly StopOrder[] | null> {
  const { killSwitch, logger, config, journal, pools } = context;
  const now = Date.now();
  observation.counts ??= openTripCounts({
    journal,
    trips: config.trips,
    vaults: pools.flatMap(({ vaults }) => vaults),
    atSeconds: head.timestamp,
  });
  const readings = [
    ...readHeadLag(config, head, Math.floor(now / 1_000)),
    ...(head.hash === observation.handled ? [] : await readTrips(context, observation.counts, head)),
  ];
  if (readings.length === 0) return null;
  const orders = await killSwitch.orders();
  const given = newTrips(readings, observation.tripped, orders, now);
  for (const order of given) {
    await killSwitch.give(order);
    logger.error({ stage: "observe", block: head.number, stop: order }, `kill switch: ${describeStop(order)}`);
  }
  return given.length === 0 ? orders : killSwitch.orders();
}

/** A new block may hold what waiting confirm jobs wait for: they look now rather than later. */
async function wakeConfirms({ queues }: Context, observation: Observation, head: BlockStamp): Promise<void> {
  if (observation.handled === head.hash) return;
  // Nothing that is urgent waits for them.
  await setImmediate();
  for (const job of await queues.confirm.getDelayed()) {
    // gone or already running between the two calls: nothing to promote
    await job.promote().catch(() => undefined);
  }
  observation.handled = head.hash;
}
