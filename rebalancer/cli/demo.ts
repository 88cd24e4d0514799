import { type Command, InvalidArgumentError, Option } from "commander";
import type { DemoOptions } from "./demo/run.ts";
import { guarded } from "./options.ts";

/** A whole number in a span; the error names the flag's rule and the value. */
function whole(least: number, most: number) {
  return (text: string) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`${text} is not a whole number from ${least} to ${most}.`);
    return value;
  };
}

/** `rangekeeper demo`: the main job, on a local chain. */
export function registerDemo(program: Command): void {
  program
    .command("demo")
    .description("run a vault, a worker and three depositors through a market on a local chain")
    .option("--data <dir>", "folder with recorded markets (else RANGEKEEPER_DATA)")
    .option("--market <name>", "recorded market: the event file's name without .csv.gz")
    .addOption(new Option("--hours <n>", "length of the market in hours").argParser(whole(6, 24 * 90)))
    .addOption(new Option("--seed <n>", "which synthetic market to draw").argParser(whole(0, 2 ** 31)).default(1))
    .addOption(
      new Option("--asset <token>", "the vault's asset: token0 or token1 of the pool").choices(["token0", "token1"]),
    )
    .addOption(new Option("--models <set>", "model set of the registry").default("rangekeeper"))
    .addOption(new Option("--port <n>", "port of the local chain (default: a free one)").argParser(whole(1, 65_535)))
    .addOption(
      new Option(
        "--kill-worker-at <n>",
        "kill the worker (SIGKILL) during its n-th evaluation, to see it resume",
      ).argParser(whole(1, 100_000)),
    )
    .option("--headless", "no progress on screen, the report only", false)
    .option("--json <file>", "where the report goes as JSON", "report.json")
    .option("--journal <file>", "keep the worker's journal there (default: thrown away)")
    .option("--html <file>", "where the report goes as a page", "report.html")
    .addHelpText(
      "after",
      `
Examples:
  rangekeeper demo                                a week of a synthetic market
  rangekeeper demo --hours 48 --seed 7            another one, shorter
  rangekeeper demo --data DIR --market ethereum_wbtc_weth_03_events_2023-03-01
`,
    )
    .action((options: DemoOptions) =>
      guarded({}, async () => {
        // Loaded when asked for: no other command needs charts and a local chain.
        const { runDemo } = await import("./demo/run.ts");
        const report = await runDemo(options);
        if (report.checks.some((check) => !check.ok)) process.exitCode = 1;
      }),
    );
}
