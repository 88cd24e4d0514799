import { readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { parseReport, serialiseReport } from "../../../ml/backtest/reportSchema.ts";
import { ConfigError } from "../../errors.ts";
import { guarded } from "../options.ts";

interface ShowFlags {
  readonly json?: boolean;
  readonly html?: string;
}

/** `backtest show`: renders a report that `--json` once printed. */
export function registerShow(backtest: Command): void {
  backtest
    .command("show")
    .description("render a report again that --json printed")
    .argument("<file>", "report.json")
    .option("--json", "answer in JSON")
    .option("--html <file>", "write it as one page")
    .addHelpText("after", "\nExamples:\n  rangekeeper backtest show report.json\n")
    .action((file: string, flags: ShowFlags) =>
      guarded(flags, async () => {
        const report = parseReport(read(file), file);
        if (flags.html !== undefined) writeFileSync(flags.html, (await import("./html.ts")).renderHtml(report));
        const { renderConsole } = await import("./console.ts");
        process.stdout.write(flags.json ? serialiseReport(report) : renderConsole(report));
      }),
    );
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError(`show: ${file}; rule: it must be a file that can be read`, { cause });
  }
}
