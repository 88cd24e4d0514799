import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { PublicClient } from "viem";
import { loadModelSet } from "../ml/models/index.ts";
import type { Address, ModelSet } from "../ml/types.ts";
import { openChain } from "./chain/open.ts";
import { getBlock, getPoolMeta } from "./chain.ts";
import { createChallengers } from "./challengers.ts";
import { type Config, resolveVaults, type VaultConfig } from "./config.ts";
import type { Context, Milestone, PoolGroup } from "./context.ts";
import { explain, type RefusedError } from "./errors.ts";
import { createHistory } from "./history.ts";
import { confirm } from "./jobs/confirm.ts";
import { evaluate } from "./jobs/evaluate.ts";
import { execute } from "./jobs/execute.ts";
import { openJournal } from "./journal.ts";
import { loadKeys } from "./keys/keys.ts";
import { createKillSwitch, describeStop } from "./killSwitch.ts";
import { acquireLeases } from "./lease.ts";
import { createLogger } from "./log.ts";
import { createMetrics, nameVaults } from "./metrics/metrics.ts";
import { watchedJournal } from "./metrics/timed.ts";
import { checkMode } from "./mode.ts";
import { observe } from "./observe.ts";
import { openQueues, startWorker } from "./queue.ts";
import { recover } from "./recover.ts";
import { bullConnection, connectRedis } from "./redis.ts";
import { secretsFrom } from "./secrets.ts";
import { startSeeing } from "./seen.ts";
import { createShutdown } from "./shutdown.ts";
import { version } from "./version.ts";
import { createWaker } from "./waker.ts";

export interface RunParameters {
  readonly config: Config;
  /** Ends the run: what is in hand is finished, everything is closed. */
  readonly signal: AbortSignal;
  /** The flag that mode live needs beside the configuration. */
  readonly live?: boolean;
  /** In place of the configured model set. */
  readonly models?: ModelSet;
  readonly env?: NodeJS.ProcessEnv;
  readonly logger?: Logger;
  /** Told of each milestone; crash tests die in it. */
  readonly onMilestone?: (milestone: Milestone, fields: Record<string, unknown>) => void;
}

/** The worker: observes, evaluates, executes and confirms until the signal fires. */
export async function run(parameters: RunParameters): Promise<void> {
  const { config, signal, env = process.env } = parameters;
  const secrets = secretsFrom(env);
  for (const url of [config.rpcUrl, config.redis.url, ...Object.values(config.rpc).flat()]) secrets.addAddress(url);
  const logger = parameters.logger ?? createLogger({ level: config.log.level, secrets });
  const keys = await loadKeys({ config, env, onSecret: secrets.add });
  checkMode(config, parameters.live === true, keys);
  const vaults = resolveVaults(config);

  const shutdown = createShutdown();
  const stop = new AbortController();
  let lost: RefusedError | null = null;
  const onAbort = () => stop.abort();
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) stop.abort();
  shutdown.add("signal", () => signal.removeEventListener("abort", onAbort));
  try {
    const onError = (error: Error) => logger.warn({ stage: "redis" }, explain(error));
    const { client, endpoints } = await openChain(config, (health, before) => {
      const { url, state, lastFailure, lagBlocks } = health;
      const level = state === "ok" ? "info" : "warn";
      logger[level]({ stage: "rpc", url, state, before, lagBlocks }, `${url} is ${state}: ${lastFailure ?? "-"}`);
    });
    shutdown.add("rpc", () => endpoints.close());
    const redis = await connectRedis(config.redis.url, onError);
    shutdown.add("redis", () => redis.disconnect());
    const models = parameters.models ?? (await loadModelSet(config.models.set));
    const metrics = createMetrics({ config, models, version: version(), process: true });
    const opened = openJournal(config.journal.path, randomUUID);
    shutdown.add("journal", () => opened.close());
    const journal = watchedJournal(opened, metrics, secrets);
    const leases = await acquireLeases({
      redis,
      prefix: config.redis.prefix,
      chainId: config.chainId,
      vaults: vaults.map(({ vault }) => vault),
      holder: journal.identity,
      onLost: (error) => {
        lost = error;
        stop.abort();
      },
    });
    shutdown.add("leases", () => leases.release());
    const options = {
      connection: bullConnection(config.redis.url),
      prefix: `${config.redis.prefix}:${config.chainId}`,
    };
    const queues = openQueues(options, onError);
    shutdown.add("queues", () => queues.close());

    const challengers = createChallengers({ config, journal, logger });
    if (challengers) shutdown.add("challengers", () => challengers.close());

    const waker = createWaker(stop.signal);
    const context: Context = {
      config,
      logger,
      client,
      endpoints,
      redis,
      journal,
      killSwitch: createKillSwitch({ redis, journal, prefix: config.redis.prefix, chainId: config.chainId }),
      models,
      challengers,
      queues,
      pools: await poolGroups(config, vaults, client, redis),
      keys,
      metrics,
      secrets,
      reached(milestone, fields) {
        logger.debug({ stage: milestone, ...fields });
        parameters.onMilestone?.(milestone, fields);
      },
      nudge: waker.nudge,
    };

    nameVaults(metrics, context.pools);
    for (const order of await context.killSwitch.orders()) {
      if (order.level > 0) logger.warn({ stage: "start" }, `the kill switch is on: ${describeStop(order)}`);
    }
    await recover(context);
    const workers = [
      startWorker({
        name: "evaluate",
        options,
        process: (payload) => evaluate(context, payload),
        onError,
        async onGivenUp(payload, _job, error) {
          logger.error({ stage: "evaluate", payload }, explain(error));
          if (payload) await restFailed(context, payload);
        },
      }),
      startWorker({
        name: "execute",
        options,
        process: (payload) => execute(context, payload),
        onError,
        onGivenUp(payload, _job, error) {
          logger.error({ stage: "execute", payload }, explain(error));
          const record = payload && journal.proposal(payload.digest);
          if (record) journal.rest({ ...record, state: "failed" });
          waker.nudge();
        },
      }),
      startWorker({
        name: "confirm",
        options,
        process: (payload, job, token) => confirm(context, payload, job, token),
        onError,
        onGivenUp: (payload, _job, error) => logger.error({ stage: "confirm", payload }, explain(error)),
      }),
    ];
    for (const worker of workers) {
      metrics.watch(worker);
      shutdown.add("worker", () => worker.close());
    }
    await startSeeing(context, { shutdown, leasesHeld: () => (lost === null ? vaults.length : 0) });
    logger.info(
      { stage: "start", mode: config.worker.mode, models: models.id, vaults: vaults.map(({ vault }) => vault) },
      `watching chain ${config.chainId}`,
    );
    await observe(context, waker, stop.signal);
  } finally {
    await shutdown.run();
  }
  if (lost) throw lost;
}

/** A block whose evaluation was given up: its vaults rest as failed, so that nobody waits for it for ever. */
async function restFailed(context: Context, payload: { pool: Address; block: number }): Promise<void> {
  const { journal, config, client } = context;
  const block = await getBlock(client, payload.block).catch(() => null);
  const group = context.pools.find(({ meta }) => meta.address.toLowerCase() === payload.pool.toLowerCase());
  if (!block || !group) return;
  for (const { vault } of group.vaults) {
    const place = { chainId: config.chainId, pool: group.meta.address, block: block.number, blockHash: block.hash };
    if (!journal.rests(place).has(vault)) journal.rest({ ...place, vault, state: "failed" });
  }
  context.nudge();
}

/** Groups vaults by pool; `redis` is where histories are cached, null for memory only. */
export async function poolGroups(
  config: Config,
  vaults: readonly VaultConfig[],
  client: PublicClient,
  redis: Awaited<ReturnType<typeof connectRedis>> | null,
): Promise<readonly PoolGroup[]> {
  const pools = [...new Set(vaults.map(({ pool }) => pool))];
  return Promise.all(
    pools.map(async (pool) => {
      const meta = await getPoolMeta(client, config.chainId, pool);
      const key = `${config.redis.prefix}:${config.chainId}:${pool.toLowerCase()}:history`;
      const history = createHistory({
        client,
        pool: meta,
        lookbackSeconds: config.evaluate.lookbackSeconds,
        chunkBlocks: config.worker.logChunkBlocks,
        ...(redis ? { cache: { redis, key } } : {}),
      });
      return { meta, history, vaults: vaults.filter((vault) => vault.pool === pool) };
    }),
  );
}
