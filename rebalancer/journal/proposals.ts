import type { Address, Hex } from "../../ml/types.ts";
import type { RebalanceProposal } from "../../sdk/proposal.ts";
import { decodeJson, encodeJson } from "../json.ts";
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
  readonly transaction: SignedTransaction | null;
  readonly measured: Measured | null;
}

/** The bytes that go out: written down before the first broadcast, so that a restart sends the same ones. */
export interface SignedTransaction {
  readonly from: Address;
  readonly nonce: number;
  readonly hash: Hex;
  readonly raw: Hex;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
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
CREATE TABLE IF NOT EXISTS transactions (
  digest TEXT PRIMARY KEY REFERENCES proposals (digest), signature TEXT NOT NULL, sender TEXT NOT NULL,
  nonce INTEGER NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS measured (digest TEXT PRIMARY KEY REFERENCES proposals (digest), body TEXT NOT NULL) STRICT;
`;

/** What was proposed, sent and seen on the chain. */
export interface ProposalStore {
  recordProposal(
    record: Omit<ProposalRecord, "status" | "detail" | "signature" | "transaction" | "measured">,
  ): ProposalRecord;
  proposal(digest: Hex): ProposalRecord | null;
  /** Oldest first; `limit` keeps the newest, `sinceSeconds` those decided at or after that time. */
  proposals(filter?: {
    vault?: Address;
    status?: readonly ProposalStatus[];
    sinceSeconds?: number;
    limit?: number;
  }): readonly ProposalRecord[];
  /** Appends a step; the same step twice is one. */
  advance(digest: Hex, status: ProposalStatus, detail?: string): void;
  signedTransaction(digest: Hex): { signature: Hex; transaction: SignedTransaction } | null;
  /** Stores the signed bytes unless the proposal has some already; returns what is stored. */
  recordTransaction(digest: Hex, signature: Hex, transaction: SignedTransaction): SignedTransaction;
  /** Signed transactions of one sender from a nonce on, lowest nonce first, with their proposals' statuses. */
  transactionsFrom(
    sender: Address,
    nonce: number,
  ): readonly { readonly transaction: SignedTransaction; readonly status: ProposalStatus }[];
  recordMeasured(digest: Hex, measured: Measured): void;
}

/** The proposals of an open journal. */
export function proposalStore({ run, all, one, transaction }: Database): ProposalStore {
  const toProposal = (row: Row): ProposalRecord => {
    const digest = row.digest as Hex;
    const step = one("SELECT status, detail FROM steps WHERE digest = ? ORDER BY sequence DESC LIMIT 1", digest);
    const sent = one("SELECT signature, body FROM transactions WHERE digest = ?", digest);
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
      signature: sent ? (sent.signature as Hex) : null,
      transaction: sent ? decodeJson<SignedTransaction>(String(sent.body)) : null,
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
      return all(
        `SELECT * FROM (SELECT *, (SELECT status FROM steps WHERE steps.digest = proposals.digest
           ORDER BY sequence DESC LIMIT 1) AS status FROM proposals WHERE (? IS NULL OR vault = ?))
         WHERE (? IS NULL OR instr(?, status))
         AND (? = 0 OR decision_id IN (SELECT id FROM decisions WHERE at_seconds >= ?))
         ORDER BY block DESC, vault DESC LIMIT ?`,
        vault ?? null,
        vault ?? null,
        status?.join(" ") ?? null,
        status?.join(" ") ?? null,
        sinceSeconds,
        sinceSeconds,
        limit,
      )
        .reverse()
        .map(toProposal);
    },
    advance(digest, status, detail) {
      run("INSERT OR IGNORE INTO steps (digest, status, detail) VALUES (?, ?, ?)", digest, status, detail ?? "");
    },
    signedTransaction(digest) {
      const row = one("SELECT signature, body FROM transactions WHERE digest = ?", digest);
      return row && { signature: row.signature as Hex, transaction: decodeJson<SignedTransaction>(String(row.body)) };
    },
    recordTransaction(digest, signature, transaction) {
      run(
        "INSERT OR IGNORE INTO transactions VALUES (?, ?, ?, ?, ?, ?)",
        digest,
        signature,
        transaction.from,
        transaction.nonce,
        transaction.hash,
        encodeJson(transaction),
      );
      return known(store.signedTransaction(digest), digest).transaction;
    },
    transactionsFrom(sender, nonce) {
      return all(
        "SELECT digest, body FROM transactions WHERE sender = ? AND nonce >= ? ORDER BY nonce",
        sender,
        nonce,
      ).map((row) => ({
        transaction: decodeJson<SignedTransaction>(String(row.body)),
        status: known(store.proposal(row.digest as Hex), String(row.digest)).status,
      }));
    },
    recordMeasured(digest, measured) {
      run("INSERT OR REPLACE INTO measured VALUES (?, ?)", digest, encodeJson(measured));
    },
  };
  return store;
}
