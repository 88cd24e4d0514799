import type { Milestone } from "../../../rebalancer/context.ts";
import type { World } from "../world.ts";
import { faultKinds, sleep } from "./kind.ts";

const MILESTONES = [
  "evaluating",
  "decided",
  "proposed",
  "execute-queued",
  "simulated",
  "signed",
  "broadcast",
  "sent",
  "mined",
  "confirmed",
] as const satisfies readonly Milestone[];

const HEARTBEAT_PATIENCE_MILLISECONDS = 15_000;

/** Once the move is out, blocks cost more than it offers; returns what ends that. */
function pricedOut(world: World): () => void {
  const timer = setInterval(() => {
    if (world.raws.size > 0) world.baseFee = "0xba43b7400";
  }, 20);
  return () => {
    clearInterval(timer);
    world.baseFee = "0x0";
  };
}

export const processFaults = faultKinds({
  "kill-at-milestone": {
    title: "kill -9 between two stages",
    draw: (draw) => ({ slot: 0, milestone: draw.pick(MILESTONES), nth: draw.pick([1, 1, 1, 2]) }),
    before: true,
    crashes: true,
    async begin({ worker }, { milestone, nth }) {
      // From the start of the process on, so that no stage can be missed.
      worker.crashNext(`${milestone}:${nth}`);
      worker.kill();
    },
  },
  "kill-while-bumping": {
    title: "kill -9 between a dearer transaction's signature and its way out",
    draw: () => ({ slot: 0 }),
    slots: [5, 6],
    before: true,
    crashes: true,
    async begin(world) {
      world.worker.crashNext("bumped:1");
      world.worker.kill();
      return pricedOut(world);
    },
  },
  "kill-while-cancelling": {
    title: "kill -9 between a cancel's signature and its way out",
    draw: () => ({ slot: 0 }),
    slots: [2, 3],
    before: true,
    hour: true,
    crashes: true,
    async begin(world) {
      world.worker.crashNext("cancelling:1");
      world.worker.kill();
      return pricedOut(world);
    },
  },
  "kill-at-heartbeat": {
    title: "kill -9 between a sign of life's signature and its way out",
    draw: () => ({ slot: 0 }),
    slots: [7, 9],
    before: true,
    heartbeats: true,
    crashes: true,
    async begin({ worker }) {
      worker.crashNext("heartbeat:1");
      worker.kill();
      return async () => {
        // Whether one is due is asked every ten seconds of our time, not of the chain's.
        for (let waited = 0; worker.crashes() === 0 && waited < HEARTBEAT_PATIENCE_MILLISECONDS; waited += 50)
          await sleep(50);
      };
    },
  },
  "kill-at-random": {
    title: "kill -9 at any instant",
    draw: (draw) => ({ afterMilliseconds: draw.integer(0, 400) }),
    async begin({ worker }, { afterMilliseconds }) {
      await sleep(Number(afterMilliseconds));
      worker.kill();
    },
  },
  "kill-again-and-again": {
    title: "kill -9 three times in a row, also while it starts",
    draw: (draw) => ({ everyMilliseconds: draw.integer(150, 900) }),
    async begin({ worker }, { everyMilliseconds }) {
      for (let times = 0; times < 3; times++) {
        await sleep(Number(everyMilliseconds));
        worker.kill();
      }
    },
  },
  freeze: {
    title: "the process stands still for longer than its locks last",
    draw: (draw) => ({ afterMilliseconds: draw.integer(0, 200), milliseconds: draw.integer(3_200, 5_000) }),
    async begin({ worker }, { afterMilliseconds, milliseconds }) {
      await sleep(Number(afterMilliseconds));
      worker.signal("SIGSTOP");
      await sleep(Number(milliseconds));
      worker.signal("SIGCONT");
    },
  },
});
