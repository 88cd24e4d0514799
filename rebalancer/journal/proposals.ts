import type { Address, Hex } from "../../ml/types.ts";
import type { RebalanceProposal } from "../../sdk/proposal.ts";
import { decodeJson, encodeJson } from "../json.ts";
import { type Attempt, attemptStore, takeOverTransactions } from "./attempts.ts";
import { type Database, known, type Row } from "./database.ts";

/** proposed -> simulated -> sent -> confirmed, or an end before: refused (by a guard, here or on chain), expired. */
export type ProposalStatus = "proposed" | "simulated" | "sent" | "confirmed" | "refused" | "expired";

export interface ProposalRecord {
  readonly digest: Hex;
  readonly decisionId: string;
  readonly chainId: number;
  readonly vault: Address;
  readonly strategy: Address;
  readonly pool: Address;
  readonly nonce: bigint;
  readonly block: number;
  readonly blockHash: Hex;
  readonly baseFeePerGas: bigint;
  readonly proposal: RebalanceProposal;
  readonly status: ProposalStatus;
  /** What is to be said about the last step: why it was refused, which block confirmed it; may be empty. */
  readonly detail: string;
  readonly signature: Hex | null;
  /** The newest transaction that carries the proposal; any of `attempts` may be the one that is mined. */
  readonly transaction: Attempt | null;
  /** Everything signed for it, oldest first: first transaction, dearer ones in its place, a cancel. */
  readonly attempts: readonly Attempt[];
  readonly measured: Measured | null;
}

/** What a confirmed move did, from its receipt and events. Values in asset units. */
export interface Measured {
  readonly transactionHash: Hex;
  readonly block: number;
  readonly blockHash: Hex;
  readonly gasUsed: bigint;
  readonly effectiveGasPrice: bigint;
  readonly events: readonly { readonly name: string; readonly args: Record<string, unknown> }[];
}

export const PROPOSALS_SCHEMA = `
CREATE TABLE IF NOT EXISTS proposals (
  digest TEXT PRIMARY KEY, decision_id TEXT NOT NULL REFERENCES decisions (id), chain_id INTEGER NOT NULL,
  vault TEXT NOT NULL, strategy TEXT NOT NULL, pool TEXT NOT NULL, nonce TEXT NOT NULL, block INTEGER NOT NULL,
  block_hash TEXT NOT NULL, base_fee TEXT NOT NULL, proposal TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS steps (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL REFERENCES proposals (digest),
  status TEXT NOT NULL, detail TEXT NOT NULL, UNIQUE (digest, status, detail)
) STRICT;
CREATE INDEX IF NOT EXISTS steps_by_digest ON steps (digest, sequence);
CREATE TABLE IF NOT EXISTS statuses (
  digest TEXT PRIMARY KEY REFERENCES proposals (digest), status TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS statuses_by_status ON statuses (status);
CREATE INDEX IF NOT EXISTS proposals_by_vault ON proposals (vault, block);
CREATE INDEX IF NOT EXISTS proposals_by_decision ON proposals (decision_id);
CREATE INDEX IF NOT EXISTS proposals_by_block ON proposals (block);
CREATE TABLE IF NOT EXISTS measured (digest TEXT PRIMARY KEY REFERENCES proposals (digest), body TEXT NOT NULL) STRICT;
`;

/** What was proposed, sent and seen on the chain. */
export interface ProposalStore {
  recordProposal(
    record: Omit<ProposalRecord, "status" | "detail" | "signature" | "transaction" | "attempts" | "measured">,
  ): ProposalRecord;
  proposal(digest: Hex): ProposalRecord | null;
  /** Oldest first; `limit` keeps the newest, `sinceSeconds` those decided at or after that time. */
  proposals(filter?: {
    vault?: Address;
    status?: readonly ProposalStatus[];
    sinceSeconds?: number;
    limit?: number;
  }): readonly ProposalRecord[];
  /** Appends a step; the same step twice is one, unless `again` says that it was taken back in between. */
  advance(digest: Hex, status: ProposalStatus, detail?: string, options?: { again?: boolean }): void;
  recordMeasured(digest: Hex, measured: Measured): void;
}

/** The proposals of an open journal. */
export function proposalStore(db: Database): ProposalStore {
  const { run, all, one, transaction } = db;
  const { attempts } = attemptStore(db);
  // A journal from before the table of statuses has steps only.
  if (one("SELECT 1 AS found FROM steps") && !one("SELECT 1 AS found FROM statuses"))
    run(`INSERT OR IGNORE INTO statuses SELECT digest, status, detail FROM steps
         WHERE sequence IN (SELECT max(sequence) FROM steps GROUP BY digest)`);
  takeOverTransactions(db);
  const toProposal = (row: Row): ProposalRecord => {
    const digest = row.digest as Hex;
    const step = one("SELECT status, detail FROM statuses WHERE digest = ?", digest);
    const signed = attempts(digest);
    const measured = one("SELECT body FROM measured WHERE digest = ?", digest);
    return {
      digest,
      decisionId: String(row.decision_id),
      chainId: Number(row.chain_id),
      vault: row.vault as Address,
      strategy: row.strategy as Address,
      pool: row.pool as Address,
      nonce: BigInt(String(row.nonce)),
      block: Number(row.block),
      blockHash: row.block_hash as Hex,
      baseFeePerGas: BigInt(String(row.base_fee)),
      proposal: decodeJson<RebalanceProposal>(String(row.proposal)),
      status: (step?.status ?? "proposed") as ProposalStatus,
      detail: String(step?.detail ?? ""),
      signature: signed[0]?.signature ?? null,
      transaction: signed.findLast(({ kind }) => kind === "rebalance") ?? null,
      attempts: signed,
      measured: measured ? decodeJson<Measured>(String(measured.body)) : null,
    };
  };
  const store: ProposalStore = {
    recordProposal(record) {
      transaction(() => {
        run(
          "INSERT OR IGNORE INTO proposals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          record.digest,
          record.decisionId,
          record.chainId,
          record.vault,
          record.strategy,
          record.pool,
          record.nonce.toString(),
          record.block,
          record.blockHash,
          record.baseFeePerGas.toString(),
          encodeJson(record.proposal),
        );
        store.advance(record.digest, "proposed");
      });
      return known(store.proposal(record.digest), record.digest);
    },
    proposal(digest) {
      const row = one("SELECT * FROM proposals WHERE digest = ?", digest);
      return row && toProposal(row);
    },
    proposals({ vault, status, sinceSeconds = 0, limit = -1 } = {}) {
      const wanted = status?.map(() => "?").join(", ");
      return all(
        `SELECT proposals.* FROM proposals ${wanted ? "JOIN statuses USING (digest)" : ""}
         WHERE ${[
           "1",
           ...(vault === undefined ? [] : ["vault = ?"]),
           ...(wanted ? [`status IN (${wanted})`] : []),
           ...(sinceSeconds === 0 ? [] : ["decision_id IN (SELECT id FROM decisions WHERE at_seconds >= ?)"]),
         ].join(" AND ")}
         ORDER BY block DESC, vault DESC LIMIT ?`,
        ...(vault === undefined ? [] : [vault]),
        ...(status ?? []),
        ...(sinceSeconds === 0 ? [] : [sinceSeconds]),
        limit,
      )
        .reverse()
        .map(toProposal);
    },
    advance(digest, status, detail = "", { again = false } = {}) {
      transaction(() => {
        const times = one("SELECT count(*) AS n FROM steps WHERE digest = ? AND status = ?", digest, status);
        const current = one("SELECT status FROM statuses WHERE digest = ?", digest);
        const repeated = one(
          "SELECT 1 AS found FROM steps WHERE digest = ? AND status = ? AND detail = ?",
          digest,
          status,
          detail,
        );
        if (repeated && (!again || current?.status === status)) return;
        // The same words a second time, after a step back: told apart by their number.
        const text = repeated ? `${detail} (${Number(times?.n) + 1})` : detail;
        run("INSERT INTO steps (digest, status, detail) VALUES (?, ?, ?)", digest, status, text);
        run("INSERT OR REPLACE INTO statuses VALUES (?, ?, ?)", digest, status, text);
      });
    },
    recordMeasured(digest, measured) {
      run("INSERT OR REPLACE INTO measured VALUES (?, ?)", digest, encodeJson(measured));
    },
  };
  return store;
}
