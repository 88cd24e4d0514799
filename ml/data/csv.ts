import { formatError } from "./file.ts";

/** One row of a CSV file with typed getters; every getter raises an error that names file, line and field. */
export interface CsvRow {
  readonly line: number;
  /** The text of a column, "" when it is empty or the file lacks the column. */
  text(column: string): string;
  /** A finite number. */
  number(column: string): number;
  /** A finite number, or NaN when empty. */
  numberOrNaN(column: string): number;
  /** A whole number inside the safe range. */
  integer(column: string): number;
  /** A whole number of any size. */
  bigint(column: string): bigint;
  fail(column: string, rule: string): never;
}

export interface CsvTable {
  readonly columns: readonly string[];
  readonly rows: readonly CsvRow[];
}

const INTEGER = /^-?\d+$/;

/**
 * Parses comma-separated text without quoting. Every row must have as many fields as the header, and the last line must
 * end in a newline or be complete, so that a file cut in the middle of a line is refused.
 */
export function parseCsv(text: string, file: string, required: readonly string[]): CsvTable {
  const lines = text.split("\n");
  if (lines[lines.length - 1] === "") lines.pop();
  const columns = (lines[0] ?? "").replace(/\r$/, "").split(",");
  for (const column of required) {
    if (!columns.includes(column)) {
      throw formatError({ file, line: 1, field: "header", value: columns.join(","), rule: `it must name ${column}` });
    }
  }
  const index = new Map(columns.map((column, i) => [column, i]));
  const rows: CsvRow[] = [];
  for (let i = 1; i < lines.length; i++) {
    const fields = (lines[i] ?? "").replace(/\r$/, "").split(",");
    if (fields.length !== columns.length) {
      const rule = `each line must have the header's ${columns.length} fields, not ${fields.length}`;
      throw formatError({ file, line: i + 1, field: "line", value: lines[i], rule });
    }
    rows.push(csvRow(fields, index, file, i + 1));
  }
  return { columns, rows };
}

/** The fields of one line with typed getters. */
export function csvRow(
  fields: readonly string[],
  index: ReadonlyMap<string, number>,
  file: string,
  line: number,
): CsvRow {
  const text = (column: string): string => fields[index.get(column) ?? -1] ?? "";
  const fail = (column: string, rule: string): never => {
    throw formatError({ file, line, field: column, value: text(column), rule });
  };
  const number = (column: string): number => {
    const value = text(column);
    const parsed = Number(value);
    return value.trim() === "" || !Number.isFinite(parsed) ? fail(column, "it must be a finite number") : parsed;
  };
  return {
    line,
    text,
    fail,
    number,
    numberOrNaN: (column) => (text(column) === "" ? Number.NaN : number(column)),
    integer: (column) => {
      const value = text(column);
      const parsed = Number(value);
      return INTEGER.test(value) && Number.isSafeInteger(parsed) ? parsed : fail(column, "it must be a whole number");
    },
    bigint: (column) => {
      const value = text(column);
      return INTEGER.test(value) ? BigInt(value) : fail(column, "it must be a whole number");
    },
  };
}
