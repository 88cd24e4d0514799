import type { Config } from "../../config.ts";
import { redactAddresses } from "../../log/secrets.ts";
import { connectRedis } from "../../queues/redis.ts";
import { type Check, type Finding, fail, look, ok, warn } from "./check.ts";

/** The queue library runs from this version on, and is fit for service from the second. */
const LEAST = "5.0.0";
const GOOD = "6.2.0";

/** Redis answers, is new enough, and never throws a queue away to make room. */
export async function checkRedis({ redis: settings }: Config): Promise<readonly Check[]> {
  const place = redactAddresses(settings.url);
  const start = `start one, or name another by redis.url or REDIS_URL (now ${place})`;
  return [
    await look("redis", start, async (): Promise<Finding> => {
      const redis = await connectRedis(settings, () => undefined);
      try {
        const info = await redis.info();
        const field = (name: string) => info.match(new RegExp(`^${name}:(.*?)\\r?$`, "m"))?.[1] ?? "";
        const version = field("redis_version");
        const policy = field("maxmemory_policy");
        const text = `${place}, version ${version}, ${field("used_memory_human")} used, maxmemory-policy ${policy}`;
        if (isBelow(version, LEAST)) return fail(text, `install Redis ${GOOD} or newer`);
        if (policy !== "noeviction") {
          return fail(text, "redis-cli CONFIG SET maxmemory-policy noeviction (another policy drops jobs when full)");
        }
        if (isBelow(version, GOOD)) return warn(text, `install Redis ${GOOD} or newer`);
        return ok(text);
      } finally {
        redis.disconnect();
      }
    }),
  ];
}

function isBelow(version: string, least: string): boolean {
  const [found, wanted] = [version.split(".").map(Number), least.split(".").map(Number)];
  const first = wanted.findIndex((part, index) => (found[index] ?? 0) !== part);
  return first >= 0 && (found[first] ?? 0) < (wanted[first] ?? 0);
}
