import type { Candidate } from "../types.ts";

/** Rows of a candidate table, however they are kept. */
export interface Ranked {
  readonly rows: number;
  qualifies(row: number): boolean;
  worth(row: number): number;
  width(row: number): number;
}

/** The best of the rows that qualify; ties go to the wider range, then to the first. -1 when none qualifies. */
export function bestRow({ rows, qualifies, worth, width }: Ranked): number {
  let found = -1;
  let most = 0;
  for (let row = 0; row < rows; row++) {
    if (!qualifies(row)) continue;
    const value = worth(row);
    if (found >= 0 && !(value > most || (value === most && width(row) > width(found)))) continue;
    found = row;
    most = value;
  }
  return found;
}

/** Index of the best of some candidates. */
export function best(
  table: readonly Candidate[],
  qualifies: (candidate: Candidate) => boolean,
  worth: (candidate: Candidate) => number = netOf,
): number {
  const at = (row: number): Candidate => table[row] as Candidate;
  return bestRow({
    rows: table.length,
    qualifies: (row) => qualifies(at(row)),
    worth: (row) => worth(at(row)),
    width: (row) => widthOf(at(row)),
  });
}

const netOf = ({ netBps }: Candidate): number => netBps;

const widthOf = ({ range }: Candidate): number => (range === null ? 0 : range.upperTick - range.lowerTick);
