import { formatError } from "../file.ts";
import { fitsColumn } from "../store/bigints.ts";
import { type Cell, type Column, fitsInt } from "../store/columns.ts";
import type { SourceColumn, TableFormat } from "./formats.ts";

const INTEGER = /^[+-]?\d+$/;
const FLOAT = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
/** Longest text of one field: a news headline fits many times over. */
const MAX_TEXT = 10_000;

/** The stored columns of a format, in the order of the file's header. */
export const storedColumns = (table: TableFormat, header: readonly string[]): Column[] =>
  header.map((name) => {
    const { type, unit } = sourceColumn(table, name);
    return { name, type: type === "date" ? "int" : type, unit };
  });

const sourceColumn = (table: TableFormat, name: string): SourceColumn =>
  table.columns.find((column) => column.name === name) ?? { name, type: "text", unit: "", optional: true };

/** Turns the fields of one line into cells; a field that is not of its column's type raises a `DataFormatError`. */
export function createCellParser(
  table: TableFormat,
  header: readonly string[],
  file: string,
): (fields: readonly string[], line: number) => Cell[] {
  const columns = header.map((name) => sourceColumn(table, name));
  return (fields, line) => {
    if (fields.length !== columns.length) {
      const rule = `each line must have the header's ${columns.length} fields, not ${fields.length}`;
      throw formatError({ file, line, field: "line", value: fields.join(","), rule });
    }
    return columns.map((column, i) => {
      const text = fields[i] ?? "";
      // The time of a row is never missing: an empty one is an error below.
      if (text === "" && column.name !== table.timeColumn) return null;
      const parsed = parseCell(column, text);
      if (typeof parsed === "object" && parsed !== null) {
        throw formatError({ file, line, field: column.name, value: text, rule: parsed.rule });
      }
      return parsed;
    });
  };
}

function parseCell({ type }: SourceColumn, text: string): Cell | { readonly rule: string } {
  if (type === "text") {
    return text.length <= MAX_TEXT ? text : { rule: `a text must not be longer than ${MAX_TEXT} characters` };
  }
  if (type === "date") {
    const match = DATE.exec(text);
    const ms = match === null ? Number.NaN : Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
    const real = !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
    return real ? ms / 1000 : { rule: "it must be a date YYYY-MM-DD" };
  }
  if (type === "bigint") {
    if (!INTEGER.test(text) || text.length > 100) return { rule: "it must be a whole number" };
    const value = BigInt(text);
    return fitsColumn(value) ? value : { rule: "it must be below 2^312 in size" };
  }
  if (type === "int") {
    // Some files write whole numbers as 12.0.
    const whole = /^[+-]?\d+\.0+$/.test(text) ? text.slice(0, text.indexOf(".")) : text;
    const value = Number(whole);
    return INTEGER.test(whole) && fitsInt(value) ? value : { rule: "it must be a whole number" };
  }
  const value = Number(text);
  return FLOAT.test(text) && Number.isFinite(value) ? value : { rule: "it must be a finite number" };
}
