import { type Command, Option } from "commander";
import type { DecisionRecord } from "../journal/decisions.ts";
import type { ProposalRecord } from "../journal/proposals.ts";
import { withJournal } from "./journalFile.ts";
import { registerJournalFiles } from "./journalFiles.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { wholeAbove0 } from "./score.ts";
import { formatTable } from "./table.ts";
import { vaultNamed } from "./vaultNamed.ts";

type JournalOptions = CommonOptions & { readonly limit: number; readonly vault?: string };

/** `journal ls`: the newest decisions, with what became of those that were acted upon. */
export function registerJournal(program: Command): void {
  const journal = program.command("journal").description("what was decided, and what became of it");
  const ls = withCommonOptions(journal.command("ls").description("the newest decisions, and what became of them"))
    .addOption(new Option("--limit <n>", "how many").argParser(wholeAbove0).default(20))
    .option("--vault <vault>", "of one vault, by name or address")
    .action((options: JournalOptions) =>
      guarded(options, async () => {
        const config = readConfig(options);
        const vault = options.vault === undefined ? {} : { vault: vaultNamed(config, options.vault, "--vault").vault };
        await withJournal(config.journal.path, (store) => {
          const decisions = store.decisions({ ...vault, limit: options.limit });
          // Proposals come from the newest decisions, so no more of them than decisions are wanted.
          const proposals = new Map(
            store.proposals({ ...vault, limit: options.limit }).map((proposal) => [proposal.decisionId, proposal]),
          );
          const rows = decisions.map((record) => ({ ...record, proposal: proposals.get(record.id) ?? null }));
          answer(options, rows, () => formatRows(rows));
        });
      }),
    );
  examples(
    ls,
    "rangekeeper journal ls --config vaults.toml",
    'rangekeeper journal ls --vault "Rangekeeper WETH" --limit 100 --json',
  );
  registerJournalFiles(journal);
}

const formatRows = (rows: readonly (DecisionRecord & { readonly proposal: ProposalRecord | null })[]): string =>
  formatTable(
    [
      { title: "block", align: "right" },
      { title: "vault" },
      { title: "action" },
      { title: "status" },
      { title: "reason", max: 38 },
    ],
    rows.map(({ block, vault, decision, proposal }) => [
      String(block),
      vault.slice(0, 8),
      decision.action,
      proposal?.status ?? "-",
      proposal?.status === "refused" ? proposal.detail : decision.reason,
    ]),
  );
