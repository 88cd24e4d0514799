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
  return { columns: headerOf(text), rows: [...csvRows(text, file, required)] };
}

/** The rows of such a text one by one. */
export function* csvRows(text: string, file: string, required: readonly string[]): Generator<CsvRow> {
  const columns = headerOf(text);
  for (const column of required) {
    if (!columns.includes(column)) {
      throw formatError({ file, line: 1, field: "header", value: columns.join(","), rule: `it must name ${column}` });
    }
  }
  const index = new Map(columns.map((column, i) => [column, i]));
  let line = 1;
  for (let from = lineEnd(text, 0) + 1; from < text.length; ) {
    const end = lineEnd(text, from);
    const record = text.slice(from, end);
    const fields = record.replace(/\r$/, "").split(",");
    line++;
    if (fields.length !== columns.length) {
      const rule = `each line must have the header's ${columns.length} fields, not ${fields.length}`;
      throw formatError({ file, line, field: "line", value: record, rule });
    }
    yield csvRow(fields, index, file, line);
    from = end + 1;
  }
}

const headerOf = (text: string): string[] => text.slice(0, lineEnd(text, 0)).replace(/\r$/, "").split(",");

/** Where the line that begins at `from` ends. */
function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
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
