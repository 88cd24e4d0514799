import type { Command } from "commander";
import { type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { runUntilStopped } from "./worker.ts";

/** `shadow start`: a worker that only scores and journals, whatever mode the configuration asks for. */
export function registerShadow(program: Command): void {
  const shadow = program.command("shadow").description("a worker that only watches, scores and journals");
  const start = withCommonOptions(
    shadow.command("start").description("as `worker start`, in mode shadow whatever the configuration says"),
  ).action((options: CommonOptions) =>
    guarded(options, () => runUntilStopped(readConfig({ ...options, mode: "shadow" } as CommonOptions), false)),
  );
  examples(
    start,
    "rangekeeper shadow start --config vaults.toml",
    "rangekeeper shadow start --config vaults.toml --journal shadow.db",
  );
}
