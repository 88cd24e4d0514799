import Table from "cli-table3";
import colour from "picocolors";
import { TERMINAL_COLUMNS } from "./wrap.ts";

/** A section's title with a rule under it. */
export const heading = (title: string) => `\n${colour.bold(title)}\n${"─".repeat(TERMINAL_COLUMNS)}`;

const plain = {
  chars: {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: " ",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: " ",
  },
  style: { "padding-left": 0, "padding-right": 1, head: [], border: [] },
};

/** A table without lines, columns of given widths (their sum at most a terminal's), long texts wrapped. */
export function columnsTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  widths: readonly number[],
  numeric: readonly number[] = [1],
): string {
  const drawn = new Table({
    ...plain,
    head: [...head],
    colWidths: [...widths],
    wordWrap: true,
    colAligns: head.map((_, index) => (numeric.includes(index) ? "right" : "left")),
  });
  for (const row of rows) drawn.push([...row]);
  return drawn.toString().replace(/[ ]+$/gm, "");
}
