import type { Milestone } from "../../../rebalancer/context.ts";
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

export const processFaults = faultKinds({
  "kill-at-milestone": {
    title: "kill -9 between two stages",
    draw: (draw) => ({ slot: 0, milestone: draw.pick(MILESTONES), nth: draw.pick([1, 1, 1, 2]) }),
    before: true,
    async begin({ worker }, { milestone, nth }) {
      // From the start of the process on, so that no stage can be missed.
      worker.crashNext(`${milestone}:${nth}`);
      worker.kill();
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
