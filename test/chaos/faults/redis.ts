import { faultKinds, sleep } from "./kind.ts";

export const redisFaults = faultKinds({
  "redis-restart": {
    title: "Redis is killed and comes back with its data",
    draw: (draw) => ({ afterMilliseconds: draw.integer(0, 200) }),
    async begin({ lane }, { afterMilliseconds }) {
      await sleep(Number(afterMilliseconds));
      await lane.redis.kill();
      await lane.redis.start();
    },
  },
  "redis-loss": {
    title: "Redis is killed and comes back empty",
    emptiesRedis: true,
    draw: (draw) => ({ afterMilliseconds: draw.integer(0, 200) }),
    async begin({ lane }, { afterMilliseconds }) {
      await sleep(Number(afterMilliseconds));
      await lane.redis.kill({ wipe: true });
      await lane.redis.start();
    },
  },
  "redis-down": {
    title: "Redis stays away for some blocks",
    draw: (draw) => ({ afterMilliseconds: draw.integer(0, 200), wipe: draw.chance(0.5) }),
    slots: [1, 3],
    suspends: true,
    async begin({ lane }, { afterMilliseconds, wipe }) {
      await sleep(Number(afterMilliseconds));
      await lane.redis.kill({ wipe: wipe === true });
      return () => lane.redis.start();
    },
  },
  "redis-flush": {
    title: "FLUSHALL under a running worker",
    emptiesRedis: true,
    draw: (draw) => ({ afterMilliseconds: draw.integer(0, 200) }),
    async begin(world, { afterMilliseconds }) {
      await sleep(Number(afterMilliseconds));
      // Another fault may hold it down just now: then there is nothing to flush.
      await world.redis((redis) => redis.flushall()).catch(() => {});
    },
  },
});
