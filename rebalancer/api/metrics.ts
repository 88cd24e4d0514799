import type { ServerResponse } from "node:http";
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

import type { PublishedMetrics } from "../metrics/publish.ts";

/** Which route answers a request, by its path with placeholders: labels have few values. */
export const routeOf = new WeakMap<ServerResponse, string>();

/** What the API counts of itself. */
export interface ApiMetrics {
  /** Text in the format of Prometheus: this process's counters, then those of all workers taken together. */
  text(workers: readonly PublishedMetrics[]): Promise<string>;
  readonly mediaType: string;
  answered(outgoing: ServerResponse, durationSeconds: number): void;
  streamOpened(): void;
  streamClosed(): void;
  /** Open event streams. */
  streams(): number;
}

/** Fresh counters. */
export function createApiMetrics(): ApiMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: "rangekeeper_api_" });
  const requests = new Counter({
    name: "rangekeeper_api_requests_total",
    help: "Requests answered by the HTTP API, by route and status.",
    labelNames: ["route", "status"] as const,
    registers,
  });
  const duration = new Histogram({
    name: "rangekeeper_api_request_seconds",
    help: "Time from a request's head to the end of its answer.",
    labelNames: ["route"] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers,
  });
  const streams = new Gauge({
    name: "rangekeeper_api_event_streams",
    help: "Open streams of server-sent events.",
    registers,
  });
  let open = 0;
  return {
    async text(workers) {
      const merged = AggregatorRegistry.aggregate(workers.map(({ metrics }) => metrics));
      return [await registry.metrics(), await merged.metrics()].join("\n");
    },
    mediaType: registry.contentType,
    answered(outgoing, durationSeconds) {
      const route = routeOf.get(outgoing) ?? "none";
      requests.inc({ route, status: outgoing.statusCode });
      // A stream lasts as long as its reader likes.
      if (route !== "/v1/events") duration.observe({ route }, durationSeconds);
    },
    streamOpened() {
      open += 1;
      streams.set(open);
    },
    streamClosed() {
      open -= 1;
      streams.set(open);
    },
    streams: () => open,
  };
}
