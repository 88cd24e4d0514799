import type { MetricObjectWithValues, MetricValue } from "prom-client";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { Metrics } from "./metrics.ts";

/** A snapshot outlives its worker by so long. */
const TTL_MILLISECONDS = 30_000;
const FORGET_MILLISECONDS = 3_600_000;

type Redis = Pick<Context["redis"], "set" | "get" | "zadd" | "zrangebyscore" | "zremrangebyscore">;

/** Sorted set of the workers that published lately; each one's snapshot is under this key, ":" and its identity. */
export const metricsKey = (prefix: string, chainId: number): string => `${prefix}:${chainId}:metrics`;

const snapshotSchema = z.object({
  worker: z.string(),
  atMilliseconds: z.number(),
  /** Whether every check of /readyz held. */
  ready: z.boolean(),
  metrics: z.array(z.custom<MetricObjectWithValues<MetricValue<string>>>((value) => typeof value === "object")),
});

/** One worker's counters as it last told them; `AggregatorRegistry.aggregate` merges several. */
export type PublishedMetrics = z.output<typeof snapshotSchema>;

/** Tells every process of the chain what this worker counts. */
export async function publishMetrics(
  redis: Redis,
  key: string,
  metrics: Pick<Metrics, "registry">,
  { worker, ready, atMilliseconds }: { worker: string; ready: boolean; atMilliseconds: number },
): Promise<void> {
  const snapshot = { worker, atMilliseconds, ready, metrics: await metrics.registry.getMetricsAsJSON() };
  await Promise.all([
    redis.set(`${key}:${worker}`, JSON.stringify(snapshot), "PX", TTL_MILLISECONDS),
    redis.zadd(key, atMilliseconds, worker),
    redis.zremrangebyscore(key, 0, atMilliseconds - FORGET_MILLISECONDS),
  ]);
}

/** The counters of every worker of a chain that lives; one that cannot be read is left out. */
export async function readPublishedMetrics(
  redis: Redis,
  prefix: string,
  chainId: number,
): Promise<readonly PublishedMetrics[]> {
  const key = metricsKey(prefix, chainId);
  const workers = await redis.zrangebyscore(key, 0, "+inf");
  const texts = await Promise.all(workers.map((worker) => redis.get(`${key}:${worker}`)));
  return texts.flatMap((text) => {
    if (text === null) return [];
    const result = snapshotSchema.safeParse(JSON.parse(text));
    return result.success ? [result.data] : [];
  });
}
