export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Longest text shown; the rest is cut with an ellipsis. */
  readonly max?: number;
}

/** A plain table, columns as wide as their content, two spaces apart. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cut = (text: string, max: number | undefined) =>
    max !== undefined && text.length > max ? `${text.slice(0, max - 1)}…` : text;
  const cells = [columns.map(({ title }) => title), ...rows].map((row) =>
    columns.map(({ max }, index) => cut(row[index] ?? "", max)),
  );
  const widths = columns.map((_column, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, index) =>
          columns[index]?.align === "right" ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
