import { describe, expect, it } from "vitest";
import { createInHand } from "../../rebalancer/inHand.ts";

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
