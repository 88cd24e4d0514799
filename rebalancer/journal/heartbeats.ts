import type { Address, Hex } from "../../ml/types.ts";
import type { Database, Row } from "./database.ts";

/** A signed "hold" of a vault's model, before it is sent. */
export interface HeartbeatRecord {
  /** Also the subject of its transactions. */
  readonly id: string;
  readonly chainId: number;
  readonly vault: Address;
  readonly strategy: Address;
  /** A block number: always above the last one. */
  readonly nonce: bigint;
  /** Unix seconds. */
  readonly deadline: bigint;
  /** Of the newest decision, which the sign of life stands for. */
  readonly inputsDigest: Hex;
  /** How it ended; null while it may still be mined. */
  readonly ended: string | null;
}

export const HEARTBEATS_SCHEMA = `
CREATE TABLE IF NOT EXISTS heartbeats (
  id TEXT PRIMARY KEY, chain_id INTEGER NOT NULL, vault TEXT NOT NULL, strategy TEXT NOT NULL, nonce TEXT NOT NULL,
  deadline TEXT NOT NULL, inputs_digest TEXT NOT NULL
) STRICT;
`;

/** The signs of life. */
export interface HeartbeatStore {
  recordHeartbeat(record: Omit<HeartbeatRecord, "id" | "ended">): HeartbeatRecord;
  /** Oldest first. */
  heartbeats(filter?: { vault?: Address; open?: boolean }): readonly HeartbeatRecord[];
}

/** The heartbeats of an open journal. */
export function heartbeatStore({ run, all }: Database): HeartbeatStore {
  const SELECT = "SELECT heartbeats.*, how FROM heartbeats LEFT JOIN ended_subjects ON subject = id";
  return {
    recordHeartbeat(record) {
      const { chainId, vault, strategy, nonce, deadline, inputsDigest } = record;
      const id = `heartbeat-${vault.toLowerCase()}-${nonce}`;
      const values = [id, chainId, vault, strategy, nonce.toString(), deadline.toString(), inputsDigest];
      run("INSERT OR IGNORE INTO heartbeats VALUES (?, ?, ?, ?, ?, ?, ?)", ...values);
      return all(`${SELECT} WHERE id = ?`, id).map(toHeartbeat)[0] as HeartbeatRecord;
    },
    heartbeats: ({ vault, open = false } = {}) =>
      all(
        `${SELECT} WHERE (? IS NULL OR vault = ?) AND (? = 0 OR how IS NULL) ORDER BY heartbeats.rowid`,
        vault ?? null,
        vault ?? null,
        open ? 1 : 0,
      ).map(toHeartbeat),
  };
}

const toHeartbeat = (row: Row): HeartbeatRecord => ({
  id: String(row.id),
  chainId: Number(row.chain_id),
  vault: row.vault as Address,
  strategy: row.strategy as Address,
  nonce: BigInt(String(row.nonce)),
  deadline: BigInt(String(row.deadline)),
  inputsDigest: row.inputs_digest as Hex,
  ended: row.how as string | null,
});
