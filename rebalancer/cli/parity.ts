import type { Command } from "commander";
import { loadModelSet } from "../../ml/models/index.ts";
import { openChain } from "../chain/open.ts";
import { firstBlockSince, getBlock } from "../chain.ts";
import { lookupOf } from "../config/modelsSection.ts";
import type { Config } from "../config.ts";
import { ConfigError, FatalError } from "../errors.ts";
import type { DecisionPlaceFilter } from "../journal/inputs.ts";
import { fetchedEvents, storedEvents } from "../parity/events.ts";
import { type ParityReport, parity } from "../parity/parity.ts";
import { timeOf } from "./data/options.ts";
import { commandProgress } from "./data/progress.ts";
import { withJournal } from "./journalFile.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { formatTable } from "./table.ts";
import { vaultNamed } from "./vaultNamed.ts";
import { wrap } from "./wrap.ts";

interface ParityOptions extends CommonOptions {
  readonly from?: string;
  readonly to?: string;
  readonly vault?: string;
  readonly data?: string;
  readonly show: string;
}

/** `parity`: the journal's decisions taken again through the backtester; exit status 1 when any comes out otherwise. */
export function registerParity(program: Command): void {
  const verb = withCommonOptions(
    program.command("parity").description("take the journal's decisions again in the backtester: 0 differences"),
  )
    .option(
      "--from <block|date>",
      "first decision: a block number, or a date as 2026-01-31 (default: the journal's first)",
    )
    .option("--to <block|date>", "last decision, the same way (default: the journal's last)")
    .option("--vault <vault>", "name or address of one configured vault (default: all in the journal)")
    .option("--data <path>", "events from a dataset, an event file or a folder (default: fetched from rpcUrl)")
    .option("--show <n>", "differing fields shown", "20");
  examples(
    verb,
    "rangekeeper parity --config FILE  events from the node",
    "rangekeeper parity --data STORE --from 2026-01-01 --to 2026-02-01",
  ).action((options: ParityOptions) =>
    guarded(options, async () => {
      const config = readConfig(options);
      const show = Number(options.show);
      if (!Number.isSafeInteger(show) || show < 1) {
        throw new ConfigError(`--show: ${options.show}; rule: a whole number above 0`);
      }
      const filter = {
        ...placeOf("from", options.from),
        ...placeOf("to", options.to),
        ...(options.vault === undefined ? {} : { vault: vaultNamed(config, options.vault, "--vault").vault }),
      };
      const progress = commandProgress(options.json);
      const { close, ...events } =
        options.data === undefined
          ? await fromNodes(config, progress.at)
          : { source: storedEvents(options.data), close: () => undefined };
      const onProgress = (done: number, total: number) => progress.at(done, total, "decisions taken again");
      const report = await withJournal(config.journal.path, (journal) =>
        parity({
          journal,
          filter,
          ...events,
          loadModels: (set) => loadModelSet(set, lookupOf(config.models)),
          onProgress,
        }),
      ).finally(() => {
        progress.end();
        close();
      });
      const gone = report.vanished.length + report.missingRows;
      if (report.decisions === 0 && gone === 0) {
        throw new FatalError(`journal ${config.journal.path}: no decision in the span; rule: at least one to compare`);
      }
      answer(options, report, () => formatParity(report, show));
      if (report.different > 0 || gone > 0) process.exitCode = 1;
    }),
  );
}

/** Events and block hashes as the configured nodes have them, until `close`. */
async function fromNodes(config: Config, onProgress: Parameters<typeof fetchedEvents>[0]["onProgress"]) {
  const { client, endpoints } = await openChain(config);
  return {
    source: fetchedEvents({
      urls: [config.rpcUrl, ...config.rpc.fallbackUrls],
      chainId: config.chainId,
      async firstBlockSince(timestamp) {
        return (await firstBlockSince(client, timestamp, await getBlock(client, "latest"))).number;
      },
      ...(onProgress === undefined ? {} : { onProgress }),
    }),
    hashOf: async (block: number) => (await getBlock(client, block).catch(() => null))?.hash ?? null,
    close: () => endpoints.close(),
  };
}

/** --from and --to: digits are a block, anything else a time. */
function placeOf(flag: "from" | "to", text: string | undefined): DecisionPlaceFilter {
  if (text === undefined) return {};
  if (/^\d+$/.test(text)) return flag === "from" ? { fromBlock: Number(text) } : { toBlock: Number(text) };
  const seconds = timeOf(`--${flag}`, text);
  return flag === "from" ? { sinceSeconds: seconds } : { untilSeconds: seconds };
}

/** What was compared and the first fields that differ, at most 80 columns wide. */
export function formatParity(report: ParityReport, show: number): string {
  const lines = [
    wrap(
      `${report.different} differences in ${report.replayed} decisions (${report.candidates} candidates) of ` +
        `${report.vaults} vaults in ${report.pools} pools; events from ${report.source}`,
      2,
    ),
    ...report.markets.flatMap(({ pool, played, events, notes }) => [
      wrap(
        `pool ${pool}: ${events} events, ${played ? "played in the exact engine" : "read as recorded (its state before them is not known)"}`,
        2,
      ),
      ...notes.map((note) => `  ${wrap(note, 4)}`),
    ]),
  ];
  if (report.orphaned > 0) lines.push(`${report.orphaned} decisions left out: their blocks are no longer in the chain`);
  if (report.withoutInputs > 0)
    lines.push(`${report.withoutInputs} decisions left out: their inputs were not journaled`);
  if (report.vanished.length > 0) {
    lines.push(wrap(`${report.vanished.length} decisions are gone, by what they left behind`, 2));
    for (const { block, vault, state } of report.vanished.slice(0, show))
      lines.push(`  block ${block}, vault ${vault.slice(0, 8)}: ${state ?? "nothing"}, and no decision in the journal`);
  }
  if (report.missingRows > 0)
    lines.push(wrap(`${report.missingRows} rows were taken out of the journal's decisions, nothing says whose`, 2));
  if (report.different === 0) return lines.join("\n");
  const rows = report.differences.flatMap(({ block, vault, fields }) =>
    fields.map(({ field, recorded, again }) => [String(block), vault.slice(0, 8), field, recorded, again]),
  );
  const table = formatTable(
    [
      { title: "block", align: "right" },
      { title: "vault" },
      { title: "field", max: 22 },
      { title: "journal", max: 16 },
      { title: "again", max: 16 },
    ],
    rows.slice(0, show),
  );
  const more =
    rows.length > show ? `\n${rows.length - show} further fields differ; --show ${rows.length}, or --json` : "";
  return `${lines.join("\n")}\n\n${table}${more}`;
}
