import { Redis } from "ioredis";
import { explain, RetryableError } from "./errors.ts";

const CONNECT_TIMEOUT_MILLISECONDS = 3_000;

/**
 * A connection that answered a PING, and from then on reconnects by itself. Throws RetryableError naming the address
 * when nothing answers.
 */
export async function connectRedis(url: string, onError: (error: Error) => void): Promise<Redis> {
  const probe = new Redis(url, {
    lazyConnect: true,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MILLISECONDS,
  });
  let cause: unknown;
  probe.on("error", (error) => {
    cause = error;
  });
  try {
    await probe.connect();
    await probe.ping();
  } catch (error) {
    throw new RetryableError(`redis.url: ${url}; rule: a Redis must answer there (${explain(cause ?? error)})`, {
      cause: error,
    });
  } finally {
    probe.disconnect();
  }
  const redis = new Redis(url, { maxRetriesPerRequest: null, connectTimeout: CONNECT_TIMEOUT_MILLISECONDS });
  redis.on("error", onError);
  return redis;
}

/** Options for BullMQ, which opens connections of its own. */
export function bullConnection(url: string) {
  const { hostname, port, username, password, pathname, protocol } = new URL(url);
  return {
    host: hostname,
    port: Number(port || 6379),
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    ...(pathname.length > 1 ? { db: Number(pathname.slice(1)) } : {}),
    ...(protocol === "rediss:" ? { tls: {} } : {}),
    maxRetriesPerRequest: null,
  };
}
