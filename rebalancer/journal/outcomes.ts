import type { Address } from "../../ml/types.ts";
import { decodeJson, encodeJson } from "../json.ts";
import type { Database } from "./database.ts";
import { type DecisionRecord, toDecision } from "./decisions.ts";

export interface OutcomeRecord {
  readonly decisionId: string;
  readonly settledAtSeconds: number;
  readonly outcome: unknown;
}

export const OUTCOMES_SCHEMA = `
CREATE TABLE IF NOT EXISTS outcomes (
  decision_id TEXT PRIMARY KEY REFERENCES decisions (id), settled_at_seconds INTEGER NOT NULL, outcome TEXT NOT NULL
) STRICT;
`;

/** What became of decisions, a horizon later. */
export interface OutcomeStore {
  recordOutcome(record: OutcomeRecord): void;
  /** Oldest first; `limit` keeps the newest. */
  outcomes(filter?: { vault?: Address; limit?: number }): readonly OutcomeRecord[];
  /** Decisions taken since `fromSeconds` whose horizon ended by `atSeconds` and which have no outcome yet, oldest first. */
  unsettled(atSeconds: number, horizonSeconds: number, pool: Address, fromSeconds?: number): readonly DecisionRecord[];
}

/** The outcomes of an open journal. */
export function outcomeStore({ run, all }: Database): OutcomeStore {
  const store: OutcomeStore = {
    recordOutcome({ decisionId, settledAtSeconds, outcome }) {
      run("INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?)", decisionId, settledAtSeconds, encodeJson(outcome));
    },
    outcomes({ vault, limit = -1 } = {}) {
      return all(
        `SELECT * FROM outcomes ${vault === undefined ? "" : "WHERE decision_id IN (SELECT id FROM decisions WHERE vault = ?)"}
         ORDER BY settled_at_seconds DESC, decision_id DESC LIMIT ?`,
        ...(vault === undefined ? [] : [vault]),
        limit,
      )
        .reverse()
        .map((row) => ({
          decisionId: String(row.decision_id),
          settledAtSeconds: Number(row.settled_at_seconds),
          outcome: decodeJson<unknown>(String(row.outcome)),
        }));
    },
    unsettled(atSeconds, horizonSeconds, pool, fromSeconds = 0) {
      return all(
        `SELECT * FROM decisions WHERE pool = ? AND at_seconds BETWEEN ? AND ?
         AND NOT EXISTS (SELECT 1 FROM outcomes WHERE decision_id = id) ORDER BY at_seconds LIMIT 100`,
        pool,
        fromSeconds,
        atSeconds - horizonSeconds,
      ).map(toDecision);
    },
  };
  return store;
}
