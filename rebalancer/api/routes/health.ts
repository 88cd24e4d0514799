import { z } from "@hono/zod-openapi";
import type { ApiContext } from "../context.ts";
import { defineEndpoint, defineRawEndpoint } from "../endpoint.ts";
import { ApiError } from "../errors.ts";
import { respondFresh, SECURITY_HEADERS } from "../respond.ts";

export const getHealth = defineEndpoint({
  method: "get",
  path: "/healthz",
  tag: "health",
  summary: "200 while the process answers at all",
  answer: z.object({ status: z.literal("ok"), uptimeSeconds: z.number() }),
  serve: ({ startedAtMilliseconds }) => ({
    status: "ok" as const,
    uptimeSeconds: Math.floor((Date.now() - startedAtMilliseconds) / 1_000),
  }),
});

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** A head that is older than this says that the node, or the way to it, stands still. */
const HEAD_PATIENCE_MILLISECONDS = 60_000;

export const getReadiness = defineRawEndpoint({
  method: "get",
  path: "/readyz",
  tag: "health",
  summary: "200 when journals, Redis and node answer, else 503 with what does not",
  mediaType: "application/json",
  async respond(context) {
    const checks = await Promise.all([journals(context), redis(context), chain(context)]);
    const ready = checks.every(({ ok }) => ok);
    return respondFresh({ ready, checks }, ready ? 200 : 503);
  },
});

function journals({ journals }: ApiContext): Check {
  try {
    const files = journals.readers().map((reader) => {
      reader.one("SELECT value FROM meta LIMIT 1");
      return reader.file;
    });
    return { name: "journal", ok: true, detail: files.join(", ") };
  } catch (error) {
    return { name: "journal", ok: false, detail: error instanceof ApiError ? error.rule : "unreadable" };
  }
}

async function redis({ shared }: ApiContext): Promise<Check> {
  try {
    await shared.ask(() => shared.redis.ping());
    return { name: "redis", ok: true, detail: "answers" };
  } catch (error) {
    return { name: "redis", ok: false, detail: error instanceof ApiError ? error.rule : "does not answer" };
  }
}

function chain({ chain }: ApiContext): Check {
  const head = chain.head();
  if (head === null) return { name: "chain", ok: false, detail: "the node has not answered yet" };
  const silent = Date.now() - head.seenAtMilliseconds;
  const ageSeconds = Math.max(0, Math.round(Date.now() / 1_000) - head.block.timestamp);
  return {
    name: "chain",
    ok: silent < HEAD_PATIENCE_MILLISECONDS,
    detail: `block ${head.block.number}, ${ageSeconds} s old, heard of ${Math.round(silent / 1_000)} s ago`,
  };
}

export const getMetrics = defineRawEndpoint({
  method: "get",
  path: "/metrics",
  tag: "health",
  summary: "Counters for Prometheus: of this process, and of all workers that live taken together",
  mediaType: "text/plain",
  async respond({ metrics, shared }) {
    // Without Redis this process still tells of itself.
    const text = await metrics.text(await shared.published().catch(() => []));
    return new Response(text, {
      headers: { ...SECURITY_HEADERS, "cache-control": "no-store", "content-type": metrics.mediaType },
    });
  },
});
