import type { Address, Hex } from "../../ml/types.ts";
import type { Database } from "./database.ts";

/**
 * Where a vault came to rest after one block's evaluation. `late` = first seen when no proposal of that block could
 * still be in time; `absent` = the vault was not deployed at that block; `stopped` = the kill switch kept it back.
 */
export type RestState =
  | "held"
  | "shadow"
  | "simulated"
  | "sent"
  | "confirmed"
  | "refused"
  | "expired"
  | "pending"
  | "stopped"
  | "late"
  | "absent"
  | "failed";

export const RESTS_SCHEMA = `
CREATE TABLE IF NOT EXISTS rests (
  chain_id INTEGER NOT NULL, pool TEXT NOT NULL, block INTEGER NOT NULL, block_hash TEXT NOT NULL,
  vault TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (chain_id, block_hash, vault)
) STRICT;
CREATE INDEX IF NOT EXISTS rests_of_pool ON rests (block_hash, pool, vault, state);
`;

/** Where each vault came to rest after a block. */
export interface RestStore {
  rest(entry: {
    chainId: number;
    pool: Address;
    block: number;
    blockHash: Hex;
    vault: Address;
    state: RestState;
  }): void;
  rests(filter: { chainId: number; pool: Address; blockHash: Hex }): ReadonlyMap<Address, RestState>;
}

/** The rests of an open journal. */
export function restStore({ run, all }: Database): RestStore {
  const store: RestStore = {
    rest({ chainId, pool, block, blockHash, vault, state }) {
      // In a row behind all others: whoever follows the table by its rows is told of the change.
      run(
        `INSERT INTO rests VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
           SET state = excluded.state, rowid = (SELECT max(rowid) + 1 FROM rests)
           WHERE state = 'failed' AND excluded.state <> 'failed'`,
        chainId,
        pool,
        block,
        blockHash,
        vault,
        state,
      );
    },
    rests({ chainId, pool, blockHash }) {
      const rows = all(
        "SELECT vault, state FROM rests WHERE chain_id = ? AND pool = ? AND block_hash = ?",
        chainId,
        pool,
        blockHash,
      );
      return new Map(rows.map((row) => [row.vault as Address, row.state as RestState]));
    },
  };
  return store;
}
