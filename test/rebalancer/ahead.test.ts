import { describe, expect, it } from "vitest";
import { begun, createAhead } from "../../rebalancer/ahead.ts";

describe("what was begun ahead of a job", () => {
  it("is given once, to the first who asks", () => {
    const ahead = createAhead<number>(() => 0);
    ahead.keep("a", 1);
    ahead.keep("a", 2);
    expect(ahead.take("a")).toBe(2);
    expect(ahead.take("a")).toBeNull();
    expect(ahead.take("b")).toBeNull();
  });

  it("is nothing after a second, in which the chain may have gone on", () => {
    let now = 0;
    const ahead = createAhead<number>(() => now);
    ahead.keep("in time", 1);
    ahead.keep("late", 1);
    now = 1_000;
    expect(ahead.take("in time")).toBe(1);
    now = 1_001;
    expect(ahead.take("late")).toBeNull();
  });

  it("is the newest of what nobody took", () => {
    const ahead = createAhead<number>(() => 0);
    for (let i = 0; i < 1_000; i++) ahead.keep(String(i), i);
    const left = Array.from({ length: 1_000 }, (_, i) => ahead.take(String(i))).filter((value) => value !== null);
    expect(left).toEqual(Array.from({ length: 16 }, (_, i) => 984 + i));
  });

  it("tells of its failure whoever takes it, and nobody else", async () => {
    const unhandled: unknown[] = [];
    const listen = (error: unknown) => void unhandled.push(error);
    process.on("unhandledRejection", listen);
    const failed = begun(Promise.reject(new Error("no node")));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", listen);
    expect(unhandled).toEqual([]);
    await expect(failed).rejects.toThrow("no node");
  });
});
