import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Redis } from "ioredis";
import type { Address } from "../../ml/types.ts";
import type { Config, VaultConfig } from "../config.ts";
import { explain, RefusedError } from "../errors.ts";
import { openJournal } from "../journal.ts";
import { type PublishedMetrics, readPublishedMetrics } from "../metrics/publish.ts";
import { type Marker, readMarker, settledKey } from "../observe/marker.ts";
import { openQueues, payloadSchemas, type QueueName, type Queues, queuePrefix } from "../queues/queue.ts";
import { bullConnection } from "../queues/redis.ts";
import { createKillSwitch, type KillSwitch, type StopOrder } from "../stops/killSwitch.ts";
import { ApiError, unavailable } from "./errors.ts";
import { FRESHNESS_MILLISECONDS, type Journals } from "./journals.ts";
import { type MemoTimes, memo, within } from "./memo.ts";

const REDIS_PATIENCE_MILLISECONDS = 2_000;
const LATE_MILLISECONDS = 2_000;
const STOPS_TIMES: MemoTimes = {
  refreshMilliseconds: FRESHNESS_MILLISECONDS / 2,
  mostMilliseconds: FRESHNESS_MILLISECONDS,
  lateMilliseconds: LATE_MILLISECONDS,
};
const COUNTS_TIMES: MemoTimes = {
  refreshMilliseconds: 500,
  mostMilliseconds: 1_000,
  lateMilliseconds: LATE_MILLISECONDS,
};

/** Orders of the kill switch, the newest of each scope. */
export interface StopsReading {
  readonly orders: readonly StopOrder[];
  /** "journals" while Redis does not answer: an order given since then may be missing. */
  readonly source: "redis" | "journals";
}

/** A worker's own queues; a job means nothing to another one. */
export interface WorkerQueues {
  /** Its journal's identity. */
  readonly worker: string;
  readonly journalPath: string;
  readonly queues: Queues;
}

/** How many jobs of a worker's queue are in which state. */
export interface QueueCounts {
  readonly worker: string;
  readonly name: QueueName;
  readonly counts: Readonly<Record<string, number>>;
}

/** What the workers share through Redis; answers are kept for a fraction of a second. */
export interface SharedView {
  readonly redis: Redis;
  /** Runs one piece of work against Redis; throws 503 when it does not answer in time. */
  ask<T>(work: () => Promise<T>): Promise<T>;
  stops(): Promise<StopsReading>;
  /** How far each pool has come, by address. */
  markers(): Promise<ReadonlyMap<Address, Marker | null>>;
  /** The queues of the worker of every journal. */
  workers(): readonly WorkerQueues[];
  counts(): Promise<readonly QueueCounts[]>;
  /** The counters of every worker that lives. */
  published(): Promise<readonly PublishedMetrics[]>;
  /**
   * Writes an order down for everybody: in the journal of the configuration where that can be written, and in Redis.
   * Later than the newest order of its scope, whatever the clock says, so that it counts.
   */
  give(order: StopOrder): Promise<{ readonly given: StopOrder; readonly journaled: boolean }>;
  close(): Promise<void>;
}

export interface SharedViewParameters {
  readonly redis: Redis;
  readonly journals: Journals;
  readonly config: Config;
  readonly vaults: readonly VaultConfig[];
  readonly onError: (error: Error) => void;
}

/** A view of one Redis; connections heal by themselves. */
export function createSharedView(parameters: SharedViewParameters): SharedView {
  const { redis, journals, config, vaults, onError } = parameters;
  const { chainId } = config;
  const { prefix } = config.redis;
  const pools = [...new Set(vaults.map(({ pool }) => pool))];
  const names = Object.keys(payloadSchemas) as QueueName[];
  const opened = new Map<string, Queues>();

  const workers = () =>
    journals.readers().map(({ identity, path }) => {
      const known = opened.get(identity);
      const options = () => ({ connection: bullConnection(config.redis), prefix: queuePrefix(config, identity) });
      const queues = known ?? openQueues(options(), onError);
      opened.set(identity, queues);
      return { worker: identity, journalPath: path, queues };
    });

  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    // While the connection is down commands would be kept for later; here somebody waits.
    if (redis.status !== "ready") throw unavailable("redis", "must answer");
    const late = () => unavailable("redis", `must answer within ${REDIS_PATIENCE_MILLISECONDS} ms`);
    return within(REDIS_PATIENCE_MILLISECONDS, work(), late).catch((error) => {
      if (error instanceof RefusedError || error instanceof ApiError) throw error;
      throw unavailable("redis", `must answer with what the workers keep there: ${explain(error)}`, error);
    });
  };
  const remembered = (): readonly StopOrder[] => journals.readers().flatMap((reader) => reader.stops(chainId));
  const memory = { stops: () => remembered(), recordStop: () => undefined };
  const killSwitch: KillSwitch = createKillSwitch({ redis, journal: memory, prefix, chainId });

  const readStops = async (): Promise<StopsReading> => {
    if (redis.status !== "ready") return { orders: newestOf(remembered()), source: "journals" };
    return { orders: await ask(() => killSwitch.orders()), source: "redis" };
  };
  let stops = memo(STOPS_TIMES, readStops);
  return {
    ask,
    redis,
    stops: () => stops(),
    markers: memo(COUNTS_TIMES, () =>
      ask(async () => {
        const read = pools.map(
          async (pool) => [pool, await readMarker(redis, settledKey(chainId, pool, prefix))] as const,
        );
        return new Map(await Promise.all(read));
      }),
    ),
    workers,
    counts: memo(COUNTS_TIMES, () =>
      ask(() => {
        const read = workers().flatMap(({ worker, queues }) =>
          names.map(async (name) => ({ worker, name, counts: await queues[name].getJobCounts() })),
        );
        return Promise.all(read);
      }),
    ),
    published: memo(COUNTS_TIMES, () => ask(() => readPublishedMetrics(redis, prefix, chainId))),
    async give(order) {
      let journaled = false;
      const journal = {
        ...memory,
        recordStop(_chainId: number, given: StopOrder) {
          journaled = recordStop(config.journal.path, chainId, given);
        },
      };
      const given = await ask(() => createKillSwitch({ redis, journal, prefix, chainId }).give(order));
      stops = memo(STOPS_TIMES, readStops);
      return { given, journaled };
    },
    async close() {
      // A queue whose Redis is gone would wait for it.
      const closing = Promise.all([...opened.values()].map((queues) => queues.close()));
      await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, REDIS_PATIENCE_MILLISECONDS).unref())]);
    },
  };
}

/** False when the journal is not there or cannot be written from here: Redis alone carries the order to the workers. */
function recordStop(path: string, chainId: number, order: StopOrder): boolean {
  if (!existsSync(path)) return false;
  try {
    const journal = openJournal(path, randomUUID);
    try {
      journal.recordStop(chainId, order);
    } finally {
      journal.close();
    }
    return true;
  } catch {
    return false;
  }
}

const newestOf = (orders: readonly StopOrder[]): readonly StopOrder[] => {
  const newest = new Map<string, StopOrder>();
  for (const order of [...orders].sort((a, b) => a.atMilliseconds - b.atMilliseconds || a.level - b.level))
    newest.set(order.scope, order);
  return [...newest.values()];
};
