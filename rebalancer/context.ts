import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { PublicClient } from "viem";
import type { KeptBars } from "../ml/data/keptBars.ts";
import type { Address, ModelSet, Numeraire, PoolMeta } from "../ml/types.ts";
import type { Ahead } from "./ahead.ts";
import type { Endpoints } from "./chain/endpoints.ts";
import type { BlockStamp } from "./chain.ts";
import type { Challengers } from "./challengers.ts";
import type { Config, VaultConfig } from "./config.ts";
import { FatalError } from "./errors.ts";
import type { HistoryStore } from "./history.ts";
import type { InHand } from "./inHand.ts";
import type { Prepared } from "./jobs/prepare.ts";
import type { Reading } from "./jobs/reading.ts";
import type { Journal } from "./journal.ts";
import type { Keys } from "./keys/keys.ts";
import type { Secrets } from "./log/secrets.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { Queues } from "./queues/queue.ts";
import type { KeeperLock } from "./sending/nonces.ts";
import type { Relay } from "./sending/relay.ts";
import type { KillSwitch } from "./stops/killSwitch.ts";

/** A pool and the vaults that share its features and scores. */
export interface PoolGroup {
  readonly meta: PoolMeta;
  readonly history: HistoryStore;
  /** What makes bars of its histories, with either token as the asset. */
  readonly kept: Readonly<Record<Numeraire, KeptBars>>;
  readonly vaults: readonly VaultConfig[];
}

/** Points in a proposal's life at which a process may die; told to `Context.reached` for logs and crash tests. */
export type Milestone =
  | "evaluating"
  | "decided"
  | "proposed"
  | "execute-queued"
  | "simulated"
  | "signed"
  | "broadcast"
  | "sent"
  | "mined"
  | "confirmed"
  | "bumped"
  | "cancelling"
  | "heartbeat";

/** Everything that a running worker shares, built once in main.ts and passed down. */
export interface Context {
  readonly config: Config;
  readonly logger: Logger;
  readonly client: PublicClient;
  /** The nodes behind the client: how they are. */
  readonly endpoints: Endpoints;
  readonly redis: Redis;
  readonly journal: Journal;
  readonly killSwitch: KillSwitch;
  /** Those that decide now; what works on one block reads them once. */
  readonly models: ModelSet;
  /** Takes over models that were promoted or rolled back, between two blocks. */
  readonly followModels: (head: BlockStamp) => Promise<void>;
  /** Null without any. */
  readonly challengers: Challengers | null;
  readonly queues: Queues;
  readonly pools: readonly PoolGroup[];
  readonly keys: Keys;
  /** Where transactions go instead of to the nodes; null = to the nodes. */
  readonly relay: Relay | null;
  readonly keeperLock: KeeperLock;
  /** When strategies last accepted a move or a sign of life, as far as known; Unix seconds by vault. */
  readonly heardAtSeconds: Map<Address, number>;
  /** Readings of pools at blocks whose evaluation is being queued. */
  readonly readings: Ahead<Reading>;
  /** Simulations of moves whose execution is being queued. */
  readonly prepared: Ahead<Promise<Prepared>>;
  /** Evaluations and executions that go on before their jobs have come through the queue. */
  readonly evaluating: InHand;
  readonly executing: InHand;
  /** Told of what happens; never waited for. */
  readonly metrics: Metrics;
  /** What must not be seen in logs, Redis and journal. */
  readonly secrets: Secrets;
  /** Says that a proposal reached a milestone. */
  readonly reached: (milestone: Milestone, fields: Record<string, unknown>) => void;
  /** Makes the observer look again now rather than at its next poll. */
  readonly nudge: () => void;
}

/** The configured pool at an address; throws FatalError naming it when there is none. */
export function poolAt(context: Pick<Context, "pools">, chainId: number, pool: Address): PoolGroup {
  const found = context.pools.find(
    ({ meta }) => meta.chainId === chainId && meta.address.toLowerCase() === pool.toLowerCase(),
  );
  if (found) return found;
  throw new FatalError(`pool: ${pool} on chain ${chainId}; rule: must be the pool of a configured vault`);
}
