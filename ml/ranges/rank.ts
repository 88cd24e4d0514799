import type { Candidate } from "../types.ts";

/** Index of the best of some candidates; ties go to the wider range, then to the first. -1 when none qualifies. */
export function best(
  table: readonly Candidate[],
  qualifies: (candidate: Candidate) => boolean,
  worth: (candidate: Candidate) => number = netOf,
): number {
  let found = -1;
  table.forEach((candidate, i) => {
    if (!qualifies(candidate)) return;
    const leader = table[found];
    if (leader === undefined || worth(candidate) > worth(leader)) found = i;
    else if (worth(candidate) === worth(leader) && width(candidate) > width(leader)) found = i;
  });
  return found;
}

const netOf = ({ netBps }: Candidate): number => netBps;

const width = ({ range }: Candidate): number => (range === null ? 0 : range.upperTick - range.lowerTick);
