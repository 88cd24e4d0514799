import { basename } from "node:path";
import { BaseError } from "../../errors.ts";
import { readCsvLines } from "../csvStream.ts";
import { DataFormatError } from "../file.ts";
import { createCellParser } from "../import/cells.ts";
import { detectFormat } from "../import/detect.ts";
import { createEventParser } from "../import/eventLines.ts";
import { TABLE_FORMATS } from "../import/formats.ts";
import { datasetName } from "../import/importFile.ts";
import { poolFromName } from "../market.ts";
import { parsePoolState, readPoolState } from "../state.ts";
import type { Cell } from "../store/columns.ts";
import { readStoredEvents } from "../store/events.ts";
import { isDataset, readManifest } from "../store/manifest.ts";
import { readBatches } from "../store/read.ts";
import { createEventChecker } from "./events.ts";
import { createFindings, type Finding, type Findings, type RuleCount } from "./findings.ts";
import { createRowChecker } from "./rows.ts";

export interface VerifyReport {
  /** File name, or name of the dataset. */
  readonly name: string;
  readonly path: string;
  /** The format or the dataset's kind; "unknown" when that could not be told. */
  readonly kind: string;
  readonly rows: number;
  readonly findings: readonly Finding[];
  readonly counts: readonly RuleCount[];
  /** Of events: swaps, and how many of them were proved to continue the one before to the last unit; else null. */
  readonly continuity: { readonly swaps: number; readonly proved: number } | null;
}

export interface VerifyParameters {
  readonly as?: string | undefined;
  readonly progress?: ((rows: number) => void) | undefined;
}

/** Checks a file of any known format, or a dataset of the store; what is wrong comes as findings, never as an error. */
export async function verifyPath(
  path: string,
  { as, progress = () => {} }: VerifyParameters = {},
): Promise<VerifyReport> {
  const findings = createFindings();
  const seen: Seen = { kind: "unknown", rows: 0, continuity: null };
  try {
    if (isDataset(path)) verifyDataset(path, findings, seen, progress);
    else if (/\.json(\.gz)?$/.test(path)) {
      seen.kind = "state";
      readPoolState(path);
      seen.rows = 1;
    } else await verifyCsv(path, as, findings, seen, progress);
  } catch (error) {
    if (!(error instanceof BaseError)) throw error;
    const line = typeof error.details.line === "number" ? error.details.line : null;
    findings.add("error", error instanceof DataFormatError ? "format" : "file", line, error.message);
  }
  return { name: basename(path), path, ...seen, findings: findings.list(), counts: findings.counts() };
}

interface Seen {
  kind: string;
  rows: number;
  continuity: VerifyReport["continuity"];
}

async function verifyCsv(
  path: string,
  as: string | undefined,
  findings: Findings,
  seen: Seen,
  progress: (rows: number) => void,
): Promise<void> {
  let check: ((fields: readonly string[], line: number) => void) | null = null;
  let end = (): void => {};
  try {
    for await (const lines of readCsvLines(path)) {
      for (const { line, fields } of lines) {
        if (check === null) {
          ({ check, end } = openCheck(path, fields, as, findings, seen));
          continue;
        }
        seen.rows++;
        try {
          check(fields, line);
        } catch (error) {
          if (!(error instanceof DataFormatError)) throw error;
          findings.add("error", "format", line, error.message);
        }
      }
      progress(seen.rows);
    }
    if (seen.rows === 0) findings.add("error", "format", null, `${basename(path)} holds no rows`);
  } finally {
    end();
  }
}

interface Check {
  check(fields: readonly string[], line: number): void;
  end(): void;
}

function openCheck(
  path: string,
  header: readonly string[],
  as: string | undefined,
  findings: Findings,
  seen: Seen,
): Check {
  const format = detectFormat(header, path, as);
  seen.kind = format.id;
  if ("amounts" in format) {
    const pool = poolFromName(datasetName(path));
    if (pool === null) {
      const message = "the file's name does not tell the pool, so fee, decimals and continuity are not checked";
      findings.add("warning", "pool-unknown", null, message);
    }
    const decimals = pool === null ? null : ([pool.token0.decimals, pool.token1.decimals] as const);
    const parse = createEventParser({ header, file: path, amounts: format.amounts, decimals });
    const checker = createEventChecker(pool, findings);
    return {
      check: (fields, line) => checker.see(parse(fields, line), line),
      end: () => {
        seen.continuity = checker.end();
      },
    };
  }
  const { table, names } = format;
  const parse = createCellParser(table, names, path);
  // The length of the bars is known at the end only; what depends on it is checked on the dataset.
  const checker = createRowChecker({ ...table, header: names }, null, findings);
  return { check: (fields, line) => checker.see(parse(fields, line), line), end: checker.end };
}

function verifyDataset(folder: string, findings: Findings, seen: Seen, progress: (rows: number) => void): void {
  const manifest = readManifest(folder);
  seen.kind = manifest.kind;
  if (manifest.kind === "state") {
    for (const { cells, rows } of readBatches(folder)) {
      for (const json of cells[1] ?? []) parsePoolState(String(json), manifest.name);
      seen.rows += rows;
    }
    return;
  }
  if (manifest.kind === "events") {
    const checker = createEventChecker(manifest.pool, findings);
    for (const events of readStoredEvents(folder)) {
      for (const event of events) checker.see(event, ++seen.rows);
      progress(seen.rows);
    }
    seen.continuity = checker.end();
    return;
  }
  const header = manifest.columns.map(({ name }) => name);
  const known = TABLE_FORMATS.find(({ id }) => id === manifest.source?.format);
  const { timeColumn, kind, barSeconds } = manifest;
  const { keys = [], growing = [], unique = kind === "bars" } = known ?? {};
  const checker = createRowChecker({ header, kind, timeColumn, keys, growing, unique }, barSeconds, findings);
  for (const { cells, rows } of readBatches(folder)) {
    for (let i = 0; i < rows; i++) {
      const row: Cell[] = cells.map((column) => column[i] ?? null);
      checker.see(row, ++seen.rows);
    }
    progress(seen.rows);
  }
  checker.end();
}
