import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Decision, Hex } from "../../ml/types.ts";
import { UNANSWERED } from "../../rebalancer/journal/challengers.ts";
import { openDatabase } from "../../rebalancer/journal/database.ts";
import type { ProposalRecord } from "../../rebalancer/journal/proposals.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { encodeJson } from "../../rebalancer/json.ts";
import type { Metrics } from "../../rebalancer/metrics/metrics.ts";
import { watchedJournal } from "../../rebalancer/metrics/timed.ts";
import { attempt, decision, decisionRecord, digest, proposalRecord, VAULT } from "../support/journalRecords.ts";

describe("openJournal", () => {
  let path: string;
  let journal: Journal;
  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), "rangekeeper-journal-")), "journal.db");
    journal = openJournal(path, () => "first");
    for (const block of [1, 2]) journal.recordDecision(decisionRecord(block));
  });

  it("keeps the first of two decisions with the same id, every digit of it", () => {
    const again = journal.recordDecision({ ...decisionRecord(1), decision: { ...decision(1), reason: "another" } });
    expect(again).toEqual(decisionRecord(1));
    expect(journal.decisions().map(({ block }) => block)).toEqual([1, 2]);
    expect(journal.decisions({ limit: 1 }).map(({ block }) => block)).toEqual([2]);
  });

  it("reads candidate tables back, of one decision and of many", () => {
    const costs = {
      feesBps: 9,
      ilBps: 1,
      lvrBps: 2,
      costBps: 3,
      tailBps: 4,
      deviationBps: 5,
      breach: 0.5,
      netBps: 4,
      waitBps: 1,
    };
    const range = { lowerTick: -60, upperTick: 60 };
    const candidates = [{ kind: "range" as const, range, share: 1, inRange: 0.5, ...costs, refusal: "too narrow" }];
    journal.recordDecision({ ...decisionRecord(3), decision: { ...decision(3), candidates } });
    expect(journal.decision("d3")?.decision.candidates).toEqual(candidates);
    expect(journal.decisions({ limit: 1 })[0]?.decision.candidates).toEqual(candidates);
  });

  it("survives being reopened, with its identity", () => {
    journal.recordProposal(proposalRecord(1));
    journal.close();
    const reopened = openJournal(path, () => "second");
    expect(reopened.identity).toBe("first");
    expect(reopened.proposals()).toHaveLength(1);
  });

  it("shows at once what goes to disk meanwhile, all of it or nothing, and waits for the disk again after it", async () => {
    const soon = journal.togetherSoon(() => {
      journal.recordDecision(decisionRecord(3));
      journal.recordProposal(proposalRecord(3));
    });
    const other = openJournal(path, () => "second");
    expect(other.proposal(proposalRecord(3).digest)?.status).toBe("proposed");
    other.close();
    await soon;
    expect(() =>
      journal.togetherSoon(() => {
        journal.recordDecision(decisionRecord(4));
        throw new Error("no more room");
      }),
    ).toThrow("no more room");
    expect(journal.decisions().map(({ block }) => block)).toEqual([1, 2, 3]);
    const database = openDatabase(join(path, "../synchronous.db"), "CREATE TABLE a (b INTEGER);");
    const mode = () => database.one("PRAGMA synchronous")?.synchronous;
    let within: unknown = null;
    await database.transactionSoonOnDisk(() => {
      within = mode();
      database.run("INSERT INTO a VALUES (1)");
    });
    expect([within, mode()]).toEqual([1, 2]);
    database.close();
  });

  it("derives the status from the last step, and takes a step twice as once", () => {
    const { digest: id } = journal.recordProposal(proposalRecord(1));
    const status = () => (journal.proposal(id) as ProposalRecord).status;
    expect(status()).toBe("proposed");
    journal.advance(id, "simulated");
    journal.advance(id, "sent");
    journal.advance(id, "simulated");
    expect(status()).toBe("sent");
    journal.advance(id, "confirmed", "block 1");
    expect(journal.proposals({ status: ["sent"] })).toEqual([]);
    // a reorganisation takes the block away: the same proposal is in flight again
    journal.advance(id, "sent", "block 1 was reorganised away");
    expect(journal.proposals({ status: ["sent"] })).toHaveLength(1);
    journal.advance(id, "confirmed", "block 2");
    expect(status()).toBe("confirmed");
  });

  it("never replaces signed bytes, and keeps every attempt of a proposal", () => {
    const { digest: id } = journal.recordProposal(proposalRecord(1));
    expect(journal.recordAttempt(attempt(1, 5, id))?.hash).toBe(digest(1));
    expect(journal.recordAttempt(attempt(2, 6, id))?.hash).toBe(digest(1));
    expect(journal.recordAttempt({ ...attempt(3, 5, id), ordinal: 1 })?.hash).toBe(digest(3));
    expect(journal.recordAttempt({ ...attempt(4, 5, id), ordinal: 2, kind: "cancel" })?.hash).toBe(digest(4));
    expect(journal.proposal(id)).toMatchObject({
      signature: "0x01",
      transaction: { nonce: 5, hash: digest(3) },
      attempts: [{ hash: digest(1) }, { hash: digest(3) }, { hash: digest(4), kind: "cancel" }],
    });
  });

  it("gives a nonce to one unfinished subject, and to another when that has ended", () => {
    const [first, second] = [1, 2].map((block) => journal.recordProposal(proposalRecord(block)).digest) as [Hex, Hex];
    expect(journal.recordAttempt(attempt(1, 5, first))?.hash).toBe(digest(1));
    expect(journal.recordAttempt(attempt(2, 5, second))).toBeNull();
    expect(journal.slots(VAULT, 0)).toMatchObject([{ nonce: 5, owners: [first] }]);
    journal.advance(first, "expired", "late");
    expect(journal.slots(VAULT, 0)).toMatchObject([{ nonce: 5, owners: [] }]);
    expect(journal.recordAttempt(attempt(2, 5, second))?.hash).toBe(digest(2));
    expect(journal.slots(VAULT, 5)).toMatchObject([{ owners: [second], attempts: [{}, {}] }]);
    expect(journal.slots(VAULT, 6)).toEqual([]);
  });

  it("knows what used each nonce, until the block is reorganised away", () => {
    const { digest: id } = journal.recordProposal(proposalRecord(1));
    journal.recordAttempt(attempt(1, 5, id));
    expect(journal.unspent(VAULT)).toHaveLength(1);
    const used = {
      sender: VAULT as Hex,
      nonce: 5,
      kind: "rebalance",
      subject: id,
      hash: digest(1),
      block: 9,
      blockHash: digest(9),
      atSeconds: 108,
      gasUsed: 2n ** 70n,
      effectiveGasPrice: 3n,
      succeeded: true,
    } as const;
    journal.recordSpent(used);
    expect(journal.unspent(VAULT)).toEqual([]);
    expect(journal.spentNonces(VAULT)).toEqual([used]);
    expect(journal.gasSpentWei(108)).toBe(3n * 2n ** 70n);
    expect(journal.gasSpentWei(109)).toBe(0n);
    journal.advance(id, "confirmed", "block 9");
    // a nonce that is used up is never given again
    expect(journal.recordAttempt(attempt(2, 5, "heartbeat-1"))).toBeNull();
    journal.forgetSpentAfter(9);
    expect(journal.spentNonces(VAULT)).toHaveLength(1);
    journal.forgetSpentAfter(8);
    expect(journal.spentNonces(VAULT)).toEqual([]);
    expect(journal.recordAttempt(attempt(2, 5, "heartbeat-1"))?.hash).toBe(digest(2));
    journal.endSubject("heartbeat-1", "done");
    expect(journal.slots(VAULT, 0)).toMatchObject([{ owners: [] }]);
  });

  it("takes a step back and forth as often as the chain does", () => {
    const { digest: id } = journal.recordProposal(proposalRecord(1));
    const again = { again: true };
    for (let turn = 0; turn < 3; turn++) {
      journal.advance(id, "confirmed", "block 1", again);
      expect(journal.proposal(id)?.status).toBe("confirmed");
      journal.advance(id, "confirmed", "block 1", again);
      journal.advance(id, "sent", "reorganised", again);
      expect(journal.proposal(id)?.status).toBe("sent");
    }
    expect(journal.proposal(id)?.detail).toBe("reorganised (3)");
  });

  it("takes them as often through the worker's watch on it, which takes secrets out", () => {
    const { digest: id } = journal.recordProposal(proposalRecord(1));
    const metrics = { facts: { slowestWriteSeconds: 0 }, instruments: { journalWrite: { observe: () => {} } } };
    const redact = (text: string) => text.replaceAll("secret", "[redacted]");
    const watched = watchedJournal(journal, metrics as unknown as Metrics, { redact });
    for (let turn = 0; turn < 2; turn++) {
      watched.advance(id, "confirmed", "block 1, secret", { again: true });
      expect(journal.proposal(id)?.status).toBe("confirmed");
      watched.advance(id, "sent", "reorganised", { again: true });
    }
    expect(JSON.stringify(journal.proposal(id), (_key, value) => String(value))).not.toContain("secret");
  });

  it("takes over a journal that knew one transaction for each proposal", () => {
    const { digest: id } = journal.recordProposal(proposalRecord(1));
    journal.advance(id, "sent");
    journal.advance(id, "confirmed", "block 3");
    journal.recordMeasured(id, {
      transactionHash: digest(1),
      block: 3,
      blockHash: digest(3),
      gasUsed: 7n,
      effectiveGasPrice: 8n,
      events: [],
    });
    journal.close();
    const old = openDatabase(
      path,
      `DROP TABLE statuses; DROP TABLE attempts; DROP TABLE spent;
       CREATE TABLE transactions (digest TEXT PRIMARY KEY REFERENCES proposals (digest), signature TEXT NOT NULL,
         sender TEXT NOT NULL, nonce INTEGER NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL) STRICT;`,
    );
    const { from, nonce, hash, raw, maxFeePerGas, maxPriorityFeePerGas } = attempt(1, 5, id);
    const body = encodeJson({ from, nonce, hash, raw, maxFeePerGas, maxPriorityFeePerGas });
    old.run("INSERT INTO transactions VALUES (?, '0x01', ?, 5, ?, ?)", id, VAULT, hash, body);
    old.close();
    journal = openJournal(path, () => "third");
    expect(journal.proposal(id)).toMatchObject({ status: "confirmed", detail: "block 3", signature: "0x01" });
    expect(journal.proposal(id)?.attempts).toEqual([{ ...attempt(1, 5, id), atBlock: 1 }]);
    expect(journal.spentNonces(VAULT)).toMatchObject([
      { nonce: 5, kind: "rebalance", subject: id, hash, block: 3, gasUsed: 7n, effectiveGasPrice: 8n, succeeded: true },
    ]);
    journal.close();
    expect(openJournal(path, () => "fourth").proposal(id)?.attempts).toHaveLength(1);
  });

  it("refuses a proposal without its decision", () => {
    expect(() => journal.recordProposal(proposalRecord(9))).toThrow(/FOREIGN KEY/);
  });

  it("lets a failed rest be replaced, and no other", () => {
    const place = { chainId: 1, pool: VAULT as Hex, block: 1, blockHash: digest(1) };
    journal.rest({ ...place, vault: VAULT, state: "failed" });
    journal.rest({ ...place, vault: VAULT, state: "held" });
    journal.rest({ ...place, vault: VAULT, state: "sent" });
    expect(journal.rests(place).get(VAULT)).toBe("held");
  });

  it("keeps that a challenger was offered a decision until it answers, and then its first answer", () => {
    const said = (error: string, its: Decision | null = null) =>
      journal.recordChallenger({ decisionId: "d1", modelSet: "rules", decision: its, error });
    const told = () => journal.challengers().map(({ decision: its, error }) => [its, error]);
    said(UNANSWERED);
    expect(told()).toEqual([[null, "offered, not answered"]]);
    said("", decision(1));
    for (const late of [UNANSWERED, "no answer in 30 s"]) said(late);
    expect(told()).toEqual([[decision(1), ""]]);
  });

  it("offers decisions for settling once their horizon has passed, until they have an outcome", () => {
    expect(journal.unsettled(12 + 100, 100, VAULT).map(({ id }) => id)).toEqual(["d1"]);
    journal.recordOutcome({ decisionId: "d1", settledAtSeconds: 112, outcome: { netBps: 1.5 } });
    expect(journal.unsettled(12 + 100, 100, VAULT)).toEqual([]);
    expect(journal.outcomes()).toEqual([{ decisionId: "d1", settledAtSeconds: 112, outcome: { netBps: 1.5 } }]);
  });
});
