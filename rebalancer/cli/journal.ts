import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { ConfigError } from "../errors.ts";
import { openJournal } from "../journal.ts";
import { answer, type CommonOptions, guarded, readConfig, withCommonOptions } from "./options.ts";
import { formatTable } from "./table.ts";

type JournalOptions = CommonOptions & { readonly limit: string };

/** `journal ls`: the newest decisions, with what became of those that were acted upon. */
export function registerJournal(program: Command): void {
  const journal = program.command("journal").description("what was decided, and what became of it");
  withCommonOptions(journal.command("ls").description("the newest decisions"))
    .option("--limit <n>", "how many", "20")
    .action((options: JournalOptions) =>
      guarded(options, async () => {
        const config = readConfig(options);
        const limit = Number(options.limit);
        if (!Number.isSafeInteger(limit) || limit < 1)
          throw new ConfigError(`--limit: ${options.limit}; rule: a whole number above 0`);
        if (!existsSync(config.journal.path))
          throw new ConfigError(
            `config journal.path: ${config.journal.path}; rule: the file must exist (a worker writes it)`,
          );
        const store = openJournal(config.journal.path, randomUUID);
        try {
          const proposals = new Map(store.proposals().map((proposal) => [proposal.decisionId, proposal]));
          const rows = store
            .decisions({ limit })
            .map((record) => ({ ...record, proposal: proposals.get(record.id) ?? null }));
          answer(options, rows, () =>
            formatTable(
              [
                { title: "block", align: "right" },
                { title: "vault" },
                { title: "action" },
                { title: "status" },
                { title: "reason", max: 44 },
              ],
              rows.map(({ block, vault, decision, proposal }) => [
                String(block),
                vault.slice(0, 8),
                decision.action,
                proposal?.status ?? "-",
                proposal?.status === "refused" ? proposal.detail : decision.reason,
              ]),
            ),
          );
        } finally {
          store.close();
        }
      }),
    );
}
