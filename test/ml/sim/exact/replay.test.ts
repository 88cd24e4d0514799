import { describe, expect, it } from "vitest";
import type { PoolEvent } from "../../../../ml/data/events.ts";
import { HIGHEST_LIMIT_X96, LOWEST_LIMIT_X96, UNLIMITED } from "../../../../ml/sim/exact/orders.ts";
import { createReferencePool } from "../../../../ml/sim/exact/reference.ts";
import { eventPlayer, replayEvents } from "../../../../ml/sim/exact/replay.ts";
import { sqrtPriceAtTick } from "../../../../ml/sim/exact/tickMath.ts";
import type { ExactPool, SwapOrder } from "../../../../ml/sim/exact/types.ts";
import type { Address } from "../../../../ml/types.ts";

const OWNER: Address = "0x00000000000000000000000000000000000c0001";
const KEY = { owner: OWNER, tickLower: -600, tickUpper: 600 };
const E18 = 10n ** 18n;

const startingPool = (): ExactPool => {
  const pool = createReferencePool({ feePips: 3000, tickSpacing: 60 });
  pool.setTime(1000);
  pool.initialize(sqrtPriceAtTick(7));
  pool.mint(KEY, E18);
  pool.mint({ ...KEY, tickLower: 0, tickUpper: 60 }, 5n * E18);
  return pool;
};

/** A market whose orders are known, with its record as an event file tells it. */
function recorded(orders: readonly SwapOrder[]): PoolEvent[] {
  const pool = startingPool();
  const base = { sender: null, owner: OWNER, gasPriceWei: null, gasUsed: null };
  const events: PoolEvent[] = [];
  const at = () => ({ ...base, block: events.length, timestamp: 1012 + 12 * events.length, order: 0 });
  for (const order of orders) {
    const row = at();
    pool.setTime(row.timestamp);
    events.push({ ...row, type: "SWAP", ...pool.swap(order), tickLower: null, tickUpper: null, liquidityDelta: null });
  }
  const range = { tickLower: -600, tickUpper: 600, sqrtPriceX96: null, liquidity: null, tick: null };
  const burned = pool.burn(KEY, E18 / 2n);
  events.push({ ...at(), ...range, type: "BURN", ...burned, liquidityDelta: -E18 / 2n });
  const paid = pool.collect(KEY, UNLIMITED, UNLIMITED);
  events.push({ ...at(), ...range, type: "COLLECT", ...paid, liquidityDelta: null });
  return events;
}

const ORDERS: readonly SwapOrder[] = [
  { zeroForOne: true, amountSpecified: 10n ** 16n, sqrtPriceLimitX96: LOWEST_LIMIT_X96 },
  { zeroForOne: false, amountSpecified: -(10n ** 15n), sqrtPriceLimitX96: HIGHEST_LIMIT_X96 },
  { zeroForOne: false, amountSpecified: UNLIMITED, sqrtPriceLimitX96: sqrtPriceAtTick(85) + 12_345_678_901n },
];

describe("a recorded market in the exact engine", () => {
  it("finds out how each swap was ordered, and ends every event as recorded", () => {
    const report = replayEvents(startingPool(), recorded(ORDERS));
    expect(report.orders.map(({ mode }) => mode)).toEqual(["exact-in", "exact-out", "price-limit"]);
    expect(report.orders.slice(0, 2)).toMatchObject(ORDERS.slice(0, 2));
    expect([report.swaps, report.exact, report.liquidityEvents, report.liquidityExact]).toEqual([3, 3, 1, 1]);
    expect([report.collects, report.collectsExact]).toEqual([1, 1]);
  });

  it("moves the price where no order explains the record, and says which field differs", () => {
    const events = recorded(ORDERS).map((event, i) =>
      i === 1 && event.type === "SWAP" ? { ...event, amount1: event.amount1 + 5n } : event,
    );
    const { exact, moved, mismatches } = replayEvents(startingPool(), events);
    expect([exact, moved]).toEqual([2, 1]);
    expect(mismatches.map(({ event, mismatch }) => [event.block, mismatch])).toEqual([[1, "amount1"]]);
  });

  it("plays the orders of an earlier pass with other liquidity in the pool", () => {
    const events = recorded(ORDERS);
    const { orders } = replayEvents(startingPool(), events);
    const shared = startingPool();
    shared.mint({ owner: "0x00000000000000000000000000000000000c0002", tickLower: -600, tickUpper: 600 }, E18);
    const play = eventPlayer(shared, orders);
    const [first] = events.map((event) => play(event));
    if (!first || !("order" in first)) throw new Error("the first event is a swap");
    expect(first.outcome?.amount0).toBe(10n ** 16n);
    // More liquidity, so the same input pays out more.
    expect(first.outcome?.amount1).toBeLessThan(first.event.amount1);
    expect(() => play(events[0] as PoolEvent)).toThrow("order 3 is missing");
  });

  it("leaves out a poke of a position that nobody knows of", () => {
    const poke = recorded(ORDERS).map(
      (e): PoolEvent => (e.type === "BURN" ? { ...e, owner: null, liquidityDelta: 0n } : e),
    );
    expect(replayEvents(startingPool(), poke).liquidityEvents).toBe(0);
  });
});
