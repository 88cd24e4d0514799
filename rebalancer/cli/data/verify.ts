import { existsSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Command } from "commander";
import { listFiles } from "../../../ml/data/market.ts";
import { isDataset, MANIFEST } from "../../../ml/data/store/manifest.ts";
import { type VerifyReport, verifyPath } from "../../../ml/data/verify/verify.ts";
import { ConfigError } from "../../errors.ts";
import { answer, guarded } from "../options.ts";
import { formatTable } from "../table.ts";
import { wrap } from "../wrap.ts";
import { count, type DataOptions, dataFolder, wholeNumber } from "./options.ts";
import { commandProgress } from "./progress.ts";

interface VerifyOptions extends DataOptions {
  readonly as?: string;
  readonly strict?: boolean;
  readonly limit: string;
}

/** Datasets and data files below a folder, sorted; files inside datasets are not named again. */
export function dataPaths(folder: string): string[] {
  const files = listFiles(folder);
  const datasets = files.filter((file) => basename(file) === MANIFEST).map(dirname);
  const rest = files.filter((file) => /\.(csv|json)(\.gz)?$/.test(file) && !datasets.includes(dirname(file)));
  return [...datasets, ...rest].sort();
}

/** `data verify [PATH…]`: what is wrong with files and datasets; exit status 1 when something is. */
export function registerVerify(data: Command): void {
  data
    .command("verify")
    .description("gaps, repetitions, disorder, jumps, liquidity and fees that do not add up")
    .argument("[path...]", "files, datasets or folders (default: all of --data)")
    .option("--data <dir>", "the data folder (default: RANGEKEEPER_DATA)")
    .option("--as <kind>", "the format of the files (default: told by the header)")
    .option("--strict", "warnings count as wrong")
    .option("--limit <n>", "how many findings to print of each file", "5")
    .option("--json", "answer in JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rangekeeper data verify --data DIR --strict\n  rangekeeper data verify swaps.csv.gz --json\n",
    )
    .action((wanted: string[], options: VerifyOptions) =>
      guarded(options, async () => {
        const limit = wholeNumber("--limit", options.limit, { least: 0 }) ?? 5;
        const paths = (wanted.length > 0 ? wanted : [dataFolder(options)]).flatMap(expand);
        if (paths.length === 0)
          throw new ConfigError(`verify: ${wanted.join(" ") || dataFolder(options)}; rule: must hold data`);
        const progress = commandProgress(options.json);
        const reports: VerifyReport[] = [];
        for (const [index, path] of paths.entries()) {
          const report = await verifyPath(path, {
            as: options.as,
            progress: (rows) => progress.at(index, paths.length, `${basename(path)}, ${count(rows)} rows`),
          });
          reports.push(report);
        }
        progress.end();
        const total = (severity: string) => reports.reduce((sum, report) => sum + countOf(report, severity), 0);
        const [errors, warnings] = [total("error"), total("warning")];
        const wrong = errors > 0 || (options.strict === true && warnings > 0);
        if (wrong) process.exitCode = 1;
        answer(options, { reports, errors, warnings, ok: !wrong }, () => formatReports(reports, limit));
      }),
    );
}

function expand(path: string): string[] {
  if (!existsSync(path) || isDataset(path) || !statSync(path).isDirectory()) return [path];
  return dataPaths(path);
}

const countOf = ({ counts }: VerifyReport, severity: string): number =>
  counts.filter((one) => one.severity === severity).reduce((sum, { count }) => sum + count, 0);

function formatReports(reports: readonly VerifyReport[], limit: number): string {
  const right = { align: "right" as const };
  const table = formatTable(
    [
      { title: "data", max: 30 },
      { title: "kind", max: 12 },
      { title: "rows", ...right },
      { title: "errors", ...right },
      { title: "warn", ...right },
      { title: "proved", ...right },
    ],
    reports.map((report) => [
      report.name,
      report.kind,
      count(report.rows),
      count(countOf(report, "error")),
      count(countOf(report, "warning")),
      proved(report),
    ]),
  );
  const findings = reports.flatMap((report) => {
    if (report.findings.length === 0) return [];
    const shown = report.findings.toSorted((a, b) => a.severity.localeCompare(b.severity)).slice(0, limit);
    const all = report.counts.reduce((sum, one) => sum + one.count, 0);
    const where = (line: number | null) =>
      line === null ? "" : ` ${report.kind === "unknown" || report.path.includes(".") ? "line" : "row"} ${line}`;
    return [
      "",
      `${report.name}: ${report.counts.map(({ rule, count: n, severity }) => `${n} ${rule}${severity === "warning" ? " (warning)" : ""}`).join(", ")}`,
      ...shown.map(({ rule, line, message }) => wrap(`  ${rule}${where(line)}: ${message}`, 4)),
      ...(all > shown.length ? [`  … and ${count(all - shown.length)} more`] : []),
    ];
  });
  return [table, ...findings].join("\n");
}

/** Part of the swaps whose price, liquidity and amounts follow from the swap before by the pool's own arithmetic. */
const proved = ({ continuity }: VerifyReport): string =>
  continuity === null || continuity.swaps === 0 ? "" : `${((continuity.proved / continuity.swaps) * 100).toFixed(1)} %`;
