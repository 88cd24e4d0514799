import type { JournalReader, Journals } from "./journals.ts";

/** Something that the journals have written down, and the place after it. */
export interface TailEvent {
  /** Where a reader that has seen this goes on. */
  readonly id: string;
  readonly type: TailType;
  readonly vault: string | null;
  /** JSON text: written once for all readers. */
  readonly data: string;
}
export const TAIL_TYPES = ["decision", "step", "rest", "outcome", "stop"] as const;
export type TailType = (typeof TAIL_TYPES)[number];

/** Last row seen of each table, by journal. */
type Place = readonly (readonly number[])[];

/** A place as text: journals apart by "_", tables by ".". */
export const PLACE = /^\d{1,15}(\.\d{1,15}){4}(_\d{1,15}(\.\d{1,15}){4})*$/;

export interface Tail {
  /** The place after all that is written now. */
  end(): string;
  /** At most `most` events after a place, and the place after them. Throws 503 while a journal cannot be read. */
  after(place: string, most: number): { readonly events: readonly TailEvent[]; readonly place: string };
}

interface Source {
  readonly type: TailType;
  readonly last: string;
  readonly rows: string;
  readonly toData: (row: Record<string, unknown>) => Record<string, unknown>;
}

/** In the order in which a place lists them. */
const SOURCES: readonly Source[] = [
  {
    type: "decision",
    last: "SELECT max(rowid) AS row FROM decisions",
    rows: `SELECT rowid AS row, id, vault, pool, block, at_seconds, action, reason_key, reason, nav, share_price
      FROM decisions WHERE rowid > ? ORDER BY rowid LIMIT ?`,
    toData: (row) => ({
      id: row.id,
      vault: row.vault,
      pool: row.pool,
      block: row.block,
      atSeconds: row.at_seconds,
      action: row.action,
      reasonKey: row.reason_key,
      reason: row.reason,
      nav: row.nav,
      sharePrice: row.share_price,
    }),
  },
  {
    type: "step",
    last: "SELECT max(sequence) AS row FROM steps",
    rows: `SELECT sequence AS row, steps.digest, status, detail, decision_id, vault, nonce
      FROM steps JOIN proposals USING (digest) WHERE sequence > ? ORDER BY sequence LIMIT ?`,
    toData: (row) => ({
      digest: row.digest,
      decisionId: row.decision_id,
      vault: row.vault,
      nonce: row.nonce,
      status: row.status,
      detail: row.detail,
    }),
  },
  {
    type: "rest",
    last: "SELECT max(rowid) AS row FROM rests",
    rows: "SELECT rowid AS row, vault, pool, block, state FROM rests WHERE rowid > ? ORDER BY rowid LIMIT ?",
    toData: (row) => ({ vault: row.vault, pool: row.pool, block: row.block, state: row.state }),
  },
  {
    type: "outcome",
    last: "SELECT max(rowid) AS row FROM outcomes",
    rows: `SELECT outcomes.rowid AS row, decision_id, settled_at_seconds, outcome, vault
      FROM outcomes JOIN decisions ON decisions.id = decision_id WHERE outcomes.rowid > ? ORDER BY outcomes.rowid LIMIT ?`,
    toData: (row) => ({
      decisionId: row.decision_id,
      vault: row.vault,
      settledAtSeconds: row.settled_at_seconds,
      outcome: JSON.parse(String(row.outcome)),
    }),
  },
  {
    type: "stop",
    last: "SELECT max(rowid) AS row FROM stops",
    rows: `SELECT rowid AS row, scope, level, reason, given_by, at_milliseconds FROM stops WHERE rowid > ?
      ORDER BY rowid LIMIT ?`,
    toData: (row) => ({
      scope: row.scope,
      level: row.level,
      reason: row.reason,
      by: row.given_by,
      atMilliseconds: row.at_milliseconds,
    }),
  },
];

const format = (place: Place): string => place.map((tables) => tables.join(".")).join("_");

/** Reads the journals as they grow. Readers at the same place share what was read last. */
export function createTail(journals: Journals): Tail {
  let kept: { key: string; page: { events: readonly TailEvent[]; place: string } } | null = null;

  const ends = (reader: JournalReader) => SOURCES.map(({ last }) => Number(reader.one(last)?.row ?? 0));

  /** As many journals as there are now; a place beyond the end of a journal is one of a journal that was replaced. */
  function parse(text: string): Place {
    const given = text.split("_").map((tables) => tables.split(".").map(Number));
    return journals.readers().map((reader, index) => {
      const end = ends(reader);
      const tables = given[index];
      return tables === undefined ? end : end.map((last, table) => Math.min(last, tables[table] ?? last));
    });
  }

  function read(from: Place, most: number): { events: readonly TailEvent[]; place: string } {
    const place = from.map((tables) => [...tables]);
    const events: TailEvent[] = [];
    journals.readers().forEach((reader, journal) => {
      SOURCES.forEach(({ type, rows, toData }, table) => {
        const tables = place[journal];
        if (tables === undefined || events.length >= most) return;
        for (const { row, ...columns } of reader.all(rows, tables[table] ?? 0, most - events.length)) {
          tables[table] = Number(row);
          const data = toData(columns);
          const vault = type === "stop" ? null : String(data.vault);
          events.push({ id: format(place), type, vault, data: JSON.stringify(data) });
        }
      });
    });
    return { events, place: format(place) };
  }

  return {
    end: () => format(journals.readers().map(ends)),
    after(place, most) {
      const key = `${journals.version()} ${most} ${place}`;
      if (kept?.key === key) return kept.page;
      const page = read(parse(place), most);
      kept = { key, page };
      return page;
    },
  };
}
