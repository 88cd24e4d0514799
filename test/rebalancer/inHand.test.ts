import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { describe, expect, it } from "vitest";
import type { Config } from "../../rebalancer/config.ts";
import { createInHand } from "../../rebalancer/inHand.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { signFirst } from "../../rebalancer/sending/attempt.ts";
import { createKeeperLock } from "../../rebalancer/sending/nonces.ts";

/** Work that goes on until it is told how to end. */
function work() {
  let begun = 0;
  let resolve = () => {};
  let reject = (_error: Error) => {};
  const begin = () => {
    begun += 1;
    return new Promise<void>((...both) => {
      [resolve, reject] = both;
    });
  };
  return { begin, times: () => begun, end: () => resolve(), fail: (error: Error) => reject(error) };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("work that is in hand before its job comes", () => {
  it("is waited for by its job, which is not done a second time", async () => {
    const [inHand, one] = [createInHand({ most: 2 }), work()];
    inHand.begin("a", one.begin);
    inHand.begin("a", one.begin);
    expect(one.times()).toBe(1);
    const job = inHand.take("a");
    expect(inHand.take("a")).toBeNull();
    expect(inHand.take("b")).toBeNull();
    one.end();
    await expect(job).resolves.toBeUndefined();
    // Put back into the queue: that is new work.
    expect(inHand.take("a")).toBeNull();
  });

  it("fails its job once, and the job's next try does the work", async () => {
    const [inHand, one] = [createInHand({ most: 2 }), work()];
    inHand.begin("a", one.begin);
    one.fail(new Error("no node"));
    // Nobody waits yet: its failure is no unhandled one.
    await turn();
    await expect(inHand.take("a")).rejects.toThrow("no node");
    expect(inHand.take("a")).toBeNull();
  });

  it("is remembered for a second after its end", async () => {
    let now = 0;
    const inHand = createInHand({ most: 2, now: () => now });
    for (const id of ["in time", "late"]) {
      const one = work();
      inHand.begin(id, one.begin);
      one.end();
    }
    await turn();
    now = 1_000;
    await expect(inHand.take("in time")).resolves.toBeUndefined();
    now = 1_001;
    expect(inHand.take("late")).toBeNull();
  });

  it("is left to the queue where as much goes on as may", async () => {
    const inHand = createInHand({ most: 2 });
    const works = ["a", "b", "c"].map((id) => {
      const one = work();
      inHand.begin(id, one.begin);
      return one;
    });
    expect(works.map((one) => one.times())).toEqual([1, 1, 0]);
    works[0]?.end();
    await turn();
    inHand.begin("c", works[2]?.begin as () => Promise<void>);
    expect(works[2]?.times()).toBe(1);
  });

  it("is waited for before everything is closed, with what it began itself", async () => {
    const inHand = createInHand({ most: 2 });
    const [one, two] = [work(), work()];
    let idle = false;
    inHand.begin("a", async () => {
      await one.begin();
      inHand.begin("b", two.begin);
    });
    const waiting = inHand.idle().then(() => {
      idle = true;
    });
    one.end();
    await turn();
    expect([two.times(), idle]).toEqual([1, false]);
    two.end();
    await waiting;
    expect(idle).toBe(true);
  });
});

describe("two processes with one journal", () => {
  /** What signs a keeper's transactions, as a process of its own has it. */
  const worker = { priorityFeeGwei: 1, maxFeePerGasGwei: 100 };
  const config = { chainId: 31_337, worker } as unknown as Config;
  const keeper = privateKeyToAccount(toHex(7, { size: 32 }));
  const keys = { of: () => ({ signer: null, keeper }), keepers: [keeper], keeper: () => keeper };
  const head = { number: 5, hash: toHex(5, { size: 32 }), parentHash: toHex(4, { size: 32 }), timestamp: 60 };
  const move = (subject: string) => ({
    ...{ kind: "rebalance" as const, subject, ordinal: 0, keeper, to: keeper.address, data: "0x" as const },
    ...{ gas: 21_000n, signature: "0x" as const, counts: { latest: 3, pending: 3 } },
    head: { ...head, baseFeePerGas: 7n },
  });

  it("that both have a move in hand send one transaction, and two moves take two nonces", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "two-processes-")), "journal.db");
    const journals = [openJournal(path, () => "one"), openJournal(path, () => "two")];
    const process = journals.map((journal) => ({ config, journal, keys, keeperLock: createKeeperLock() }));
    const [one, two] = process as [(typeof process)[0], (typeof process)[0]];
    const same = await Promise.all([signFirst(one, move("a")), signFirst(two, move("a"))]);
    expect(same[0].attempt).toEqual(same[1].attempt);
    const apart = await Promise.all([signFirst(one, move("b")), signFirst(two, move("c"))]);
    expect(apart.map(({ attempt }) => attempt.nonce).sort()).toEqual([4, 5]);
    await Promise.all([...same, ...apart].map(({ onDisk }) => onDisk));
    for (const journal of journals) {
      expect(journal.slots(keeper.address, 0).map(({ nonce, owners }) => [nonce, owners.length])).toEqual([
        [3, 1],
        [4, 1],
        [5, 1],
      ]);
      journal.close();
    }
  });
});
