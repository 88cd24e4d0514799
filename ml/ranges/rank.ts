import type { Candidate } from "../types.ts";

/** Index of the best of some candidates by net; ties go to the wider range, then to the first. -1 when none qualifies. */
export function best(table: readonly Candidate[], qualifies: (candidate: Candidate) => boolean): number {
  let found = -1;
  table.forEach((candidate, i) => {
    if (!qualifies(candidate)) return;
    const leader = table[found];
    if (leader === undefined || candidate.netBps > leader.netBps) found = i;
    else if (candidate.netBps === leader.netBps && width(candidate) > width(leader)) found = i;
  });
  return found;
}

const width = ({ range }: Candidate): number => (range === null ? 0 : range.upperTick - range.lowerTick);
