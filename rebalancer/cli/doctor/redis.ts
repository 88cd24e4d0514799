import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Config } from "../../config.ts";
import { openJournal } from "../../journal.ts";
import { redactAddresses } from "../../log/secrets.ts";
import { connectRedis } from "../../queues/redis.ts";
import { createKillSwitch, describeStop } from "../../stops/killSwitch.ts";
import { type Check, type Finding, fail, few, look, ok, warn } from "./check.ts";

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

/** The kill switch's orders, from Redis and from the journal; a worker that finds one starts and obeys it. */
export async function checkKillSwitch({ redis: settings, chainId, journal: { path } }: Config): Promise<Check> {
  return look("kill switch", "give the order anew: rangekeeper kill or resume", async (): Promise<Finding> => {
    const redis = await connectRedis(settings, () => undefined).catch(() => null);
    const journal = existsSync(path) ? openJournal(path, randomUUID) : null;
    try {
      if (redis === null && journal === null)
        return warn("not looked at: neither Redis nor a journal", "mend redis first");
      const memory = journal && { stops: journal.stops, recordStop: () => undefined };
      const orders = await createKillSwitch({ redis, journal: memory, prefix: settings.prefix, chainId }).orders();
      const inForce = orders.filter(({ level }) => level > 0);
      if (inForce.length === 0) return ok(redis === null ? "no order in the journal" : "off");
      return warn(few(inForce.map(describeStop)), 'rangekeeper resume --reason "..." when it may run again');
    } finally {
      journal?.close();
      redis?.disconnect();
    }
  });
}

function isBelow(version: string, least: string): boolean {
  const [found, wanted] = [version.split(".").map(Number), least.split(".").map(Number)];
  const first = wanted.findIndex((part, index) => (found[index] ?? 0) !== part);
  return first >= 0 && (found[first] ?? 0) < (wanted[first] ?? 0);
}
