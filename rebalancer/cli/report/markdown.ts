import type { VaultReport } from "../../report/vaultReport.ts";
import { stamp } from "../figures.ts";
import {
  forecastRows,
  forecastWords,
  modelRows,
  moveRows,
  type Rows,
  refusalRows,
  resultRows,
  returnRows,
  statedRows,
  stopRows,
} from "./rows.ts";

/** The report as Markdown. */
export function renderMarkdown(report: VaultReport): string {
  const { vault, span, decisions } = report;
  const parts = [
    `# ${plain(vault.name)}: ${stamp(span.sinceSeconds)} to ${stamp(span.untilSeconds)} UTC`,
    `Vault \`${vault.address}\` in pool \`${vault.pool}\` on chain ${vault.chainId}. Figures are of blocks ${span.fromBlock} (${stamp(span.fromSeconds)}) to ${span.toBlock} (${stamp(span.toSeconds)}), values in ${plain(vault.asset)}.`,
    ...(report.notes.length > 0 ? ["## What to know", report.notes.map((note) => `- ${plain(note)}`).join("\n")] : []),
    "## Result",
    table(resultRows(report), [1]),
    "## Returns",
    table(returnRows(report), [1, 2, 3]),
    "## Moves",
    `${report.moves.length} moves; ${decisions.total} decisions: ${decisions.move} to move, ${decisions.hold} to hold, ${decisions.standAside} to stand aside.`,
    table(moveRows(report), [1, 3, 4, 5, 6]),
    "## Predicted against realised",
    forecastWords(report),
    table(forecastRows(report), [1, 2, 3, 4]),
    "## Stated of the day ahead",
    table(statedRows(report), [1]),
    "## Not moved, and refused",
    table(refusalRows(report), [1]),
    "## Kill switch",
    table(stopRows(report), [2]),
    "## Models",
    table(modelRows(report), [2]),
  ];
  return `${parts.join("\n\n")}\n`;
}

const plain = (text: string): string => text.replace(/[|\\`*_<>[\]]/g, "\\$&").replaceAll("\n", " ");

function table([head = [], ...rows]: Rows, numeric: readonly number[]): string {
  if (rows.length === 0) return "None.";
  const line = (cells: readonly string[]) => `| ${cells.map(plain).join(" | ")} |`;
  const rule = `|${head.map((_, index) => (numeric.includes(index) ? " ---: " : " --- ")).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}
