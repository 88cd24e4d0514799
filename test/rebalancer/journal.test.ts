import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Hex } from "../../ml/types.ts";
import type { ProposalRecord } from "../../rebalancer/journal/proposals.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { decision, decisionRecord, digest, proposalRecord, transaction, VAULT } from "../support/journalRecords.ts";

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

  it("survives being reopened, with its identity", () => {
    journal.recordProposal(proposalRecord(1));
    journal.close();
    const reopened = openJournal(path, () => "second");
    expect(reopened.identity).toBe("first");
    expect(reopened.proposals()).toHaveLength(1);
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

  it("never replaces signed bytes", () => {
    const { digest: id } = journal.recordProposal(proposalRecord(1));
    expect(journal.recordTransaction(id, "0x01", transaction(1, 5)).hash).toBe(digest(1));
    expect(journal.recordTransaction(id, "0x02", transaction(2, 6)).hash).toBe(digest(1));
    expect(journal.proposal(id)).toMatchObject({ signature: "0x01", transaction: { nonce: 5 } });
  });

  it("lists a sender's transactions from a nonce on, with statuses", () => {
    for (const block of [1, 2]) {
      const { digest: id } = journal.recordProposal(proposalRecord(block));
      journal.recordTransaction(id, "0x01", transaction(block, block));
    }
    journal.advance(digest(1002), "expired", "late");
    expect(journal.transactionsFrom(VAULT, 0).map(({ transaction: { nonce }, status }) => [nonce, status])).toEqual([
      [1, "proposed"],
      [2, "expired"],
    ]);
    expect(journal.transactionsFrom(VAULT, 2)).toHaveLength(1);
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

  it("offers decisions for settling once their horizon has passed, until they have an outcome", () => {
    expect(journal.unsettled(12 + 100, 100, VAULT).map(({ id }) => id)).toEqual(["d1"]);
    journal.recordOutcome({ decisionId: "d1", settledAtSeconds: 112, outcome: { netBps: 1.5 } });
    expect(journal.unsettled(12 + 100, 100, VAULT)).toEqual([]);
    expect(journal.outcomes()).toEqual([{ decisionId: "d1", settledAtSeconds: 112, outcome: { netBps: 1.5 } }]);
  });
});
