import type { Address, Decision, Hex } from "../../ml/types.ts";
import { decodeJson, encodeJson } from "../json.ts";
import { type Database, known, type Row } from "./database.ts";

export interface DecisionRecord {
  readonly id: string;
  readonly chainId: number;
  readonly vault: Address;
  readonly pool: Address;
  readonly block: number;
  readonly blockHash: Hex;
  readonly modelSet: string;
  readonly decision: Decision;
  /** Asset units at mid, and asset units per 1e18 shares at low, when the decision was taken. */
  readonly nav: bigint;
  readonly sharePrice: bigint;
}

export const DECISIONS_SCHEMA = `
CREATE TABLE IF NOT EXISTS decisions (
  id TEXT PRIMARY KEY, chain_id INTEGER NOT NULL, vault TEXT NOT NULL, pool TEXT NOT NULL,
  block INTEGER NOT NULL, block_hash TEXT NOT NULL, at_seconds INTEGER NOT NULL, model_set TEXT NOT NULL,
  action TEXT NOT NULL, reason_key TEXT NOT NULL, reason TEXT NOT NULL, inputs_digest TEXT NOT NULL,
  nav TEXT NOT NULL, share_price TEXT NOT NULL, decision TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS decisions_by_vault ON decisions (chain_id, vault, block);
CREATE INDEX IF NOT EXISTS decisions_by_time ON decisions (at_seconds);
`;

/** What was decided, holds and refusals too. */
export interface DecisionStore {
  /** Inserts a decision unless its id is there; returns what the journal holds. */
  recordDecision(record: DecisionRecord): DecisionRecord;
  decision(id: string): DecisionRecord | null;
  decisions(filter?: { vault?: Address; limit?: number }): readonly DecisionRecord[];
  /** Reason keys of a vault's newest decisions, newest first. */
  reasonKeys(vault: Address, limit: number): readonly string[];
}

/** A row of the table as a record. */
export const toDecision = (row: Row): DecisionRecord => ({
  id: String(row.id),
  chainId: Number(row.chain_id),
  vault: row.vault as Address,
  pool: row.pool as Address,
  block: Number(row.block),
  blockHash: row.block_hash as Hex,
  modelSet: String(row.model_set),
  decision: decodeJson<Decision>(String(row.decision)),
  nav: BigInt(String(row.nav)),
  sharePrice: BigInt(String(row.share_price)),
});

/** The decisions of an open journal. */
export function decisionStore({ run, all, one }: Database): DecisionStore {
  const store: DecisionStore = {
    recordDecision(record) {
      const { decision } = record;
      run(
        "INSERT OR IGNORE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        record.id,
        record.chainId,
        record.vault,
        record.pool,
        record.block,
        record.blockHash,
        decision.atSeconds,
        record.modelSet,
        decision.action,
        decision.reasonKey,
        decision.reason,
        decision.inputsDigest,
        record.nav.toString(),
        record.sharePrice.toString(),
        encodeJson(decision),
      );
      return known(store.decision(record.id), record.id);
    },
    decision(id) {
      const row = one("SELECT * FROM decisions WHERE id = ?", id);
      return row && toDecision(row);
    },
    decisions({ vault, limit = -1 } = {}) {
      const rows = all(
        "SELECT * FROM decisions WHERE (? IS NULL OR vault = ?) ORDER BY block DESC, vault LIMIT ?",
        vault ?? null,
        vault ?? null,
        limit,
      );
      return rows.map(toDecision).reverse();
    },
    reasonKeys(vault, limit) {
      return all("SELECT reason_key FROM decisions WHERE vault = ? ORDER BY block DESC LIMIT ?", vault, limit).map(
        (row) => String(row.reason_key),
      );
    },
  };
  return store;
}
