import { ensureRedis, type RedisHandle } from "../../rebalancer/cli/demo/redis.ts";

/** A private Redis on a free port; stop it by its handle. */
export function startRedis(): Promise<RedisHandle> {
  const { REDIS_URL: _shared, ...env } = process.env;
  return ensureRedis({ env });
}
