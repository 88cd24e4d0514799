import type { JournalReader } from "./journals.ts";

/** Tables whose new rows change what is told of a vault, with the vault of each row. A status changes with a step. */
const SOURCES = [
  {
    last: "SELECT max(rowid) AS row FROM decisions",
    rows: "SELECT rowid AS row, vault FROM decisions WHERE rowid > ?",
  },
  {
    last: "SELECT max(sequence) AS row FROM steps",
    rows: "SELECT sequence AS row, vault FROM steps JOIN proposals USING (digest) WHERE sequence > ?",
  },
  {
    last: "SELECT max(sequence) AS row FROM attempts",
    rows: `SELECT sequence AS row, vault FROM attempts LEFT JOIN proposals ON proposals.digest = subject
      WHERE sequence > ?`,
  },
  {
    last: "SELECT max(rowid) AS row FROM outcomes",
    rows: `SELECT outcomes.rowid AS row, vault FROM outcomes JOIN decisions ON decisions.id = decision_id
      WHERE outcomes.rowid > ?`,
  },
] as const;

const DECISIONS = 0;

/** Which vaults a journal has written about since it was opened. */
export interface Changes {
  /** Looks at what was written since the last look. */
  follow(): void;
  /**
   * Another number after a look that found new rows of this vault, `address` as the journal spells it; without
   * `decisions`, new ones of these are not counted.
   */
  of(address: string, decisions: boolean): number;
}

/** Counts the changes of each vault from now on. */
export function createChanges({ all, one }: Pick<JournalReader, "all" | "one">): Changes {
  const decided = new Map<string, number>();
  const followed = new Map<string, number>();
  const ends = SOURCES.map(({ last }) => Number(one(last)?.row ?? 0));
  return {
    follow() {
      SOURCES.forEach(({ rows }, source) => {
        for (const { row, vault } of all(rows, ends[source])) {
          ends[source] = Math.max(ends[source] ?? 0, Number(row));
          const counts = source === DECISIONS ? decided : followed;
          counts.set(String(vault), (counts.get(String(vault)) ?? 0) + 1);
        }
      });
    },
    of: (address, decisions) => (followed.get(address) ?? 0) + (decisions ? (decided.get(address) ?? 0) : 0),
  };
}
