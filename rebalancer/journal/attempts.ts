import type { Address, Hex } from "../../ml/types.ts";
import { decodeJson, encodeJson } from "../json.ts";
import { type Database, known, type Row } from "./database.ts";

/** The bytes that go out: written down before the first broadcast, so that a restart sends the same ones. */
export interface SignedTransaction {
  readonly from: Address;
  readonly nonce: number;
  readonly hash: Hex;
  readonly raw: Hex;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** What a transaction is for: a proposal's move, a vault's sign of life, or to use up a nonce and do nothing. */
export type AttemptKind = "rebalance" | "heartbeat" | "cancel";

/** One of the transactions signed for a subject; all but the last are replaced ones that may still be mined. */
export interface Attempt extends SignedTransaction {
  readonly kind: AttemptKind;
  /** A proposal's digest, a heartbeat's id, or `hole-SENDER-NONCE` for a nonce that nothing else uses. */
  readonly subject: string;
  /** 0 for the first of its subject. */
  readonly ordinal: number;
  /** The newest block when it was signed. */
  readonly atBlock: number;
  /** The model's signature inside; "0x" where there is none. */
  readonly signature: Hex;
}

/** What a nonce of a keeper was used for on the chain; `hash` null = by a transaction that this journal does not know. */
export interface SpentNonce {
  readonly sender: Address;
  readonly nonce: number;
  readonly kind: AttemptKind | "foreign";
  readonly subject: string;
  readonly hash: Hex | null;
  readonly block: number;
  readonly blockHash: Hex | null;
  /** The block's time. */
  readonly atSeconds: number;
  /** 0 for a transaction of somebody else. */
  readonly gasUsed: bigint;
  readonly effectiveGasPrice: bigint;
  readonly succeeded: boolean;
}

/** All transactions signed with one nonce, oldest first. */
export interface Slot {
  readonly nonce: number;
  readonly attempts: readonly Attempt[];
  /** Subjects that still count on this nonce: unfinished, and their newest attempt has it. */
  readonly owners: readonly string[];
}

export const ATTEMPTS_SCHEMA = `
CREATE TABLE IF NOT EXISTS attempts (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, subject TEXT NOT NULL,
  ordinal INTEGER NOT NULL, sender TEXT NOT NULL, nonce INTEGER NOT NULL, at_block INTEGER NOT NULL,
  signature TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (subject, ordinal)
) STRICT;
CREATE INDEX IF NOT EXISTS attempts_by_nonce ON attempts (sender, nonce);
CREATE TABLE IF NOT EXISTS spent (
  sender TEXT NOT NULL, nonce INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, hash TEXT,
  block INTEGER NOT NULL, block_hash TEXT, body TEXT NOT NULL, PRIMARY KEY (sender, nonce)
) STRICT;
CREATE INDEX IF NOT EXISTS spent_by_block ON spent (block);
CREATE INDEX IF NOT EXISTS spent_by_time ON spent (json_extract(body, '$.atSeconds'));
CREATE TABLE IF NOT EXISTS ended_subjects (subject TEXT PRIMARY KEY, how TEXT NOT NULL) STRICT;
`;

/** Which transactions were signed, and which of them used each nonce. */
export interface AttemptStore {
  /**
   * Stores an attempt before it is sent. Returns the one that the journal holds under its subject and ordinal; null
   * when its nonce is spent or another unfinished subject counts on it.
   */
  recordAttempt(attempt: Attempt): Attempt | null;
  /** Oldest first. */
  attempts(subject: string): readonly Attempt[];
  /** Nonces of a sender from one on that were signed for, lowest first. */
  slots(sender: Address, fromNonce: number): readonly Slot[];
  /** The same, only nonces of which it is not known what used them. */
  unspent(sender: Address): readonly Slot[];
  recordSpent(spent: SpentNonce): void;
  /** Lowest nonce first. */
  spentNonces(sender: Address, fromNonce?: number): readonly SpentNonce[];
  /** What transactions of every kind cost that were mined since a time, failed ones too; wei. */
  gasSpentWei(sinceSeconds: number): bigint;
  /** Forgets what was mined in blocks after this one: the chain was reorganised. */
  forgetSpentAfter(block: number): void;
  /** The same for what one subject's transaction used in one block. */
  forgetSpentAt(subject: string, block: number): void;
  /** Whether a node once took a transaction of this proposal. */
  wasSent(subject: string): boolean;
  /** Says that a subject which is no proposal no longer counts on its nonce. */
  endSubject(subject: string, how: string): void;
  /** How a subject that is no proposal ended; null while it goes on. */
  subjectEnd(subject: string): string | null;
}

/** The attempts of an open journal. */
export function attemptStore({ run, all, one, transaction }: Database): AttemptStore {
  const unfinished = (subject: string): boolean => {
    if (one("SELECT 1 AS found FROM ended_subjects WHERE subject = ?", subject)) return false;
    const proposal = one("SELECT status FROM statuses WHERE digest = ?", subject);
    return proposal === null || ["proposed", "simulated", "sent"].includes(String(proposal.status));
  };
  const owners = (sender: Address, nonce: number): readonly string[] =>
    all("SELECT DISTINCT subject FROM attempts WHERE sender = ? AND nonce = ?", sender, nonce)
      .map(({ subject }) => String(subject))
      .filter((subject) => {
        const last = one("SELECT sender, nonce FROM attempts WHERE subject = ? ORDER BY ordinal DESC LIMIT 1", subject);
        return last?.nonce === nonce && last.sender === sender && unfinished(subject);
      });
  const toSlots = (sender: Address, rows: readonly Row[]): readonly Slot[] => {
    const slots = new Map<number, Attempt[]>();
    for (const attempt of rows.map(toAttempt)) {
      const slot = slots.get(attempt.nonce);
      if (slot) slot.push(attempt);
      else slots.set(attempt.nonce, [attempt]);
    }
    return [...slots].map(([nonce, attempts]) => ({ nonce, attempts, owners: owners(sender, nonce) }));
  };
  const store: AttemptStore = {
    recordAttempt(attempt) {
      const { kind, subject, ordinal, from, nonce, hash, atBlock, signature } = attempt;
      const find = () => one("SELECT * FROM attempts WHERE subject = ? AND ordinal = ?", subject, ordinal);
      let found: Row | null = null;
      // Two processes may share a journal: whether the nonce is free is asked and answered under its lock.
      transaction(() => {
        found = find();
        if (found) return;
        if (one("SELECT 1 AS found FROM spent WHERE sender = ? AND nonce = ?", from, nonce)) return;
        if (owners(from, nonce).some((owner) => owner !== subject)) return;
        run(
          `INSERT INTO attempts (hash, kind, subject, ordinal, sender, nonce, at_block, signature, body)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          hash,
          kind,
          subject,
          ordinal,
          from,
          nonce,
          atBlock,
          signature,
          encodeJson(bodyOf(attempt)),
        );
        found = known(find(), `attempt ${hash}`);
      });
      return found && toAttempt(found);
    },
    attempts: (subject) => all("SELECT * FROM attempts WHERE subject = ? ORDER BY ordinal", subject).map(toAttempt),
    slots: (sender, fromNonce) =>
      toSlots(
        sender,
        all("SELECT * FROM attempts WHERE sender = ? AND nonce >= ? ORDER BY nonce, sequence", sender, fromNonce),
      ),
    unspent: (sender) =>
      toSlots(
        sender,
        all(
          `SELECT * FROM attempts WHERE sender = ? AND NOT EXISTS (SELECT 1 FROM spent
           WHERE spent.sender = attempts.sender AND spent.nonce = attempts.nonce) ORDER BY nonce, sequence`,
          sender,
        ),
      ),
    recordSpent(spent) {
      const { sender, nonce, kind, subject, hash, block, blockHash } = spent;
      const { atSeconds, gasUsed, effectiveGasPrice, succeeded } = spent;
      const body = encodeJson({ atSeconds, gasUsed, effectiveGasPrice, succeeded });
      run(
        "INSERT OR REPLACE INTO spent VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        sender,
        nonce,
        kind,
        subject,
        hash,
        block,
        blockHash,
        body,
      );
    },
    spentNonces: (sender, fromNonce = 0) =>
      all("SELECT * FROM spent WHERE sender = ? AND nonce >= ? ORDER BY nonce", sender, fromNonce).map(toSpent),
    gasSpentWei: (sinceSeconds) =>
      all("SELECT * FROM spent WHERE json_extract(body, '$.atSeconds') >= ?", sinceSeconds)
        .map(toSpent)
        .reduce((sum, { gasUsed, effectiveGasPrice }) => sum + gasUsed * effectiveGasPrice, 0n),
    forgetSpentAfter: (block) => run("DELETE FROM spent WHERE block > ?", block),
    forgetSpentAt: (subject, block) => run("DELETE FROM spent WHERE subject = ? AND block = ?", subject, block),
    wasSent: (subject) => one("SELECT 1 AS found FROM steps WHERE digest = ? AND status = 'sent'", subject) !== null,
    endSubject(subject, how) {
      run("INSERT OR IGNORE INTO ended_subjects VALUES (?, ?)", subject, how);
    },
    subjectEnd(subject) {
      const row = one("SELECT how FROM ended_subjects WHERE subject = ?", subject);
      return row && String(row.how);
    },
  };
  return store;
}

/** Takes over the transactions of journals that knew one for each proposal. */
export function takeOverTransactions({ run, one, transaction }: Database): void {
  const exists = () => one("SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'transactions'");
  if (!exists()) return;
  transaction(() => {
    if (!exists()) return;
    run(`INSERT OR IGNORE INTO attempts (hash, kind, subject, ordinal, sender, nonce, at_block, signature, body)
         SELECT hash, 'rebalance', digest, 0, sender, transactions.nonce, proposals.block, signature, body
         FROM transactions JOIN proposals USING (digest) ORDER BY sender, transactions.nonce`);
    run(`INSERT OR IGNORE INTO spent
         SELECT sender, nonce, 'rebalance', digest, hash, json_extract(measured.body, '$.block'),
           json_extract(measured.body, '$.blockHash'),
           json_object('gasUsed', json_extract(measured.body, '$.gasUsed'),
             'effectiveGasPrice', json_extract(measured.body, '$.effectiveGasPrice'), 'succeeded',
             json((SELECT iif(status = 'confirmed', 'true', 'false') FROM steps WHERE steps.digest = transactions.digest
               ORDER BY sequence DESC LIMIT 1)))
         FROM transactions JOIN measured USING (digest)`);
    run("DROP TABLE transactions");
  });
}

const bodyOf = ({ raw, maxFeePerGas, maxPriorityFeePerGas }: Attempt) => ({ raw, maxFeePerGas, maxPriorityFeePerGas });

const toAttempt = (row: Row): Attempt => ({
  kind: row.kind as AttemptKind,
  subject: String(row.subject),
  ordinal: Number(row.ordinal),
  from: row.sender as Address,
  nonce: Number(row.nonce),
  hash: row.hash as Hex,
  atBlock: Number(row.at_block),
  signature: row.signature as Hex,
  ...pickBody(decodeJson<ReturnType<typeof bodyOf>>(String(row.body))),
});

const pickBody = ({ raw, maxFeePerGas, maxPriorityFeePerGas }: ReturnType<typeof bodyOf>) => ({
  raw,
  maxFeePerGas,
  maxPriorityFeePerGas,
});

/** A row of the ledger as it is kept. */
export const toSpent = (row: Row): SpentNonce => ({
  sender: row.sender as Address,
  nonce: Number(row.nonce),
  kind: row.kind as SpentNonce["kind"],
  subject: String(row.subject),
  hash: row.hash as Hex | null,
  block: Number(row.block),
  blockHash: row.block_hash as Hex | null,
  ...decodeJson<Pick<SpentNonce, "atSeconds" | "gasUsed" | "effectiveGasPrice" | "succeeded">>(String(row.body)),
});
