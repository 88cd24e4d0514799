import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { PublicClient } from "viem";
import { createKeptBars } from "../ml/data/keptBars.ts";
import type { Address, ModelSet, PoolMeta } from "../ml/types.ts";
import { createAhead } from "./ahead.ts";
import { openSinks } from "./alerts/sinks.ts";
import { openChain } from "./chain/open.ts";
import { getPoolMeta } from "./chain.ts";
import { createChallengers } from "./challengers.ts";
import { type Config, resolveVaults, type VaultConfig } from "./config.ts";
import type { Context, Milestone, PoolGroup } from "./context.ts";
import { explain, type RefusedError } from "./errors.ts";
import { createHistories } from "./history.ts";
import { createInHand } from "./inHand.ts";
import { scheduleHousekeeping } from "./jobs/housekeeping.ts";
import { openJournal } from "./journal.ts";
import { loadKeys } from "./keys/keys.ts";
import { createLogger } from "./log/log.ts";
import { logDestination } from "./log/logFile.ts";
import { secretsFrom } from "./log/secrets.ts";
import { createMetrics, nameVaults } from "./metrics/metrics.ts";
import { watchedJournal } from "./metrics/timed.ts";
import { checkMode } from "./mode.ts";
import { openModelsInUse } from "./modelsInUse.ts";
import { startObservability } from "./observability.ts";
import { observe } from "./observe/observe.ts";
import { createWaker } from "./observe/waker.ts";
import { acquireLeases } from "./queues/lease.ts";
import { CONCURRENCY, openQueues, queuePrefix } from "./queues/queue.ts";
import { bullConnection, connectRedis } from "./queues/redis.ts";
import { startWorkers } from "./queues/workers.ts";
import { recover } from "./recover.ts";
import { createKeeperLock } from "./sending/nonces.ts";
import { rehearse } from "./sending/rehearse.ts";
import { createRelay } from "./sending/relay.ts";
import { createShutdown } from "./shutdown.ts";
import { createKillSwitch, describeStop } from "./stops/killSwitch.ts";
import { version } from "./version.ts";

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
  const { level, file, maxMegabytes } = config.log;
  const destination = file === undefined ? {} : { destination: logDestination(file, maxMegabytes) };
  const logger = parameters.logger ?? createLogger({ level, secrets, ...destination });
  const keys = await loadKeys({ config, env, onSecret: secrets.add });
  checkMode(config, parameters.live === true, keys);
  const vaults = resolveVaults(config);
  const sinks = openSinks(config, env);

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
    const redis = await connectRedis(config.redis, onError);
    shutdown.add("redis", () => redis.disconnect());
    const opened = openJournal(config.journal.path, randomUUID);
    shutdown.add("journal", () => opened.close());
    const nowSeconds = () => Math.floor(Date.now() / 1_000);
    const modelsInUse = await openModelsInUse({
      ...{ config, journal: opened, logger, nowSeconds },
      given: parameters.models,
    });
    const metrics = createMetrics({ config, models: () => modelsInUse.now, version: version(), process: true });
    const journal = watchedJournal(opened, metrics, secrets);
    const leases = await acquireLeases({
      redis,
      prefix: config.redis.prefix,
      chainId: config.chainId,
      vaults: vaults.map(({ vault }) => vault),
      keepers: config.worker.mode === "live" ? keys.keepers.map(({ address }) => address) : [],
      holder: journal.identity,
      onLost: (error) => {
        lost = error;
        stop.abort();
      },
    });
    shutdown.add("leases", () => leases.release());
    const options = {
      connection: bullConnection(config.redis),
      prefix: queuePrefix(config, journal.identity),
    };
    const queues = openQueues(options, onError);
    shutdown.add("queues", () => queues.close());

    const challengers = createChallengers({
      config,
      journal,
      logger,
      onFailure: (modelSet) => metrics.instruments.challengerFailures.inc({ model_set: modelSet }),
    });
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
      get models() {
        return modelsInUse.now;
      },
      async followModels(head) {
        challengers?.follow();
        await modelsInUse.follow(head);
      },
      challengers,
      queues,
      pools: await poolGroups(config, vaults, client, redis, { logger, endpoints }),
      keys,
      relay: createRelay(config),
      keeperLock: createKeeperLock(),
      heardAtSeconds: new Map(),
      readings: createAhead(),
      prepared: createAhead(),
      evaluating: createInHand({ most: CONCURRENCY.evaluate }),
      executing: createInHand({ most: CONCURRENCY.execute }),
      metrics,
      secrets,
      reached(milestone, fields) {
        logger.debug({ stage: milestone, ...fields });
        parameters.onMilestone?.(milestone, fields);
      },
      nudge: waker.nudge,
    };

    nameVaults(metrics, context.pools);
    metrics.facts.worker = journal.identity;
    for (const order of await context.killSwitch.orders()) {
      if (order.level > 0) logger.warn({ stage: "start" }, `the kill switch is on: ${describeStop(order)}`);
    }
    if (config.worker.mode !== "shadow") await rehearse(config.chainId, opened);
    await recover(context);
    await scheduleHousekeeping(context);
    const workers = startWorkers(context, options);
    // An evaluation begins executions.
    shutdown.add("executions in hand", () => context.executing.idle());
    shutdown.add("evaluations in hand", () => context.evaluating.idle());
    for (const worker of workers) {
      metrics.watch(worker);
      shutdown.add("worker", () => worker.close());
    }
    await startObservability(context, { shutdown, sinks, leasesHeld: () => (lost === null ? vaults.length : 0) });
    logger.info(
      {
        stage: "start",
        mode: config.worker.mode,
        models: modelsInUse.now.id,
        vaults: vaults.map(({ vault }) => vault),
      },
      `watching chain ${config.chainId}`,
    );
    await observe(context, waker, stop.signal);
  } finally {
    await shutdown.run();
  }
  if (lost) throw lost;
}

/** Groups vaults by pool; `redis` is where histories are cached, null for memory only. */
export async function poolGroups(
  config: Config,
  vaults: readonly VaultConfig[],
  client: PublicClient,
  redis: Awaited<ReturnType<typeof connectRedis>> | null,
  told?: Pick<Context, "logger" | "endpoints">,
): Promise<readonly PoolGroup[]> {
  const addresses = [...new Set(vaults.map(({ pool }) => pool))];
  const pools = await Promise.all(addresses.map((pool) => getPoolMeta(client, config.chainId, pool)));
  const keyOf = (pool: Address) => `${config.redis.prefix}:${config.chainId}:${pool.toLowerCase()}:history`;
  const histories = createHistories({
    client,
    pools,
    lookbackSeconds: config.evaluate.lookbackSeconds,
    chunkBlocks: config.worker.logChunkBlocks,
    ...(redis ? { cache: { redis, keyOf } } : {}),
    onCacheTrouble: (pool, why) => told?.logger.warn({ stage: "history", pool }, `history in Redis: ${why}`),
    onLie: (why) => void told?.endpoints.suspect("logs", why),
  });
  return histories.map((history, index) => {
    const meta = pools[index] as PoolMeta;
    const kept = { 0: createKeptBars(0), 1: createKeptBars(1) };
    return { meta, history, kept, vaults: vaults.filter(({ pool }) => pool === addresses[index]) };
  });
}
