import type { Command } from "commander";
import type { Config } from "../config.ts";
import { type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";

type WorkerOptions = CommonOptions & { readonly yesLive?: boolean };

/** `worker start`: the long-lived process. Ends on SIGINT or SIGTERM after closing what it opened. */
export function registerWorker(program: Command): void {
  const worker = program.command("worker").description("the long-lived process");
  const start = withCommonOptions(
    worker.command("start").description("observe, evaluate, execute and confirm until stopped"),
  )
    .option("--yes-live", "needed beside worker.mode = live: send transactions")
    .action((options: WorkerOptions) =>
      guarded(options, () => runUntilStopped(readConfig(options), options.yesLive === true)),
    );
  examples(
    start,
    "rangekeeper worker start --config vaults.toml",
    "rangekeeper worker start --config vaults.toml --mode dry-run",
    "rangekeeper worker start --config vaults.toml --mode live --yes-live",
  );
}

/** Runs a worker in this process until SIGINT or SIGTERM. */
export async function runUntilStopped(config: Config, live: boolean): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  // loaded late: other verbs start without it
  const { run } = await import("../main.ts");
  await run({ config, signal: controller.signal, live });
}
