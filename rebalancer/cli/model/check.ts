import type { Command } from "commander";
import { isFolder } from "../../../ml/models/resolve.ts";
import { type ConformanceRow, checkPackage } from "../../../ml/registry/conformance.ts";
import { sealRule } from "../../../ml/registry/ruleTemplate.ts";
import { columnsTable } from "../columns.ts";
import { answer, examples, guarded } from "../options.ts";
import { type ModelOptions, modelsConfig, packageNamed, withModelOptions } from "./shared.ts";

interface CheckOptions extends ModelOptions {
  readonly seal?: boolean;
}

/** `model check`: the conformance suite; exit status 2 where a package fails it. */
export function registerModelCheck(model: Command): void {
  const verb = withModelOptions(
    model
      .command("check")
      .description("hold a package to every rule; each failure says what to fix")
      .argument("<package>", "a folder, NAME[@VERSION], or the id of a model that ships")
      .option("--seal", "first bring hash and samples of your own rule up to date with its code"),
  ).action((reference: string, options: CheckOptions) =>
    guarded(options, async () => {
      if (options.seal) await sealRule(reference);
      const rows = await checked(reference, modelsConfig(options).registry);
      answer(options, { package: reference, passes: rows.every(passed), checks: rows }, () =>
        formatCheck(reference, rows),
      );
      if (!rows.every(passed)) process.exitCode = 2;
    }),
  );
  examples(
    verb,
    "rangekeeper model check ./my-rule",
    "rangekeeper model check ./my-rule --seal  after an edit of its code",
    "rangekeeper model check volatility-har-net",
  );
}

export const passed = ({ passes }: ConformanceRow): boolean => passes === true;

/** The suite over what a reference means. A folder whose manifest cannot be read is told of by the suite itself. */
export function checked(reference: string, registry: string): Promise<readonly ConformanceRow[]> {
  const folder = isFolder(reference) ? reference : packageNamed(reference, registry).folder;
  return checkPackage({ folder, clock: () => performance.now() });
}

/** One line for each check, at most 80 columns wide. */
export function formatCheck(reference: string, rows: readonly ConformanceRow[]): string {
  const word = ({ passes }: ConformanceRow) => (passes === null ? "-" : passes ? "ok" : "FAILS");
  const failures = rows.filter(({ passes }) => passes === false).length;
  return [
    columnsTable(
      ["check", "", "found"],
      rows.map((row) => [row.check, word(row), row.detail]),
      [18, 7, 54],
      [],
    ),
    failures === 0
      ? `${reference} passes all ${rows.length} checks`
      : `${reference} fails ${failures} of ${rows.length} checks`,
  ].join("\n");
}
