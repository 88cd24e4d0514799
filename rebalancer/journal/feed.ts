import type { Address, Hex } from "../../ml/types.ts";
import { decodeJson, encodeJson } from "../json.ts";
import { type SpentNonce, toSpent } from "./attempts.ts";
import type { Database, Row } from "./database.ts";
import type { Measured, ProposalStatus } from "./proposals.ts";

/** How far a reader has come in each table: the last row it has seen. */
export interface FeedCursor {
  readonly decisions: number;
  readonly steps: number;
  readonly measured: number;
  readonly spent: number;
  readonly outcomes: number;
}

export const FEED_START: FeedCursor = { decisions: 0, steps: 0, measured: 0, spent: 0, outcomes: 0 };

/** What was written since a cursor, oldest first, and the cursor after it. */
export interface Feed {
  readonly cursor: FeedCursor;
  readonly decisions: readonly {
    readonly vault: Address;
    readonly block: number;
    readonly atSeconds: number;
    readonly action: string;
    readonly reasonKey: string;
    readonly nav: bigint;
    readonly sharePrice: bigint;
  }[];
  readonly steps: readonly {
    readonly vault: Address;
    readonly digest: Hex;
    readonly block: number;
    readonly status: ProposalStatus;
    readonly detail: string;
  }[];
  readonly measured: readonly {
    readonly vault: Address;
    readonly pool: Address;
    readonly digest: Hex;
    /** The time of the block that it was decided on. */
    readonly decidedAtSeconds: number;
    readonly measured: Measured;
  }[];
  /** Nonces that transactions of ours used; one that was mined again after a reorganisation comes again. */
  readonly spent: readonly SpentNonce[];
  readonly outcomes: readonly { readonly vault: Address; readonly decisionId: string; readonly outcome: unknown }[];
  /** True when there is more to read at once. */
  readonly more: boolean;
}

export const FEED_SCHEMA = `
CREATE TABLE IF NOT EXISTS tallies (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
`;

/** Reads the journal as it grows, for counters and alerts: whoever writes a fact need not tell them. */
export interface FeedStore {
  /** At most `limit` rows of each table after the cursor. */
  since(cursor: FeedCursor, limit: number): Feed;
  /** The cursor after all that there is. */
  feedEnd(): FeedCursor;
  /** What moves did that were decided at or after a time, oldest first. */
  measuredSince(decidedAtSeconds: number): Feed["measured"];
  /** Highest share price of each vault by hour, over the time before the newest decision; asset units per 1e18 shares. */
  highestSharePrices(
    withinSeconds: number,
  ): readonly { readonly vault: Address; readonly hour: number; readonly highest: number }[];
  /** What a reader of this name last saved; null when nothing. */
  tally(name: string): unknown;
  saveTally(name: string, value: unknown): void;
}

const MEASURED = `measured.digest, measured.body, proposals.vault, proposals.pool, decisions.at_seconds
  FROM measured JOIN proposals USING (digest) JOIN decisions ON decisions.id = proposals.decision_id`;

const toMeasured = (row: Row): Feed["measured"][number] => ({
  vault: row.vault as Address,
  pool: row.pool as Address,
  digest: row.digest as Hex,
  decidedAtSeconds: Number(row.at_seconds),
  measured: decodeJson<Measured>(String(row.body)),
});

/** The feed of an open journal. */
export function feedStore({ run, all, one }: Database): FeedStore {
  return {
    since(cursor, limit) {
      const decisions = all(
        `SELECT rowid AS row, vault, block, at_seconds, action, reason_key, nav, share_price FROM decisions
         WHERE rowid > ? ORDER BY rowid LIMIT ?`,
        cursor.decisions,
        limit,
      );
      const steps = all(
        `SELECT steps.sequence AS row, steps.digest, steps.status, steps.detail, proposals.vault, proposals.block
         FROM steps JOIN proposals USING (digest) WHERE steps.sequence > ? ORDER BY steps.sequence LIMIT ?`,
        cursor.steps,
        limit,
      );
      const measured = all(
        `SELECT measured.rowid AS row, ${MEASURED} WHERE measured.rowid > ? ORDER BY measured.rowid LIMIT ?`,
        cursor.measured,
        limit,
      );
      const spent = all(
        "SELECT rowid AS row, * FROM spent WHERE rowid > ? AND kind != 'foreign' ORDER BY rowid LIMIT ?",
        cursor.spent,
        limit,
      );
      const outcomes = all(
        `SELECT outcomes.rowid AS row, outcomes.decision_id, outcomes.outcome, decisions.vault
         FROM outcomes JOIN decisions ON decisions.id = outcomes.decision_id
         WHERE outcomes.rowid > ? ORDER BY outcomes.rowid LIMIT ?`,
        cursor.outcomes,
        limit,
      );
      const last = (rows: readonly { row?: unknown }[], before: number) => Number(rows.at(-1)?.row ?? before);
      return {
        cursor: {
          decisions: last(decisions, cursor.decisions),
          steps: last(steps, cursor.steps),
          measured: last(measured, cursor.measured),
          spent: last(spent, cursor.spent),
          outcomes: last(outcomes, cursor.outcomes),
        },
        decisions: decisions.map((row) => ({
          vault: row.vault as Address,
          block: Number(row.block),
          atSeconds: Number(row.at_seconds),
          action: String(row.action),
          reasonKey: String(row.reason_key),
          nav: BigInt(String(row.nav)),
          sharePrice: BigInt(String(row.share_price)),
        })),
        steps: steps.map((row) => ({
          vault: row.vault as Address,
          digest: row.digest as Hex,
          block: Number(row.block),
          status: row.status as ProposalStatus,
          detail: String(row.detail),
        })),
        measured: measured.map(toMeasured),
        spent: spent.map(toSpent),
        outcomes: outcomes.map((row) => ({
          vault: row.vault as Address,
          decisionId: String(row.decision_id),
          outcome: decodeJson<unknown>(String(row.outcome)),
        })),
        more: [decisions, steps, measured, spent, outcomes].some((rows) => rows.length === limit),
      };
    },
    feedEnd() {
      const last = (table: string) => Number(one(`SELECT max(rowid) AS last FROM ${table}`)?.last ?? 0);
      return {
        decisions: last("decisions"),
        steps: last("steps"),
        measured: last("measured"),
        spent: last("spent"),
        outcomes: last("outcomes"),
      };
    },
    measuredSince: (decidedAtSeconds) =>
      all(`SELECT ${MEASURED} WHERE decisions.at_seconds >= ? ORDER BY measured.rowid`, decidedAtSeconds).map(
        toMeasured,
      ),
    highestSharePrices(withinSeconds) {
      return all(
        `SELECT vault, at_seconds / 3600 AS hour, max(CAST(share_price AS REAL)) AS highest FROM decisions
         WHERE at_seconds >= (SELECT max(at_seconds) FROM decisions) - ? GROUP BY vault, hour`,
        withinSeconds,
      ).map((row) => ({ vault: row.vault as Address, hour: Number(row.hour), highest: Number(row.highest) }));
    },
    tally(name) {
      const row = one("SELECT value FROM tallies WHERE name = ?", name);
      return row === null ? null : decodeJson<unknown>(String(row.value));
    },
    saveTally(name, value) {
      run("INSERT OR REPLACE INTO tallies VALUES (?, ?)", name, encodeJson(value));
    },
  };
}
