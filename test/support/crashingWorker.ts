/** A worker that kills itself with SIGKILL the first time it reaches the milestone in CRASH_AT. */
import { loadConfig } from "../../rebalancer/config.ts";
import { exitCodeOf, explain } from "../../rebalancer/errors.ts";
import { run } from "../../rebalancer/main.ts";

const controller = new AbortController();
process.once("SIGTERM", () => controller.abort());
try {
  await run({
    config: loadConfig({ env: process.env }),
    signal: controller.signal,
    live: true,
    onMilestone(milestone) {
      if (milestone === process.env.CRASH_AT) process.kill(process.pid, "SIGKILL");
    },
  });
} catch (error) {
  console.error(explain(error));
  process.exitCode = exitCodeOf(error);
}
