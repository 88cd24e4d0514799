import { faultKinds } from "./kind.ts";

export const rivalFaults = faultKinds({
  "rival-same-journal": {
    title: "a second worker for the vault, on the same journal",
    draw: (draw) => ({ killed: draw.chance(0.5) }),
    slots: [1, 3],
    before: true,
    async begin(world, { killed }) {
      const rival = world.startRival("b", false);
      return async () => {
        if (killed) rival.kill();
        await rival.stop();
      };
    },
  },
  "rival-own-journal": {
    title: "a second worker for the vault, on a journal of its own",
    slots: [1, 3],
    before: true,
    async begin(world) {
      const rival = world.startRival("c", true);
      return () => rival.stop();
    },
  },
  "rival-after-flush": {
    title: "FLUSHALL takes the lease, and a second worker finds the vault free",
    slots: [2, 3],
    before: true,
    suspends: true,
    async begin(world) {
      // Another fault may hold it down just now: then there is no lease to take.
      await world.redis((redis) => redis.flushall()).catch(() => {});
      const rival = world.startRival("d", true);
      return () => rival.stop();
    },
  },
});
