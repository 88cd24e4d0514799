import { faultKinds } from "./kind.ts";

const HOUR_MILLISECONDS = 3_600_000;

export const clockFaults = faultKinds({
  "clock-jumps": {
    title: "the machine's clock jumps by hours, and later back",
    draw: (draw) => ({ hours: draw.pick([-48, -5, -1, -0.1, 0.1, 1, 5, 48]) }),
    slots: [1, 3],
    before: true,
    async begin({ worker }, { hours }) {
      worker.shiftClock(Number(hours) * HOUR_MILLISECONDS);
      return () => worker.shiftClock(0);
    },
  },
  "clock-stays-wrong": {
    title: "the machine's clock jumps by hours for good",
    draw: (draw) => ({ hours: draw.pick([-48, -5, -1, 1, 5, 48]) }),
    async begin({ worker }, { hours }) {
      worker.shiftClock(Number(hours) * HOUR_MILLISECONDS);
    },
  },
});
