import { basename } from "node:path";
import type { OutsideSeries } from "../../features/outsideSeries.ts";
import { type CsvRow, csvRows } from "../csv.ts";
import type { LicenceClass } from "../dataset/openSeries.ts";
import { formatError, readText } from "../file.ts";

export const HOUR_SECONDS = 3600;
export const DAY_SECONDS = 86_400;

/** One series that a file holds. */
export interface OutsideColumn {
  /** Seconds from the end of what a value describes until it could be had. */
  readonly lagSeconds: number;
  /** A value that describes a time longer ago than this says nothing about now. */
  readonly maxAgeSeconds: number;
  /** NaN where a row tells nothing of it. */
  value(row: CsvRow): number;
}

/** A recorded file of the world outside of pools, and what each of its rows tells. */
export interface OutsideFile<Name extends string = string> {
  /** Without .csv.gz. */
  readonly file: string;
  readonly licence: LicenceClass;
  readonly required: readonly string[];
  /** End of what a row describes, unix seconds. */
  at(row: CsvRow): number;
  readonly columns: Readonly<Record<Name, OutsideColumn>>;
}

/** A file that was read. */
export interface ReadFile<Name extends string = string> {
  readonly file: string;
  readonly path: string;
  readonly licence: LicenceClass;
  readonly series: Readonly<Record<Name, OutsideSeries>>;
}

/** Reads one of these files where it is at hand; null = it is not. A bad row is an error that names it. */
export function readOutsideFile<Name extends string>(
  files: readonly string[],
  source: OutsideFile<Name>,
): ReadFile<Name> | null {
  const path = files.find((one) => [`${source.file}.csv.gz`, `${source.file}.csv`].includes(basename(one)));
  if (path === undefined) return null;
  const columns = Object.entries(source.columns) as [Name, OutsideColumn][];
  const found = columns.map(([, { lagSeconds }]) => ({
    lagSeconds,
    at: [] as number[],
    knowable: [] as number[],
    values: [] as number[],
  }));
  for (const row of csvRows(readText(path), path, source.required)) {
    const at = source.at(row);
    for (let i = 0; i < columns.length; i++) {
      const value = (columns[i] as [Name, OutsideColumn])[1].value(row);
      if (Number.isNaN(value)) continue;
      const into = found[i] as (typeof found)[number];
      const last = into.at.at(-1) ?? Number.NEGATIVE_INFINITY;
      if (at <= last) {
        const rule = `it must be after that of the row before, ${last}`;
        throw formatError({ file: path, line: row.line, field: columns[i]?.[0] ?? "time", value: at, rule });
      }
      into.at.push(at);
      into.knowable.push(at + into.lagSeconds);
      into.values.push(value);
    }
  }
  const series = Object.fromEntries(
    columns.map(([name, { maxAgeSeconds }], i) => {
      const { at, knowable, values } = found[i] as (typeof found)[number];
      const column = (numbers: readonly number[]) => Float64Array.from(numbers);
      return [name, { at: column(at), knowable: column(knowable), values: column(values), maxAgeSeconds }];
    }),
  ) as unknown as Record<Name, OutsideSeries>;
  return { file: basename(path), path, licence: source.licence, series };
}

/** Two records of one thing: the first, and what the second tells of other times. */
export function joinSeries(
  first: OutsideSeries | undefined,
  second: OutsideSeries | undefined,
): OutsideSeries | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const rows = new Map<number, readonly [knowable: number, value: number]>();
  for (const { at, knowable, values } of [second, first]) {
    for (let i = 0; i < at.length; i++) rows.set(at[i] as number, [knowable[i] as number, values[i] as number]);
  }
  const at = [...rows.keys()].sort((a, b) => a - b);
  const told = at.map((moment) => rows.get(moment) as readonly [number, number]);
  return {
    at,
    knowable: told.map(([knowable]) => knowable),
    values: told.map(([, value]) => value),
    maxAgeSeconds: Math.max(first.maxAgeSeconds, second.maxAgeSeconds),
  };
}

/** A number inside bounds, or NaN where the row leaves it empty. */
export function numberWithin(row: CsvRow, column: string, least: number, most: number): number {
  const value = row.numberOrNaN(column);
  if (value < least || value > most) row.fail(column, `it must be from ${least} to ${most}`);
  return value;
}

/** A number above zero, or NaN where the row leaves it empty. */
export function positive(row: CsvRow, column: string): number {
  const value = row.numberOrNaN(column);
  if (value <= 0) row.fail(column, "it must be above 0");
  return value;
}

/** The end of the UTC day that a row's `date` names. */
export function endOfDate(row: CsvRow): number {
  const text = row.text("date");
  const start = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) / 1000 : Number.NaN;
  return Number.isNaN(start) ? row.fail("date", "it must be a day such as 2024-01-05") : start + DAY_SECONDS;
}
