/** The real worker in a process of its own, with three handles for a chaos run: where to die, the clock, the journal. */
import { loadConfig } from "../../rebalancer/config.ts";
import { exitCodeOf, explain } from "../../rebalancer/errors.ts";
import { run } from "../../rebalancer/main.ts";
import { shiftClock } from "./clock.ts";

process.on("message", (message: { clockMilliseconds?: number }) => {
  if (typeof message.clockMilliseconds === "number") shiftClock(message.clockMilliseconds);
});
// The connection to the suite must not keep the worker alive, nor outlive it.
process.channel?.unref();
process.on("disconnect", () => process.exit(9));

const [crashAt, crashNth] = (process.env.CHAOS_CRASH_AT ?? "").split(":");
const reached = new Map<string, number>();
const controller = new AbortController();
process.once("SIGTERM", () => controller.abort());
try {
  await run({
    config: loadConfig({ env: process.env }),
    signal: controller.signal,
    live: true,
    onMilestone(milestone) {
      const nth = (reached.get(milestone) ?? 0) + 1;
      reached.set(milestone, nth);
      if (milestone === crashAt && nth === Number(crashNth)) process.kill(process.pid, "SIGKILL");
    },
  });
  process.exit(0);
} catch (error) {
  console.error(JSON.stringify({ level: "fatal", msg: explain(error) }));
  process.exit(exitCodeOf(error));
}
