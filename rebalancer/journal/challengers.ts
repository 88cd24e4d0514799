import { decodeTable, withoutTable } from "../../ml/table.ts";
import type { Address, Decision } from "../../ml/types.ts";
import { decodeJson, encodeJson } from "../json.ts";
import type { Database, Row } from "./database.ts";
import { tableColumn } from "./decisions.ts";

/** What another model set would have done on the inputs of a journaled decision; never executed. */
export interface ChallengerRecord {
  readonly decisionId: string;
  readonly modelSet: string;
  /** Null when the set gave no answer; `error` then says why. */
  readonly decision: Decision | null;
  readonly error: string;
}

/** The `error` of what was offered, until an answer takes its place: one that waits while the worker is killed never does. */
export const UNANSWERED = "offered, not answered";

export interface ChallengerOutcome {
  readonly decisionId: string;
  readonly modelSet: string;
  readonly settledAtSeconds: number;
  readonly outcome: unknown;
}

export const CHALLENGERS_SCHEMA = `
CREATE TABLE IF NOT EXISTS challengers (
  decision_id TEXT NOT NULL REFERENCES decisions (id), model_set TEXT NOT NULL, decision TEXT, candidates BLOB,
  error TEXT NOT NULL, PRIMARY KEY (decision_id, model_set)
) STRICT;
CREATE TABLE IF NOT EXISTS challenger_outcomes (
  decision_id TEXT NOT NULL, model_set TEXT NOT NULL, settled_at_seconds INTEGER NOT NULL, outcome TEXT NOT NULL,
  PRIMARY KEY (decision_id, model_set), FOREIGN KEY (decision_id, model_set) REFERENCES challengers (decision_id, model_set)
) STRICT;
`;

/** The decisions of challengers, and what became of them. */
export interface ChallengerStore {
  /** Takes the place of an offer; another answer to the same decision counts no more. */
  recordChallenger(record: ChallengerRecord): void;
  /** By the time of the champion's decision, oldest first. */
  challengers(
    filter?: { vault?: Address; sinceSeconds?: number } | { decisionId: string },
  ): readonly ChallengerRecord[];
  recordChallengerOutcome(record: ChallengerOutcome): void;
  challengerOutcomes(filter?: { vault?: Address; sinceSeconds?: number }): readonly ChallengerOutcome[];
  /** Answers to decisions taken in `fromSeconds..toSeconds` in a pool that have no outcome yet, oldest first. */
  unsettledChallengers(filter: {
    pool: Address;
    fromSeconds: number;
    toSeconds: number;
    limit: number;
  }): readonly ChallengerRecord[];
}

const toChallenger = (row: Row): ChallengerRecord => ({
  decisionId: String(row.decision_id),
  modelSet: String(row.model_set),
  decision: row.decision === null ? null : decisionOf(row),
  error: String(row.error),
});

function decisionOf(row: Row): Decision {
  const table = row.candidates;
  // The library gives the bytes of one row as a Buffer, those of many as an ArrayBuffer.
  const candidates = typeof table === "object" && table !== null ? decodeTable(new Uint8Array(table)) : [];
  return { ...decodeJson<Decision>(String(row.decision)), candidates };
}

/** The challengers of an open journal. */
export function challengerStore({ run, all }: Database): ChallengerStore {
  return {
    recordChallenger({ decisionId, modelSet, decision, error }) {
      run(
        `INSERT INTO challengers VALUES (?, ?, ?, ?, ?) ON CONFLICT (decision_id, model_set) DO UPDATE
         SET decision = excluded.decision, candidates = excluded.candidates, error = excluded.error
         WHERE challengers.error = '${UNANSWERED}'`,
        decisionId,
        modelSet,
        decision === null ? null : encodeJson(withoutTable(decision)),
        decision === null ? null : tableColumn(decision),
        error,
      );
    },
    challengers(filter = {}) {
      // One statement for each way of asking: a condition that may be absent keeps SQLite from using an index.
      if ("decisionId" in filter)
        return all("SELECT * FROM challengers WHERE decision_id = ? ORDER BY model_set", filter.decisionId).map(
          toChallenger,
        );
      const { vault, sinceSeconds = 0 } = filter;
      return all(
        `SELECT challengers.* FROM challengers JOIN decisions ON decisions.id = decision_id
         WHERE ${vault === undefined ? "" : "vault = ? AND "}at_seconds >= ?
         ORDER BY at_seconds, decision_id, challengers.model_set`,
        ...(vault === undefined ? [] : [vault]),
        sinceSeconds,
      ).map(toChallenger);
    },
    recordChallengerOutcome({ decisionId, modelSet, settledAtSeconds, outcome }) {
      run(
        "INSERT OR IGNORE INTO challenger_outcomes VALUES (?, ?, ?, ?)",
        decisionId,
        modelSet,
        settledAtSeconds,
        encodeJson(outcome),
      );
    },
    challengerOutcomes({ vault, sinceSeconds = 0 } = {}) {
      return all(
        `SELECT challenger_outcomes.* FROM challenger_outcomes JOIN decisions ON decisions.id = decision_id
         WHERE ${vault === undefined ? "" : "vault = ? AND "}at_seconds >= ?
         ORDER BY at_seconds, decision_id, challenger_outcomes.model_set`,
        ...(vault === undefined ? [] : [vault]),
        sinceSeconds,
      ).map((row) => ({
        decisionId: String(row.decision_id),
        modelSet: String(row.model_set),
        settledAtSeconds: Number(row.settled_at_seconds),
        outcome: decodeJson<unknown>(String(row.outcome)),
      }));
    },
    unsettledChallengers({ pool, fromSeconds, toSeconds, limit }) {
      return all(
        `SELECT challengers.* FROM challengers JOIN decisions ON decisions.id = challengers.decision_id
         LEFT JOIN challenger_outcomes USING (decision_id, model_set)
         WHERE pool = ? AND at_seconds BETWEEN ? AND ? AND challengers.decision IS NOT NULL AND outcome IS NULL
         ORDER BY at_seconds, challengers.decision_id LIMIT ?`,
        pool,
        fromSeconds,
        toSeconds,
        limit,
      ).map(toChallenger);
    },
  };
}
