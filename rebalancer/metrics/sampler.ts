import { getVault } from "../../sdk/actions/getVault.ts";
import { getSpots } from "../chain/spots.ts";
import type { Context } from "../context.ts";
import { explain } from "../errors.ts";
import { driftOf, type FeatureDomain } from "./drift.ts";
import type { Facts } from "./facts.ts";
import { type Metrics, placeVault } from "./metrics.ts";

/** No question to Redis or the chain holds a sample up for longer. */
const PATIENCE_MILLISECONDS = 2_000;
/** Vaults whose state is read again after a move, in one sample; the others follow in the next. */
const MOST_VAULTS_READ = 50;
const QUEUE_STATES = ["waiting", "active", "delayed", "failed", "completed", "prioritized"] as const;

/** Looks at what the worker cannot count: Redis, queues, the kill switch, nodes, keepers' balances, prices. */
export interface Sampler {
  /** Quick: Redis, queues, orders, nodes. Never throws. */
  sample(): Promise<void>;
  /** Asks the chain: keepers' balances, each pool's price, ranges of vaults that have moved. Never throws. */
  sampleChain(): Promise<void>;
  /** A vault has moved: its ranges are read with the next sample of the chain. */
  moved(vault: `0x${string}`): void;
}

export interface CreateSamplerParameters {
  readonly context: Pick<
    Context,
    "config" | "redis" | "queues" | "killSwitch" | "endpoints" | "client" | "keys" | "pools" | "logger"
  >;
  readonly metrics: Metrics;
  /** Vaults whose leases this worker holds now. */
  readonly leasesHeld: () => number;
  /** What the models that decide now were trained on, by feature; null where they do not say. */
  readonly features: () => { readonly names: readonly string[]; readonly domain: FeatureDomain } | null;
  readonly now?: () => number;
}

/** A sampler for a worker's facts. */
export function createSampler(parameters: CreateSamplerParameters): Sampler {
  const { context, metrics, leasesHeld, features, now = Date.now } = parameters;
  const { config, redis, queues, killSwitch, endpoints, client, keys, logger } = context;
  const { facts } = metrics;
  const toRead = new Set<`0x${string}`>();
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await within(PATIENCE_MILLISECONDS, work());
    } catch (error) {
      logger.debug({ stage: "sample", what }, explain(error));
    }
  };

  return {
    moved: (vault) => void toRead.add(vault),
    async sample() {
      facts.endpoints = endpoints.health().map(({ url, state, failuresTotal, lagBlocks }) => ({
        name: url,
        up: state === "ok",
        failures: failuresTotal,
        lagBlocks: lagBlocks ?? 0,
      }));
      facts.leases = { configured: facts.vaults.size, held: leasesHeld() };
      const start = performance.now();
      try {
        if (redis.status !== "ready") throw new Error(`connection ${redis.status}`);
        await within(PATIENCE_MILLISECONDS, redis.ping());
        facts.redis = { up: true, pingSeconds: (performance.now() - start) / 1_000, failingSinceMilliseconds: null };
      } catch {
        // whoever asks hears of it from the facts
        const since = facts.redis.failingSinceMilliseconds ?? now();
        facts.redis = { up: false, pingSeconds: 0, failingSinceMilliseconds: since };
        return;
      }
      await attempt("queues", async () => {
        const jobs = new Map<string, number>();
        for (const queue of [queues.evaluate, queues.execute, queues.confirm, queues.housekeeping]) {
          const counts = await queue.getJobCounts(...QUEUE_STATES);
          for (const [state, count] of Object.entries(counts)) jobs.set(`${queue.name} ${state}`, count);
        }
        facts.jobs = jobs;
      });
      await attempt("stops", async () => {
        facts.stops = (await killSwitch.orders()).filter(({ level }) => level > 0);
      });
    },
    async sampleChain() {
      const { head } = facts;
      if (head === null) return;
      await attempt("keepers", async () => {
        if (config.worker.mode !== "live") return;
        const move = BigInt(config.decision.gasPerMove) * (head.baseFeePerGas || 1n);
        for (const [name, { address }] of keepersOf(context)) {
          const balanceWei = await client.getBalance({ address });
          facts.keepers.set(name, { address, balanceWei, movesLeft: Number(balanceWei / move) });
        }
      });
      await attempt("pools", async () => {
        const trained = features();
        const spots = await getSpots(client, [...facts.pools.keys()], head);
        [...facts.pools.values()].forEach((pool, index) => {
          const spot = spots[index];
          if (spot?.status === "fulfilled") pool.tick = spot.value.tick;
          pool.drift = trained === null ? null : driftOf({ ...trained, rows: pool.features });
        });
      });
      await attempt("vaults", () => readMoved(parameters, facts, toRead, head.number));
      for (const vault of facts.vaults.keys()) placeVault(facts, vault, head.timestamp);
    },
  };

  function keepersOf({ config }: Pick<Context, "config">) {
    const names = new Set(config.vaults.map(({ keeper }) => keeper));
    return [...names].flatMap((name) => {
      const account = keys.of({ keeper: name, signer: name }).keeper;
      return account === null ? [] : [[name, account] as const];
    });
  }
}

/** Ranges of vaults that have moved since they were last decided upon. */
async function readMoved(
  { context: { client, pools } }: Pick<CreateSamplerParameters, "context">,
  facts: Facts,
  toRead: Set<`0x${string}`>,
  block: number,
): Promise<void> {
  const configured = pools.flatMap(({ vaults }) => vaults);
  for (const address of [...toRead].slice(0, MOST_VAULTS_READ)) {
    const vault = configured.find((candidate) => candidate.vault === address);
    const known = facts.vaults.get(address);
    if (vault && known) {
      const status = await getVault(client, { lens: vault.lens, vault: address, blockNumber: BigInt(block) });
      known.ranges = status.positions;
      known.paused = status.paused;
      known.outOfRangeSince = null;
    }
    toRead.delete(address);
  }
}

/** What a promise resolves to, or an error when it takes longer; the promise itself goes on unheard. */
export function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
