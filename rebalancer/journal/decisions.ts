import { decisionTable, decodeTable, tableRows, withoutTable } from "../../ml/table.ts";
import type { Address, Decision, Hex } from "../../ml/types.ts";
import { decodeJson, encodeJson } from "../json.ts";
import type { Database, Row } from "./database.ts";

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
  nav TEXT NOT NULL, share_price TEXT NOT NULL, decision TEXT NOT NULL, candidates BLOB
) STRICT;
DROP INDEX IF EXISTS decisions_by_vault;
CREATE INDEX IF NOT EXISTS decisions_of_vault ON decisions (vault, block);
CREATE INDEX IF NOT EXISTS decisions_of_pool ON decisions (pool, at_seconds);
CREATE INDEX IF NOT EXISTS decisions_by_time ON decisions (at_seconds);
`;

/** A journal of before candidate tables had a column of their own gets it; what it holds stays as it is. */
export function addCandidatesColumn({ all, run }: Database): void {
  const columns = all("SELECT name FROM pragma_table_info('decisions')").map(({ name }) => name);
  if (!columns.includes("candidates")) run("ALTER TABLE decisions ADD COLUMN candidates BLOB");
}

/** What was decided, holds and refusals too. */
export interface DecisionStore {
  /** Inserts a decision unless its id is there; returns what the journal holds. */
  recordDecision(record: DecisionRecord): DecisionRecord;
  /** Without `candidates` its table is left out, which is much faster. */
  decision(id: string, options?: { candidates?: boolean }): DecisionRecord | null;
  /** Oldest first; `limit` keeps the newest. Without `candidates` their tables are left out, which is much faster. */
  decisions(filter?: { vault?: Address; limit?: number; candidates?: boolean }): readonly DecisionRecord[];
  /** Reason keys of a vault's newest decisions, newest first. */
  reasonKeys(vault: Address, limit: number): readonly string[];
}

const WITHOUT_TABLE = "id, chain_id, vault, pool, block, block_hash, model_set, nav, share_price, decision";

/** A row of the table as a record. */
export const toDecision = (row: Row): DecisionRecord => ({
  id: String(row.id),
  chainId: Number(row.chain_id),
  vault: row.vault as Address,
  pool: row.pool as Address,
  block: Number(row.block),
  blockHash: row.block_hash as Hex,
  modelSet: String(row.model_set),
  decision: decisionOf(row),
  nav: BigInt(String(row.nav)),
  sharePrice: BigInt(String(row.share_price)),
});

/** The table as a column of its own; null where nothing was scored. */
export function tableColumn(decision: Decision): Buffer | null {
  const bytes = decisionTable(decision);
  return tableRows(bytes) === 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The table is in a column of its own, or, in older rows, in the decision. */
function decisionOf(row: Row): Decision {
  const decision = decodeJson<Decision>(String(row.decision));
  const { candidates } = row;
  // The library gives the bytes of one row as a Buffer, those of many as an ArrayBuffer.
  if (typeof candidates === "object" && candidates !== null)
    return { ...decision, candidates: decodeTable(new Uint8Array(candidates)) };
  return decision.candidates === undefined ? { ...decision, candidates: [] } : decision;
}

/** The decisions of an open journal. */
export function decisionStore({ run, all, one }: Database): DecisionStore {
  const store: DecisionStore = {
    recordDecision(record) {
      const before = store.decision(record.id);
      if (before) return before;
      const decision = withoutTable(record.decision);
      run(
        `INSERT INTO decisions (id, chain_id, vault, pool, block, block_hash, at_seconds, model_set, action, reason_key,
           reason, inputs_digest, nav, share_price, decision, candidates)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
        tableColumn(record.decision),
      );
      return record;
    },
    decision(id, { candidates = true } = {}) {
      const columns = candidates ? "*" : WITHOUT_TABLE;
      const row = one(`SELECT ${columns} FROM decisions WHERE id = ?`, id);
      return row && toDecision(row);
    },
    decisions({ vault, limit = -1, candidates = true } = {}) {
      const columns = candidates ? `${WITHOUT_TABLE}, candidates` : WITHOUT_TABLE;
      const rows =
        vault === undefined
          ? all(`SELECT ${columns} FROM decisions ORDER BY block DESC, vault LIMIT ?`, limit)
          : all(`SELECT ${columns} FROM decisions WHERE vault = ? ORDER BY block DESC LIMIT ?`, vault, limit);
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
