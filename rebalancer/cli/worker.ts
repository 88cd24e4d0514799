import type { Command } from "commander";
import { type CommonOptions, guarded, readConfig, withCommonOptions } from "./options.ts";

type WorkerOptions = CommonOptions & { readonly yesLive?: boolean };

/** `worker start`: the long-lived process. Ends on SIGINT or SIGTERM after closing what it opened. */
export function registerWorker(program: Command): void {
  const worker = program.command("worker").description("the long-lived process");
  withCommonOptions(worker.command("start").description("observe, evaluate, execute and confirm until stopped"))
    .option("--yes-live", "needed beside worker.mode = live: send transactions")
    .action((options: WorkerOptions) =>
      guarded(options, async () => {
        const controller = new AbortController();
        const stop = () => controller.abort();
        process.once("SIGINT", stop);
        process.once("SIGTERM", stop);
        const config = readConfig(options);
        // loaded late: other verbs start without it
        const { run } = await import("../main.ts");
        await run({ config, signal: controller.signal, live: options.yesLive === true });
      }),
    );
}
