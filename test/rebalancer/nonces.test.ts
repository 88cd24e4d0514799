import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RetryableError } from "../../rebalancer/errors.ts";
import type { Slot } from "../../rebalancer/journal/attempts.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { chooseNonce, createKeeperLock } from "../../rebalancer/sending/nonces.ts";
import { attempt, decisionRecord, digest, proposalRecord, VAULT } from "../support/journalRecords.ts";

const slot = (nonce: number, owner: string | null): Slot => ({
  nonce,
  attempts: [attempt(nonce + 1, nonce, owner ?? "given up")],
  owners: owner === null ? [] : [owner],
});
const choose = (latest: number, pending: number, slots: readonly Slot[], spent: readonly number[] = []) =>
  chooseNonce({ sender: VAULT, latest, pending, slots, spent: new Set(spent) });

describe("chooseNonce", () => {
  it("starts where the chain is, and goes on behind what is unfinished", () => {
    expect(choose(4, 4, []).nonce).toBe(4);
    expect(choose(4, 4, [slot(4, "a"), slot(5, "b")]).nonce).toBe(6);
  });

  it("takes the nonce of what was given up, with what it takes the place of", () => {
    const given = choose(4, 6, [slot(4, "a"), slot(5, null), slot(6, "b")]);
    expect(given.nonce).toBe(5);
    expect(given.replaces.map(({ nonce }) => nonce)).toEqual([5]);
  });

  it("passes over what the journal has seen used, where the node is behind", () => {
    expect(choose(4, 4, [slot(4, null)], [4]).nonce).toBe(5);
  });

  it("passes over a few transactions of somebody else, and does not believe in many", () => {
    expect(choose(4, 7, []).nonce).toBe(7);
    expect(choose(4, 6, [slot(4, "a")]).nonce).toBe(6);
    expect(() => choose(4, 2 ** 40, [])).toThrow(RetryableError);
    expect(() => choose(4, 2 ** 40, [])).toThrow(/pending nonce of 0x\w+: \d+; rule: at most 16/);
  });

  it("never leaves a gap, whatever was given up, used or is waiting", () => {
    const world = fc.record({
      latest: fc.nat(20),
      owned: fc.array(fc.nat(30), { maxLength: 12 }),
      dead: fc.array(fc.nat(30), { maxLength: 12 }),
      spent: fc.array(fc.nat(30), { maxLength: 6 }),
      foreign: fc.nat(4),
    });
    fc.assert(
      fc.property(world, ({ latest, owned, dead, spent, foreign }) => {
        const slots = [
          ...owned.map((nonce) => slot(nonce, `p${nonce}`)),
          ...dead.filter((nonce) => !owned.includes(nonce)).map((nonce) => slot(nonce, null)),
        ];
        const { nonce } = choose(latest, latest + foreign, slots, spent);
        const taken = (n: number) =>
          owned.includes(n) || spent.includes(n) || (n < latest + foreign && !dead.includes(n));
        expect(nonce).toBeGreaterThanOrEqual(latest);
        expect(owned.includes(nonce) || spent.includes(nonce)).toBe(false);
        for (let below = latest; below < nonce; below++) expect(taken(below)).toBe(true);
      }),
    );
  });
});

describe("a journal asked for nonces by many at once", () => {
  /** Signs for one subject as the worker does: choose, sign (elsewhere), record; again when the nonce is gone. */
  async function sign(journal: Journal, subject: string, n: number): Promise<number> {
    for (;;) {
      const { nonce } = choose(
        0,
        0,
        journal.slots(VAULT, 0),
        journal.spentNonces(VAULT).map((spent) => spent.nonce),
      );
      await new Promise((resolve) => setImmediate(resolve));
      const stored = journal.recordAttempt(attempt(n, nonce, subject));
      if (stored) return stored.nonce;
    }
  }

  it("gives each its own, in a row, also without the lock", async () => {
    const journal = openJournal(":memory:", () => "a");
    const subjects = Array.from({ length: 12 }, (_, block) => {
      journal.recordDecision(decisionRecord(block));
      return journal.recordProposal(proposalRecord(block)).digest;
    });
    const given = await Promise.all(subjects.map((subject, n) => sign(journal, subject, n)));
    expect([...given].sort((a, b) => a - b)).toEqual(subjects.map((_, n) => n));
    // the fifth is given up: its nonce goes to the next, and to one only
    const lost = given[5] as number;
    journal.advance(subjects[5] ?? digest(0), "expired");
    journal.recordDecision(decisionRecord(50));
    journal.recordDecision(decisionRecord(51));
    const next = [50, 51].map((block) => journal.recordProposal(proposalRecord(block)).digest);
    const later = await Promise.all(next.map((subject, n) => sign(journal, subject, 100 + n)));
    expect([...later].sort((a, b) => a - b)).toEqual([lost, 12]);
    journal.close();
  });
});

describe("createKeeperLock", () => {
  it("lets one piece of work of a keeper run at a time, others beside it, and goes on after a failure", async () => {
    const lock = createKeeperLock();
    const [a, b] = [
      "0x000000000000000000000000000000000000000a",
      "0x000000000000000000000000000000000000000b",
    ] as const;
    const events: string[] = [];
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const first = lock.alone(a, async () => {
      events.push("a1 begins");
      await gate;
      events.push("a1 ends");
      throw new Error("it failed");
    });
    const second = lock.alone(a, async () => void events.push("a2"));
    await lock.alone(b, async () => void events.push("b1"));
    expect(events).toEqual(["a1 begins", "b1"]);
    open();
    await expect(first).rejects.toThrow("it failed");
    await second;
    expect(events).toEqual(["a1 begins", "b1", "a1 ends", "a2"]);
  });
});
