import { FEATURE_NAMES } from "../ml/features/index.ts";
import type { OpenSink } from "./alerts/sinks.ts";
import { startAlerts } from "./alerts/watch.ts";
import type { Context } from "./context.ts";
import { explain } from "./errors.ts";
import { metricsKey, publishMetrics } from "./metrics/publish.ts";
import { createSampler, within } from "./metrics/sampler.ts";
import { type ReadinessCheck, startMetricsServer } from "./metrics/server.ts";
import { openTallies } from "./metrics/tallies.ts";
import type { Shutdown } from "./shutdown.ts";
import { createWaker } from "./waker.ts";

const SAMPLE_MILLISECONDS = 2_000;
const CHAIN_MILLISECONDS = 15_000;
const PUBLISH_MILLISECONDS = 10_000;
const SAVE_MILLISECONDS = 60_000;
/** A head that nobody has read for so long is not a head. */
const HEAD_SILENCE_MILLISECONDS = 60_000;
const PATIENCE_MILLISECONDS = 2_000;

export interface StartSeeingParameters {
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
export async function startSeeing(context: Context, parameters: StartSeeingParameters): Promise<void> {
  const { config, journal, logger, metrics, models, redis } = context;
  const { shutdown, leasesHeld, sinks, now = Date.now } = parameters;
  const { domain } = models.volatility;
  const features = domain === undefined ? null : { names: FEATURE_NAMES, domain };
  const sampler = createSampler({ context, metrics, leasesHeld, features, now });
  const alerts = startAlerts({ context, sinks, now });
  shutdown.add("alerts", () => alerts.stop());
  let started = false;
  const tallies = openTallies({
    journal,
    metrics,
    config,
    onFeed(feed) {
      for (const { vault, status } of feed.steps) if (status === "confirmed") sampler.moved(vault);
      // what was refused before this start was told then
      if (started) alerts.feed(feed);
    },
  });
  await tallies.follow();
  started = true;
  shutdown.add("tallies", () => tallies.save());
  const readiness = () => readinessOf(context, now());

  if (config.metrics.listen !== undefined) {
    const server = await startMetricsServer({ listen: config.metrics.listen, registry: metrics.registry, readiness });
    shutdown.add("metrics", () => server.close());
    logger.info({ stage: "start", url: server.url }, "metrics at /metrics, health at /healthz and /readyz");
  }

  const due = { chain: 0, publish: 0, save: now() + SAVE_MILLISECONDS };
  const stop = new AbortController();
  const waker = createWaker(stop.signal);
  const key = metricsKey(config.redis.prefix, config.chainId);
  async function look(): Promise<void> {
    const at = now();
    await sampler.sample();
    await tallies.follow();
    if (at >= due.chain) {
      due.chain = at + CHAIN_MILLISECONDS;
      await sampler.sampleChain();
      await alerts.lookAtChain();
    }
    await alerts.look();
    if (at >= due.publish && metrics.facts.redis.up) {
      due.publish = at + PUBLISH_MILLISECONDS;
      const ready = readiness().every(({ ok }) => ok);
      const snapshot = { worker: journal.identity, ready, atMilliseconds: at };
      await within(PATIENCE_MILLISECONDS, publishMetrics(redis, key, metrics, snapshot));
    }
    if (at >= due.save) {
      due.save = at + SAVE_MILLISECONDS;
      tallies.save();
    }
  }
  const running = (async () => {
    while (!stop.signal.aborted) {
      await look().catch((error: unknown) => logger.warn({ stage: "sample" }, explain(error)));
      await waker.wait(SAMPLE_MILLISECONDS);
    }
  })();
  shutdown.add("seeing", () => {
    stop.abort();
    return running;
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
