import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../../ml/random.ts";
import { outcomeOf, packOrders, type TimedOrder } from "../../../../ml/sim/exact/batch.ts";
import { createPool, type FastPool } from "../../../../ml/sim/exact/pool.ts";
import { createReferencePool } from "../../../../ml/sim/exact/reference.ts";
import { sqrtPriceAtTick, tickAtSqrtPrice } from "../../../../ml/sim/exact/tickMath.ts";
import { PoolRevertError } from "../../../../ml/sim/exact/types.ts";
import { MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK } from "../../../../ml/units.ts";
import { answer, nextOperation, randomBits } from "./operations.ts";

const OWNER = "0x1234567890abcdef1234567890abcdef12345678";
const key = (tickLower: number, tickUpper: number) => ({ owner: OWNER, tickLower, tickUpper }) as const;
const LOWEST = MIN_SQRT_PRICE_X96 + 1n;
const HIGHEST = MAX_SQRT_PRICE_X96 - 1n;

function simplePool(): FastPool {
  const pool = createPool({ feePips: 3000, tickSpacing: 60 });
  pool.setTime(1_700_000_000);
  pool.initialize(1n << 96n);
  pool.mint(key(-600, 600), 10n ** 20n);
  pool.mint(key(-120, 180), 10n ** 21n);
  return pool;
}

/** The first difference between the engines over so many random operations, as a sentence; null = none. */
function firstDifference(seed: number, operations: number): string | null {
  const random = seededRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const shape = pick([
    { feePips: 100, tickSpacing: 1 },
    { feePips: 500, tickSpacing: 10 },
    { feePips: 3000, tickSpacing: 60 },
    { feePips: 10000, tickSpacing: 200 },
    { feePips: 999_999, tickSpacing: 16383 },
  ]);
  const startTick = Math.floor((random() - 0.5) * 2 * pick([1000, 300_000, 880_000]));
  const fast = createPool(shape);
  const reference = createReferencePool(shape);
  for (const pool of [fast, reference]) {
    pool.setTime(2 ** 32 - 5000);
    pool.initialize(sqrtPriceAtTick(startTick) + 1n);
  }
  const play = {
    random,
    tickSpacing: shape.tickSpacing,
    reach: pick([3, 20, 200, 2000]),
    liquidityBits: pick([20, 60, 80, 110, 127]),
  };
  const time = { now: 2 ** 32 - 5000 };
  for (let i = 0; i < operations; i++) {
    const operation = nextOperation(reference, play, time);
    const [given, expected] = [answer(fast, operation), answer(reference, operation)];
    if (!isDeepStrictEqual(given, expected)) {
      return `seed ${seed}, operation ${i}, ${operation.name}: ${String(given)} ≠ ${String(expected)}`;
    }
    if (!isDeepStrictEqual(fast.state(), reference.state()))
      return `seed ${seed}, operation ${i}, ${operation.name}: state`;
  }
  return null;
}

describe("the fast engine", () => {
  it("answers as the readable one and holds the same state after each of 20,000 random operations", () => {
    for (let seed = 1; seed <= 100; seed++) expect(firstDifference(seed, 200)).toBeNull();
  });

  it("finds the tick of a price as the readable one, right at ticks too", () => {
    const random = seededRandom(5);
    const ticks = [
      MIN_TICK,
      MAX_TICK - 1,
      0,
      -1,
      1,
      ...Array.from({ length: 500 }, () => Math.floor((random() * 2 - 1) * MAX_TICK)),
    ];
    for (const tick of ticks) {
      for (const offset of [-1n, 0n, 1n]) {
        const price = sqrtPriceAtTick(tick) + offset;
        if (price < MIN_SQRT_PRICE_X96) continue;
        const pool = createPool({ feePips: 500, tickSpacing: 10 });
        pool.initialize(price);
        expect(pool.tick).toBe(tickAtSqrtPrice(price));
      }
    }
  });

  it("leaves a pool as it was when a swap reverts after it crossed ticks", () => {
    const sound = createPool({ feePips: 3000, tickSpacing: 60 });
    sound.initialize(1n << 96n);
    sound.mint(key(-600, 600), 10n ** 18n);
    sound.mint(key(-600, 660), 10n ** 18n);
    // Less in range than the ticks say: the second tick up takes away more than is left.
    const pool = createPool({ ...sound.state(), liquidity: 15n * 10n ** 17n });
    const before = pool.state();
    const order = { zeroForOne: false, amountSpecified: 10n ** 20n, sqrtPriceLimitX96: HIGHEST };
    expect(() => pool.swap(order)).toThrow(/"LS"/);
    expect(pool.state()).toEqual(before);
    pool.swap({ ...order, sqrtPriceLimitX96: sqrtPriceAtTick(630) });
    expect(pool.tickState(600)).not.toEqual(before.ticks.find(({ tick }) => tick === 600));
  });

  it("swaps a packed batch as it swaps one by one", () => {
    const random = seededRandom(11);
    const orders: TimedOrder[] = Array.from({ length: 3000 }, (_, i) => {
      const zeroForOne = random() < 0.5;
      const size = randomBits(random, 70);
      return {
        zeroForOne,
        amountSpecified: random() < 0.02 ? 0n : random() < 0.8 ? size : -size,
        sqrtPriceLimitX96: zeroForOne ? LOWEST : HIGHEST,
        timestamp: 1_700_000_000 + Math.floor(i / 3),
      };
    });
    const batch = simplePool();
    const single = batch.fork();
    const outcomes = batch.swapMany(packOrders(orders));
    let reverts = 0;
    orders.forEach((order, i) => {
      single.setTime(order.timestamp ?? 0);
      const { revert, ...outcome } = outcomeOf(outcomes, i);
      try {
        expect(outcome).toEqual(single.swap(order));
        expect(revert).toBeNull();
      } catch (error) {
        if (!(error instanceof PoolRevertError)) throw error;
        expect(revert).toBe(error.reason);
        reverts++;
      }
    });
    expect(reverts).toBeGreaterThan(10);
    expect(batch.state()).toEqual(single.state());
  });

  it("goes back to a snapshot, also in a fork, and keeps forks apart", () => {
    const pool = simplePool();
    const start = pool.snapshot();
    const before = pool.state();
    const fork = pool.fork();
    pool.swap({ zeroForOne: true, amountSpecified: 10n ** 18n, sqrtPriceLimitX96: LOWEST });
    pool.mint(key(-6000, 6000), 5n);
    expect(fork.state()).toEqual(before);
    for (let i = 0; i < 100; i++) fork.mint(key(-6000 - 60 * i, 6000 + 60 * i), 5n);
    expect(fork.state().ticks.length).toBe(204);
    fork.restore(start);
    pool.restore(start);
    expect(fork.state()).toEqual(before);
    expect(pool.state()).toEqual(before);
    expect(() => pool.restore(createReferencePool({ feePips: 500, tickSpacing: 10 }).snapshot())).toThrow(/engine/);
  });

  it("holds many thousands of positions and the longest ring of observations", () => {
    const pool = createPool({ feePips: 500, tickSpacing: 10 });
    pool.setTime(1);
    pool.initialize(1n << 96n);
    pool.increaseObservationCardinalityNext(65_535);
    const owner = (i: number) => `0x${i.toString(16).padStart(40, "0")}` as const;
    for (let i = 0; i < 100_000; i++) {
      pool.mint({ owner: owner(i), tickLower: -10 * ((i % 300) + 1), tickUpper: 10 * ((i % 500) + 1) }, BigInt(i + 1));
    }
    expect(pool.liquidity).toBe((100_000n * 100_001n) / 2n);
    for (const i of [0, 1, 777, 99_999]) {
      const where = { owner: owner(i), tickLower: -10 * ((i % 300) + 1), tickUpper: 10 * ((i % 500) + 1) };
      expect(pool.position(where).liquidity).toBe(BigInt(i + 1));
    }
    for (let i = 0; i < 70_000; i++) {
      pool.setTime(2 + i);
      pool.swap({
        zeroForOne: i % 2 === 0,
        amountSpecified: 1_000_000n,
        sqrtPriceLimitX96: i % 2 === 0 ? LOWEST : HIGHEST,
      });
    }
    expect(pool.observationCardinality).toBe(65_535);
    expect(pool.observe([60_000]).tickCumulatives).toHaveLength(1);
  });

  it("brings pools back that gave up their place in memory", () => {
    const pool = createPool({ feePips: 500, tickSpacing: 10 });
    pool.initialize(1n << 96n);
    pool.increaseObservationCardinalityNext(65_535);
    pool.mint(key(-10, 10), 1000n);
    // 4 MiB each: more than the engine keeps in memory at once.
    const forks = Array.from({ length: 150 }, (_, i) => {
      const fork = pool.fork();
      fork.mint(key(-10, 10), BigInt(i + 1));
      return fork;
    });
    for (const [i, fork] of forks.entries()) expect(fork.liquidity).toBe(1001n + BigInt(i));
    expect(pool.liquidity).toBe(1000n);
  });
});
