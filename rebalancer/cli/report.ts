import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { rangeVaultAbi } from "../../sdk/abi/rangeVault.ts";
import { openChain } from "../chain/open.ts";
import { getBlock, getPoolMeta } from "../chain.ts";
import { ConfigError } from "../errors.ts";
import { encodeJson } from "../json.ts";
import { readVaultReport } from "../report/read.ts";
import type { VaultReport } from "../report/vaultReport.ts";
import { timeOf } from "./data/options.ts";
import { commandProgress } from "./data/progress.ts";
import { withJournal } from "./journalFile.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { renderCsv } from "./report/csv.ts";
import { renderHtml } from "./report/html.ts";
import { renderMarkdown } from "./report/markdown.ts";
import { vaultNamed } from "./vaultNamed.ts";

interface ReportOptions extends CommonOptions {
  readonly month?: string;
  readonly since?: string;
  readonly until?: string;
  readonly format?: string;
  readonly out?: string;
}

const RENDER: Readonly<Record<string, (report: VaultReport) => string>> = {
  md: renderMarkdown,
  html: renderHtml,
  csv: renderCsv,
  json: (report) => `${encodeJson(report)}\n`,
};

/** `report VAULT`: what the vault did in a month or any other span; the same data give the same bytes. */
export function registerReport(program: Command): void {
  const verb = withCommonOptions(
    program
      .command("report")
      .argument("<vault>", "address or name")
      .description("what a vault earned, lost and did in a month, from chain events and journal"),
  )
    .option("--month <yyyy-mm>", "the month, in UTC")
    .option("--since <date>", "in place of a month: from then on, as 2026-01-31 or 2026-01-31T12:00:00Z")
    .option("--until <date>", "up to then, not included")
    .option("--format <format>", "md, html, csv (a row per decision) or json (default: md)")
    .option("--out <file>", "write to a file in place of the terminal");
  examples(
    verb,
    "rangekeeper report VAULT --config FILE --month 2026-10",
    "rangekeeper report VAULT --month 2026-10 --format html --out r.html",
  ).action((wanted: string, options: ReportOptions) =>
    guarded(options, async () => {
      const format = options.format ?? (options.json ? "json" : "md");
      const render = Object.hasOwn(RENDER, format) ? RENDER[format] : undefined;
      if (!render) throw new ConfigError(`--format: ${format}; rule: one of ${Object.keys(RENDER).join(", ")}`);
      const span = spanOf(options);
      const config = readConfig(options);
      const vault = vaultNamed(config, wanted);
      const { client, endpoints } = await openChain(config);
      const progress = commandProgress(options.json);
      const report = await withJournal(config.journal.path, async (journal) =>
        readVaultReport({
          journal,
          rpc: { call: (method, params) => client.request({ method, params } as never) },
          name: vault.name,
          vault: vault.vault,
          chainId: config.chainId,
          pool: await getPoolMeta(client, config.chainId, vault.pool),
          shareDecimals: await client.readContract({
            address: vault.vault,
            abi: rangeVaultAbi,
            functionName: "decimals",
          }),
          nativeToken: config.decision.nativeToken ?? null,
          ...span,
          everySeconds: config.evaluate.everySeconds,
          chunkBlocks: config.worker.logChunkBlocks,
          hashOf: async (block) => (await getBlock(client, block).catch(() => null))?.hash ?? null,
          onProgress: progress.at,
        }),
      ).finally(() => {
        progress.end();
        endpoints.close();
      });
      const text = render(report);
      if (options.out === undefined) {
        process.stdout.write(text);
        return;
      }
      writeFileSync(options.out, text);
      const { fromBlock, toBlock } = report.span;
      answer(options, { written: options.out, fromBlock, toBlock }, () => `written: ${options.out}`);
    }),
  );
}

/** The span that the flags name, unix seconds. */
function spanOf({ month, since, until }: ReportOptions): { sinceSeconds: number | null; untilSeconds: number | null } {
  if (month === undefined) {
    const span = { sinceSeconds: timeOf("--since", since) ?? null, untilSeconds: timeOf("--until", until) ?? null };
    if (span.sinceSeconds !== null && span.untilSeconds !== null && span.sinceSeconds >= span.untilSeconds) {
      throw new ConfigError(`--until: ${until}; rule: must be after --since ${since}`);
    }
    return span;
  }
  if (since !== undefined || until !== undefined) {
    throw new ConfigError(`--month: ${month}; rule: not together with --since or --until`);
  }
  const [, year = "", number = ""] = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month) ?? [];
  if (year === "") throw new ConfigError(`--month: ${month}; rule: a month as 2026-10`);
  const start = (months: number) => Date.UTC(Number(year), Number(number) - 1 + months, 1) / 1000;
  return { sinceSeconds: start(0), untilSeconds: start(1) };
}
