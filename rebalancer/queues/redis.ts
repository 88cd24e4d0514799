import type { ConnectionOptions } from "bullmq";
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import type { Config } from "../config.ts";
import { explain, RetryableError } from "../errors.ts";
import { redactAddresses } from "../log/secrets.ts";

const CONNECT_TIMEOUT_MILLISECONDS = 3_000;
const LONGEST_RETRY_MILLISECONDS = 2_000;

/** Where Redis is: one server, or one node of a Cluster. The address may hold a user and a password. */
export type RedisPlace = Pick<Config["redis"], "url"> & Partial<Pick<Config["redis"], "cluster">>;

/**
 * A connection that answered a PING, and from then on reconnects by itself. Throws RetryableError naming the address,
 * without what is secret in it, when nothing answers. A Cluster's connection takes the same commands; keys that one
 * command names must be in one slot there.
 */
export async function connectRedis(place: RedisPlace, onError: (error: Error) => void): Promise<Redis> {
  const once = { maxRetriesPerRequest: 0, retryStrategy: null };
  const probe = place.cluster
    ? openCluster(place, { redisOptions: once, clusterRetryStrategy: () => null })
    : new Redis(place.url, { ...common, ...once, lazyConnect: true });
  let cause: unknown;
  probe.on("error", (error: Error & { lastNodeError?: Error }) => {
    cause = error.lastNodeError ?? error;
  });
  try {
    await probe.connect();
    await probe.ping();
  } catch (error) {
    const address = redactAddresses(place.url);
    const what = place.cluster ? "a Redis Cluster" : "a Redis";
    throw new RetryableError(`redis.url: ${address}; rule: ${what} must answer there (${explain(cause ?? error)})`, {
      cause: error,
    });
  } finally {
    probe.disconnect();
  }
  const redis = place.cluster ? openCluster(place) : new Redis(place.url, { ...common, maxRetriesPerRequest: null });
  redis.on("error", onError);
  if (redis instanceof Cluster) await redis.connect().catch(onError);
  return redis as Redis;
}

/**
 * A connection that need not answer yet: commands fail at once while it is down, and it comes back by itself. For who
 * has something to say without Redis.
 */
export function openRedis(place: RedisPlace, onError: (error: Error) => void): Redis {
  const impatient = { enableOfflineQueue: false, maxRetriesPerRequest: 0 };
  const retryStrategy = (times: number) => Math.min(100 * times, LONGEST_RETRY_MILLISECONDS);
  const redis = place.cluster
    ? openCluster(place, { enableOfflineQueue: false, redisOptions: { maxRetriesPerRequest: 0 } })
    : new Redis(place.url, { ...common, ...impatient, retryStrategy });
  redis.on("error", onError);
  if (redis instanceof Cluster) redis.connect().catch(onError);
  return redis as Redis;
}

/** What BullMQ connects with: options, or for a Cluster a connection that whoever opened the queues closes. */
export function bullConnection(place: RedisPlace): ConnectionOptions {
  if (place.cluster) return openCluster(place);
  return { ...serverOf(place.url), maxRetriesPerRequest: null };
}

const common: RedisOptions = { connectTimeout: CONNECT_TIMEOUT_MILLISECONDS };

function openCluster({ url }: RedisPlace, options: ClusterOptions = {}): Cluster {
  const { host, port, db: _none, ...shared } = serverOf(url);
  return new Cluster([{ host, port }], {
    lazyConnect: true,
    clusterRetryStrategy: (times) => Math.min(100 * times, LONGEST_RETRY_MILLISECONDS),
    // Nodes are certified by their names: resolving them would leave addresses that no certificate is for.
    ...(shared.tls ? { dnsLookup: (address, callback) => callback(null, address) } : {}),
    ...options,
    redisOptions: { ...common, maxRetriesPerRequest: null, ...shared, ...options.redisOptions },
  });
}

/** The parts of a redis:// or rediss:// address. */
function serverOf(url: string) {
  const { hostname, port, username, password, pathname, protocol } = new URL(url);
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port || 6379),
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    ...(pathname.length > 1 ? { db: Number(pathname.slice(1)) } : {}),
    // Certificates of an authority of one's own: NODE_EXTRA_CA_CERTS.
    ...(protocol === "rediss:" ? { tls: {} } : {}),
  };
}
