import { FEATURE_NAMES } from "../ml/features/index.ts";
import type { OpenSink } from "./alerts/sinks.ts";
import { startAlerts } from "./alerts/watch.ts";
import type { Context } from "./context.ts";
import { explain } from "./errors.ts";
import { metricsKey, publishMetrics } from "./metrics/publish.ts";
import { createSampler, within } from "./metrics/sampler.ts";
import { type ReadinessCheck, startMetricsServer } from "./metrics/server.ts";
import { openTallies } from "./metrics/tallies.ts";
import { createWaker } from "./observe/waker.ts";
import type { Shutdown } from "./shutdown.ts";

const LOOK_MILLISECONDS = 2_000;
const CHAIN_MILLISECONDS = 15_000;
const PUBLISH_MILLISECONDS = 10_000;
const SAVE_MILLISECONDS = 60_000;
/** A head that nobody has read for so long is not a head. */
const HEAD_SILENCE_MILLISECONDS = 60_000;
const PATIENCE_MILLISECONDS = 2_000;

export interface StartObservabilityParameters {
  readonly shutdown: Shutdown;
  /** Vaults whose leases this worker holds now. */
  readonly leasesHeld: () => number;
  /** Who is told of alerts. */
  readonly sinks: readonly OpenSink[];
  readonly now?: () => number;
}

/**
 * Starts what makes a worker visible beside its work: counters and their server, snapshots for other processes, alerts.
 * Nothing here is waited for by the work, and no failure here ends it.
 */
export async function startObservability(context: Context, parameters: StartObservabilityParameters): Promise<void> {
  const { config, journal, logger, metrics, redis } = context;
  const { shutdown, leasesHeld, sinks, now = Date.now } = parameters;
  const features = () => {
    const { domain } = context.models.volatility;
    return domain === undefined ? null : { names: FEATURE_NAMES, domain };
  };
  const sampler = createSampler({ context, metrics, leasesHeld, features, now });
  const alerts = startAlerts({ context, sinks, now });
  shutdown.add("alerts", () => alerts.stop());
  const tallies = openTallies({
    journal,
    metrics,
    config,
    onFeed(feed) {
      for (const { vault, status } of feed.steps) if (status === "confirmed") sampler.moved(vault);
      // a journal that was never followed holds old stories; later ones are told once by their ids
      if (tallies.resumed()) alerts.feed(feed);
    },
  });
  await tallies.follow();
  // what was not yet told to Redis is read again at the next start
  const save = () => (metrics.facts.redis.up ? tallies.save() : undefined);
  shutdown.add("tallies", save);
  const readiness = () => readinessOf(context, now());

  if (config.metrics.listen !== undefined) {
    const server = await startMetricsServer({ listen: config.metrics.listen, registry: metrics.registry, readiness });
    shutdown.add("metrics", () => server.close());
    logger.info({ stage: "start", url: server.url }, "metrics at /metrics, health at /healthz and /readyz");
  }

  const key = metricsKey(config.redis.prefix, config.chainId);
  async function publish(): Promise<void> {
    const ready = readiness().every(({ ok }) => ok);
    const snapshot = { worker: journal.identity, ready, atMilliseconds: now() };
    await within(PATIENCE_MILLISECONDS, publishMetrics(redis, key, metrics, snapshot));
  }
  async function look(): Promise<void> {
    await sampler.sample();
    await tallies.follow();
    await alerts.look();
  }
  /** One thing done again and again, each on its own, so that a node that hangs keeps no alert from being sent. */
  const every = (milliseconds: number, work: () => Promise<void> | void) =>
    (async () => {
      const waker = createWaker(stop.signal);
      while (!stop.signal.aborted) {
        try {
          await work();
        } catch (error) {
          logger.warn({ stage: "sample" }, explain(error));
        }
        await waker.wait(milliseconds);
      }
    })();
  const stop = new AbortController();
  const running = [
    every(LOOK_MILLISECONDS, look),
    every(CHAIN_MILLISECONDS, () => sampler.sampleChain()),
    every(CHAIN_MILLISECONDS, () => alerts.lookAtChain()),
    every(PUBLISH_MILLISECONDS, () => (metrics.facts.redis.up ? publish() : undefined)),
    every(SAVE_MILLISECONDS, save),
  ];
  shutdown.add("seeing", () => {
    stop.abort();
    // what still waits for a node or a Redis that hangs keeps nobody from stopping
    return within(PATIENCE_MILLISECONDS, Promise.all(running)).catch(() => undefined);
  });
}

/** What work needs, one line each. */
export function readinessOf(
  { config, journal, metrics: { facts } }: Pick<Context, "config" | "journal" | "metrics">,
  atMilliseconds: number,
): readonly ReadinessCheck[] {
  const { head, redis, leases } = facts;
  const checks: ReadinessCheck[] = [];
  const check = (name: string, ok: boolean, detail: string) => checks.push({ name, ok, detail });
  check("redis", redis.up, redis.up ? `answers in ${Math.round(redis.pingSeconds * 1_000)} ms` : "does not answer");
  let written = "readable";
  try {
    journal.tally("");
  } catch (error) {
    written = explain(error);
  }
  check("journal", written === "readable", written);
  const silence = head === null ? null : atMilliseconds - head.seenAtMilliseconds;
  check(
    "head",
    silence !== null && silence <= HEAD_SILENCE_MILLISECONDS,
    head === null ? "none was read" : `block ${head.number}, read ${Math.round((silence ?? 0) / 1_000)} s ago`,
  );
  const limit = config.trips.headLagSeconds;
  if (head !== null && limit !== undefined) {
    const age = Math.round(atMilliseconds / 1_000 - head.timestamp);
    check("head age", age <= limit, `${age} s; at most ${limit} s`);
  }
  check("leases", leases.held === leases.configured, `${leases.held} of ${leases.configured} vaults`);
  return checks;
}
