import type { VaultReport } from "../../report/vaultReport.ts";

const COLUMNS = [
  "atSeconds",
  "block",
  "price",
  "nav",
  "sharePrice",
  "lowerPrice",
  "upperPrice",
  "inRange",
  "deployed",
  "vault",
  "hodl",
  "action",
] as const;

/** The vault at every journaled decision, one row each, for a spreadsheet. */
export function renderCsv({ series }: VaultReport): string {
  const rows = series.map((point) => COLUMNS.map((column) => point[column] ?? "").join(","));
  return `${[COLUMNS.join(","), ...rows].join("\n")}\n`;
}
