import type { Candidate } from "../types.ts";

/** Ticks of rows without a range, on both sides. */
export const NO_TICK = -(2 ** 31);
/** By their numbers in `kind`. */
export const KINDS = ["idle", "current", "range"] as const;
export const [IDLE, CURRENT, RANGE] = [0, 1, 2] as const;

/** The quantities of a row, in the order in which tables are written down. */
export const QUANTITIES = [
  "share",
  "inRange",
  "feesBps",
  "ilBps",
  "lvrBps",
  "costBps",
  "tailBps",
  "netBps",
  "deviationBps",
  "breach",
  "waitBps",
] as const;

/**
 * A candidate table as columns. A decision weighs thousands of rows and looks closely at two or three of them, so rows
 * are made into objects one at a time.
 */
export interface CandidateTable extends Readonly<Record<(typeof QUANTITIES)[number], Float64Array>> {
  /** Columns may be longer than the table. */
  rows: number;
  readonly kind: Uint8Array;
  readonly lowerTick: Int32Array;
  readonly upperTick: Int32Array;
  readonly refusal: (string | null)[];
}

/** A table without rows that has room for some. */
export function emptyTable(room: number): CandidateTable {
  const column = () => new Float64Array(room);
  return {
    rows: 0,
    kind: new Uint8Array(room),
    lowerTick: new Int32Array(room),
    upperTick: new Int32Array(room),
    refusal: new Array<string | null>(room).fill(null),
    ...{ share: column(), inRange: column(), feesBps: column(), ilBps: column(), lvrBps: column(), costBps: column() },
    ...{ tailBps: column(), netBps: column(), deviationBps: column(), breach: column(), waitBps: column() },
  };
}

/** The same rows as columns. */
export function tableOf(candidates: readonly Candidate[]): CandidateTable {
  const table = emptyTable(candidates.length);
  candidates.forEach((candidate, row) => {
    const { kind, range, refusal } = candidate;
    table.kind[row] = KINDS.indexOf(kind);
    table.lowerTick[row] = range === null ? NO_TICK : range.lowerTick;
    table.upperTick[row] = range === null ? NO_TICK : range.upperTick;
    table.refusal[row] = refusal;
    for (const quantity of QUANTITIES) table[quantity][row] = candidate[quantity];
  });
  table.rows = candidates.length;
  return table;
}

/** One row of a table, or undefined where there is none. */
export function candidateAt(table: CandidateTable, row: number): Candidate | undefined {
  if (!(row >= 0 && row < table.rows)) return undefined;
  const at = (column: Float64Array): number => column[row] as number;
  const lowerTick = table.lowerTick[row] as number;
  return {
    kind: KINDS[table.kind[row] as number] ?? "range",
    range: lowerTick === NO_TICK ? null : { lowerTick, upperTick: table.upperTick[row] as number },
    share: at(table.share),
    inRange: at(table.inRange),
    feesBps: at(table.feesBps),
    ilBps: at(table.ilBps),
    lvrBps: at(table.lvrBps),
    costBps: at(table.costBps),
    tailBps: at(table.tailBps),
    deviationBps: at(table.deviationBps),
    breach: at(table.breach),
    netBps: at(table.netBps),
    waitBps: at(table.waitBps),
    refusal: table.refusal[row] ?? null,
  };
}

/** All rows. */
export const candidatesOf = (table: CandidateTable): Candidate[] =>
  Array.from({ length: table.rows }, (_, row) => candidateAt(table, row) as Candidate);
