import type { Command } from "commander";
import { baselines } from "../../ml/backtest/policies/index.ts";
import { MODEL_SETS } from "../../ml/models/index.ts";
import type { AccuracyFlags } from "./backtest/accuracy.ts";
import { registerBacktestChecks } from "./backtest/checks.ts";
import { registerEdge } from "./backtest/edge.ts";
import type { BacktestFlags } from "./backtest/parse.ts";
import { terminalProgress } from "./backtest/progress.ts";
import { registerShow } from "./backtest/show.ts";
import { registerWalk } from "./backtest/walk.ts";
import { answer, guarded } from "./options.ts";
import { formatTable } from "./table.ts";

/** `rangekeeper backtest`: models and baselines over recorded markets. */
export function registerBacktest(program: Command): void {
  const backtest = program
    .command("backtest")
    .description("run models and baselines over a recorded market")
    .enablePositionalOptions()
    .option("-m, --models <set...>", "model sets, beside all baselines unless --policy names some")
    .option("--policy <id...>", "these baselines only (see `backtest list`)")
    .option("--baselines", "all baselines beside what is named")
    .option("--market <name>", "event or bar file without .csv.gz")
    .option("--data <dir>", "folder with recorded markets (else RANGEKEEPER_DATA)")
    .option("--config <file>", "TOML with bounds, limits and settings (default: the shipped local.toml)")
    .option("--registry <dir>", "where packages are registered (default: of the config)")
    .option("--range <from:to>", "dates or unix seconds (with times: FROM..TO)")
    .option("--capital <n...>", "whole asset units; several = a sweep", ["10000"])
    .option("--latency <n...>", "blocks from decision to action, at least 1; several = a sweep", ["1"])
    .option("--gas-gwei <x>", "a number, or recorded (default where the market knows it)")
    .option("--gas-scale <n...>", "multiplies the gas price; several = a sweep", ["1"])
    .option("--gas-series <file>", "gas prices over time, for --gas-gwei recorded")
    .option("--gas-token-price <n>", "what pays for gas, in whole asset units (where the pool does not tell)")
    .option("--mev-bps <n>", "part of own swaps lost to sandwiches", "0")
    .option("--fee-haircut-bps <n...>", "part of fees lost to just-in-time liquidity; several = a sweep", ["0"])
    .option("--asset <0|1>", "which token of the pool is the vault's asset", "0")
    .option("--fee-pips <n>", "fee tier of a bar file that does not name it")
    .option("--decision-seconds <n>", "between decisions, e.g. 3600 or 1h (default: of the config)")
    .option("--mark-seconds <n>", "between the times at which LVR is measured; 0 = every block", "300")
    .option("--min-history-hours <n>", "before a model may move (default: of the config)")
    .option("--no-limits", "let the vault refuse nothing")
    .option("--allow-overlap", "let a package run over what it was trained on")
    .option("--walk-forward <train/test>", "choose within each family on training windows, e.g. 10d/5d")
    .option("--embargo <time>", "between training and test", "1d")
    .option("--seed <n>", "of whatever draws", "1")
    .option("--threads <n>", "worker threads (default: all cores)")
    .option("--json", "answer in JSON")
    .option("--html <file>", "write the report as one page")
    .option("--csv <dir>", "write trades, equity, decisions and sweep as CSV")
    .addHelpText(
      "after",
      `
Examples:
  rangekeeper backtest --data DIR --market polygon_usdc_weth_005_minute
  rangekeeper backtest -m rules --policy full-range --capital 1000 100000 \\
      --data DIR --market ethereum_usdc_weth_005_events_2024-01-05
`,
    )
    .action((flags: BacktestFlags) =>
      guarded(flags, async () => {
        // Loaded when asked for: models and charts are not needed to list policies.
        const command = await import("./backtest/command.ts");
        const progress = terminalProgress(flags.json);
        await command.present(await command.backtest(flags, progress), flags);
      }),
    );
  registerBacktestChecks(backtest);
  backtest
    .command("list")
    .description("the policies there are")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExamples:\n  rangekeeper backtest list\n")
    .action((options: { readonly json?: boolean }) =>
      guarded(options, async () => {
        const rows = baselines.map(({ id, label, family, clairvoyant, source }) => ({
          id,
          label,
          family,
          clairvoyant,
          source,
        }));
        answer(options, { policies: rows, models: Object.keys(MODEL_SETS) }, () =>
          [
            formatTable(
              [{ title: "policy" }, { title: "family" }, { title: "what it is", max: 44 }],
              rows.map(({ id, family, source, clairvoyant }) => [
                id,
                family,
                clairvoyant ? `bound: ${source}` : source,
              ]),
            ),
            "",
            `Model sets (-m): ${Object.keys(MODEL_SETS).join(", ")}`,
          ].join("\n"),
        );
      }),
    );
  backtest
    .command("accuracy")
    .description("how far fees from bars are from those of the exact market")
    .option("--data <dir>", "folder with recorded markets (else RANGEKEEPER_DATA)")
    .option("--market <name...>", "event files (default: all)")
    .option("--bar-seconds <n>", "length of the bars", "60")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExamples:\n  rangekeeper backtest accuracy --data DIR --market NAME\n")
    .action((flags: AccuracyFlags) =>
      guarded(flags, async () => {
        const { accuracy, formatAccuracy } = await import("./backtest/accuracy.ts");
        const measured = accuracy(flags, terminalProgress(flags.json));
        answer(flags, measured, () => formatAccuracy(measured));
      }),
    );
  registerShow(backtest);
  registerWalk(backtest);
  registerEdge(backtest);
}
