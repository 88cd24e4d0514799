import Database from "libsql";
import type { Address, Decision, Hex } from "../ml/types.ts";
import type { RebalanceProposal } from "../sdk/proposal.ts";
import { decodeJson, encodeJson } from "./json.ts";
import type { StopLevel, StopOrder, StopScope } from "./killSwitch.ts";

/** proposed -> simulated -> sent -> confirmed, or an end before: refused (by a guard, here or on chain), expired. */
export type ProposalStatus = "proposed" | "simulated" | "sent" | "confirmed" | "refused" | "expired";

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

export interface OutcomeRecord {
  readonly decisionId: string;
  readonly settledAtSeconds: number;
  readonly outcome: unknown;
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS decisions (
  id TEXT PRIMARY KEY, chain_id INTEGER NOT NULL, vault TEXT NOT NULL, pool TEXT NOT NULL,
  block INTEGER NOT NULL, block_hash TEXT NOT NULL, at_seconds INTEGER NOT NULL, model_set TEXT NOT NULL,
  action TEXT NOT NULL, reason_key TEXT NOT NULL, reason TEXT NOT NULL, inputs_digest TEXT NOT NULL,
  nav TEXT NOT NULL, share_price TEXT NOT NULL, decision TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS decisions_by_vault ON decisions (chain_id, vault, block);
CREATE INDEX IF NOT EXISTS decisions_by_time ON decisions (at_seconds);
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
CREATE TABLE IF NOT EXISTS rests (
  chain_id INTEGER NOT NULL, pool TEXT NOT NULL, block INTEGER NOT NULL, block_hash TEXT NOT NULL,
  vault TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (chain_id, block_hash, vault)
) STRICT;
CREATE TABLE IF NOT EXISTS outcomes (
  decision_id TEXT PRIMARY KEY REFERENCES decisions (id), settled_at_seconds INTEGER NOT NULL, outcome TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS stops (
  chain_id INTEGER NOT NULL, scope TEXT NOT NULL, level INTEGER NOT NULL, reason TEXT NOT NULL, given_by TEXT NOT NULL,
  at_milliseconds INTEGER NOT NULL, PRIMARY KEY (chain_id, scope, at_milliseconds, level)
) STRICT;
`;

type Row = Record<string, string | number | null>;

/**
 * The append-only memory of a worker, in SQLite (WAL). Rows are facts with deterministic ids: inserting one twice is
 * inserting it once, and nothing but `status`, derived from the last step, ever seems to change.
 */
export interface Journal {
  /** Inserts a decision unless its id is there; returns what the journal holds. */
  recordDecision(record: DecisionRecord): DecisionRecord;
  decision(id: string): DecisionRecord | null;
  decisions(filter?: { vault?: Address; limit?: number }): readonly DecisionRecord[];
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
  /** Reason keys of a vault's newest decisions, newest first. */
  reasonKeys(vault: Address, limit: number): readonly string[];
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
  rest(entry: {
    chainId: number;
    pool: Address;
    block: number;
    blockHash: Hex;
    vault: Address;
    state: RestState;
  }): void;
  rests(filter: { chainId: number; pool: Address; blockHash: Hex }): ReadonlyMap<Address, RestState>;
  recordOutcome(record: OutcomeRecord): void;
  /** Oldest first; `limit` keeps the newest. */
  outcomes(filter?: { vault?: Address; limit?: number }): readonly OutcomeRecord[];
  /** Decisions whose horizon ended by `atSeconds` and which have no outcome yet, oldest first. */
  unsettled(atSeconds: number, horizonSeconds: number, pool: Address): readonly DecisionRecord[];
  /** Inserts an order of the kill switch; the same order twice is one. */
  recordStop(chainId: number, order: StopOrder): void;
  /** All orders of a chain, oldest first. */
  stops(chainId: number): readonly StopOrder[];
  /** A name for this journal that survives restarts: what a lease is held by. */
  readonly identity: string;
  close(): void;
}

/** Opens or creates the journal at `path`; ":memory:" for a throw-away one. `identity` names it when it is new. */
export function openJournal(path: string, identity: () => string): Journal {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  // A fact must be on disk before the next step acts on it.
  db.pragma("synchronous = FULL");
  db.pragma("busy_timeout = 5000");
  db.exec(SCHEMA);
  const run = (sql: string, ...values: unknown[]) => db.prepare(sql).run(...values);
  const all = (sql: string, ...values: unknown[]) => db.prepare(sql).all(...values) as Row[];
  const one = (sql: string, ...values: unknown[]) => (db.prepare(sql).get(...values) as Row | undefined) ?? null;

  run("INSERT OR IGNORE INTO meta VALUES ('identity', ?)", identity());
  const name = String(one("SELECT value FROM meta WHERE key = 'identity'")?.value);

  const toDecision = (row: Row): DecisionRecord => ({
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
  const known = <T>(found: T | null, what: string): T => {
    if (found === null) throw new Error(`journal lost ${what}`);
    return found;
  };

  const journal: Journal = {
    identity: name,
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
      return known(journal.decision(record.id), record.id);
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
    recordProposal(record) {
      db.transaction(() => {
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
        journal.advance(record.digest, "proposed");
      }).immediate();
      return known(journal.proposal(record.digest), record.digest);
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
    reasonKeys(vault, limit) {
      return all("SELECT reason_key FROM decisions WHERE vault = ? ORDER BY block DESC LIMIT ?", vault, limit).map(
        (row) => String(row.reason_key),
      );
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
      return known(journal.signedTransaction(digest), digest).transaction;
    },
    transactionsFrom(sender, nonce) {
      return all(
        "SELECT digest, body FROM transactions WHERE sender = ? AND nonce >= ? ORDER BY nonce",
        sender,
        nonce,
      ).map((row) => ({
        transaction: decodeJson<SignedTransaction>(String(row.body)),
        status: known(journal.proposal(row.digest as Hex), String(row.digest)).status,
      }));
    },
    recordMeasured(digest, measured) {
      run("INSERT OR REPLACE INTO measured VALUES (?, ?)", digest, encodeJson(measured));
    },
    rest({ chainId, pool, block, blockHash, vault, state }) {
      run(
        "INSERT INTO rests VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state WHERE state = 'failed'",
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
    recordOutcome({ decisionId, settledAtSeconds, outcome }) {
      run("INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?)", decisionId, settledAtSeconds, encodeJson(outcome));
    },
    outcomes({ vault, limit = -1 } = {}) {
      return all(
        `SELECT * FROM outcomes WHERE (? IS NULL OR decision_id IN (SELECT id FROM decisions WHERE vault = ?))
         ORDER BY settled_at_seconds DESC, decision_id DESC LIMIT ?`,
        vault ?? null,
        vault ?? null,
        limit,
      )
        .reverse()
        .map((row) => ({
          decisionId: String(row.decision_id),
          settledAtSeconds: Number(row.settled_at_seconds),
          outcome: decodeJson<unknown>(String(row.outcome)),
        }));
    },
    unsettled(atSeconds, horizonSeconds, pool) {
      return all(
        `SELECT * FROM decisions WHERE pool = ? AND at_seconds + ? <= ?
         AND id NOT IN (SELECT decision_id FROM outcomes) ORDER BY block LIMIT 100`,
        pool,
        horizonSeconds,
        atSeconds,
      ).map(toDecision);
    },
    recordStop(chainId, { scope, level, reason, by, atMilliseconds }) {
      run("INSERT OR IGNORE INTO stops VALUES (?, ?, ?, ?, ?, ?)", chainId, scope, level, reason, by, atMilliseconds);
    },
    stops(chainId) {
      return all("SELECT * FROM stops WHERE chain_id = ? ORDER BY at_milliseconds, level", chainId).map((row) => ({
        scope: row.scope as StopScope,
        level: Number(row.level) as StopLevel,
        reason: String(row.reason),
        by: String(row.given_by),
        atMilliseconds: Number(row.at_milliseconds),
      }));
    },
    close: () => void db.close(),
  };
  return journal;
}
