import type { Command } from "commander";
import { checkJournal, type JournalCheck } from "../journal/check.ts";
import { type MergeReport, mergeJournals } from "../journal/merge.ts";
import { withJournal } from "./journalFile.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { wrap } from "./wrap.ts";

/** `journal merge` and `journal check`: several workers' journals as one, and whether one keeps its rules. */
export function registerJournalFiles(journal: Command): void {
  const merge = journal
    .command("merge")
    .argument("<file...>", "journals of workers, running or not; they are only read")
    .description("one journal of several; what they contradict each other in is named")
    .requiredOption("--out <file>", "the merged journal; must not exist yet")
    .option("--json", "answer in JSON")
    .action((files: readonly string[], options: CommonOptions & { readonly out: string }) =>
      guarded(options, async () => {
        const report = mergeJournals(files, options.out);
        answer(options, report, () => formatMerge(report));
        if (report.conflicts.length > 0) process.exitCode = 1;
      }),
    );
  examples(merge, "rangekeeper journal merge a.db b.db --out all.db");
  const check = withCommonOptions(
    journal.command("check").description("whether the file is whole and keeps every rule of a journal"),
  ).action((options: CommonOptions) =>
    guarded(options, async () => {
      const { path } = readConfig(options).journal;
      const checks = await withJournal(path, (open) => checkJournal(open, path));
      answer(options, checks, () => formatChecks(checks));
      if (checks.some(({ broken }) => broken.length > 0)) process.exitCode = 1;
    }),
  );
  examples(
    check,
    "rangekeeper journal check --config FILE",
    "rangekeeper journal check --config FILE --journal all.db",
  );
}

const SHOWN = 20;

function formatMerge({ out, files, rows, shared, conflicts }: MergeReport): string {
  const { decisions = 0, proposals = 0, outcomes = 0 } = rows;
  return [
    wrap(
      `${out}: ${decisions} decisions, ${proposals} proposals and ${outcomes} outcomes of ${files.length} journals; ${shared} facts in more than one`,
      2,
    ),
    ...conflicts
      .slice(0, SHOWN)
      .map(({ table, key, file, columns }) =>
        wrap(`CONFLICT ${table} ${key}: ${columns.join(", ")} differ in ${file}`, 2),
      ),
    ...(conflicts.length > SHOWN ? [`${conflicts.length - SHOWN} further conflicts; --json shows all`] : []),
  ].join("\n");
}

const formatChecks = (checks: readonly JournalCheck[]): string =>
  checks
    .flatMap(({ rule, looked, broken }) => [
      `${broken.length === 0 ? "ok  " : "FAIL"} ${wrap(`${rule} (${looked} looked at)`, 5)}`,
      ...broken.slice(0, SHOWN).map((one) => `     ${wrap(one, 7)}`),
    ])
    .join("\n");
