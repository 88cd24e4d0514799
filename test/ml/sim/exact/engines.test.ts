import { describe, expect, it } from "vitest";
import { UNLIMITED } from "../../../../ml/sim/exact/orders.ts";
import { createPool } from "../../../../ml/sim/exact/pool.ts";
import { createReferencePool } from "../../../../ml/sim/exact/reference.ts";
import { sqrtPriceAtTick, tickAtSqrtPrice } from "../../../../ml/sim/exact/tickMath.ts";
import { maxLiquidityPerTick } from "../../../../ml/sim/exact/ticks.ts";
import { type ExactPool, PoolRevertError } from "../../../../ml/sim/exact/types.ts";
import type { Address } from "../../../../ml/types.ts";
import {
  getSqrtPriceAtTick,
  getTickAtSqrtPrice,
  MAX_SQRT_PRICE_X96,
  MAX_TICK,
  MIN_SQRT_PRICE_X96,
  MIN_TICK,
} from "../../../../ml/units.ts";

const Q96 = 1n << 96n;
const Q128 = 1n << 128n;
const OWNER: Address = "0x00000000000000000000000000000000000c0001";
const OTHER: Address = "0x00000000000000000000000000000000000c0002";
const E18 = 10n ** 18n;
const T0 = 1_700_000_000;
const range = (tickLower: number, tickUpper: number, owner = OWNER) => ({ owner, tickLower, tickUpper });
const down = (amountSpecified: bigint, sqrtPriceLimitX96 = MIN_SQRT_PRICE_X96 + 1n) => ({
  zeroForOne: true,
  amountSpecified,
  sqrtPriceLimitX96,
});
const up = (amountSpecified: bigint, sqrtPriceLimitX96 = MAX_SQRT_PRICE_X96 - 1n) => ({
  zeroForOne: false,
  amountSpecified,
  sqrtPriceLimitX96,
});

/** The reason with which an operation reverts; fails if it does not. */
function reason(operation: () => unknown): string {
  try {
    operation();
  } catch (error) {
    if (error instanceof PoolRevertError) return error.reason;
    throw error;
  }
  throw new Error("it did not revert");
}

describe.each([
  ["reference", createReferencePool],
  ["fast", createPool],
])("the %s engine", (_name, create) => {
  /** At price 1, with 1e18 of liquidity from -600 to 600. */
  const pool = (): ExactPool => {
    const made = create({ feePips: 3000, tickSpacing: 60 });
    made.setTime(T0);
    made.initialize(Q96);
    made.mint(range(-600, 600), E18);
    return made;
  };

  it("takes the fee from an exact input and pays what is left of it at the curve", () => {
    const it = pool();
    const { amount0, amount1, sqrtPriceX96 } = it.swap(down(1_000_000n));
    expect(amount0).toBe(1_000_000n);
    // 997,000 reach the curve: √P' = L√P / (L + a√P), rounded up; the output is L (√P − √P'), rounded down.
    const price = (E18 * Q96 + (E18 + 997_000n) - 1n) / (E18 + 997_000n);
    expect(sqrtPriceX96).toBe(price);
    expect(amount1).toBe(-((E18 * (Q96 - price)) / Q96));
    expect(it.feeGrowthGlobal0X128).toBe((3000n * Q128) / E18);
    expect(it.feeGrowthGlobal1X128).toBe(0n);
  });

  it("pays exactly what is asked for, and no more where it ends at a price limit", () => {
    const it = pool();
    expect(it.swap(down(-777n)).amount1).toBe(-777n);
    const limit = sqrtPriceAtTick(-100);
    const { amount1, sqrtPriceX96, tick } = it.swap(down(-E18, limit));
    expect([sqrtPriceX96, tick]).toEqual([limit, -100]);
    expect(amount1).toBeGreaterThan(-E18);
  });

  it("reports the tick below after it crossed one downwards, and stands still there without liquidity", () => {
    const it = pool();
    const { tick, liquidity, sqrtPriceX96 } = it.swap(down(UNLIMITED, sqrtPriceAtTick(-600)));
    expect([tick, liquidity]).toEqual([-601, 0n]);
    expect(sqrtPriceX96).toBe(sqrtPriceAtTick(-600));
    const { amount0, amount1 } = it.swap(down(10n ** 30n));
    expect([amount0, amount1]).toEqual([0n, 0n]);
    expect([it.sqrtPriceX96, it.tick]).toEqual([MIN_SQRT_PRICE_X96 + 1n, MIN_TICK]);
  });

  it("reverts with the contract's reasons and stays as it was", () => {
    const it = pool();
    const before = it.state();
    const most = maxLiquidityPerTick(60);
    expect(reason(() => it.initialize(Q96))).toBe("AI");
    expect(reason(() => it.swap(down(0n)))).toBe("AS");
    expect(reason(() => it.swap(down(1n, Q96)))).toBe("SPL");
    expect(reason(() => it.swap(up(1n, MAX_SQRT_PRICE_X96)))).toBe("SPL");
    expect(reason(() => it.mint(range(60, 60), 1n))).toBe("TLU");
    expect(reason(() => it.mint(range(-887_280, 0), 1n))).toBe("TLM");
    expect(reason(() => it.mint(range(0, 887_280), 1n))).toBe("TUM");
    expect(reason(() => it.mint(range(0, 60), most + 1n))).toBe("LO");
    expect(reason(() => it.mint(range(-600, 0), most))).toBe("LO");
    expect(reason(() => it.mint(range(1, 60), 1n))).toBe("");
    expect(reason(() => it.mint(range(0, 60), 0n))).toBe("");
    expect(reason(() => it.mint(range(0, 60), 1n << 127n))).toBe("");
    expect(reason(() => it.burn(range(0, 60), 0n))).toBe("NP");
    expect(reason(() => it.burn(range(-600, 600), E18 + 1n))).toBe("LS");
    expect(reason(() => it.burn(range(-600, 600, OTHER), 1n))).toBe("LS");
    expect(reason(() => it.setFeeProtocol(3, 0))).toBe("");
    expect(reason(() => it.setFeeProtocol(0, 11))).toBe("");
    expect(reason(() => it.observe([1]))).toBe("OLD");
    expect(reason(() => it.snapshotCumulativesInside(-60, 60))).toBe("");
    expect(it.state()).toEqual(before);
    const fresh = create({ feePips: 3000, tickSpacing: 60 });
    expect(reason(() => fresh.swap(down(1n)))).toBe("LOK");
    expect(reason(() => fresh.mint(range(0, 60), 1n))).toBe("LOK");
    expect(reason(() => fresh.flash(1n, 1n))).toBe("LOK");
    expect(reason(() => fresh.observe([0]))).toBe("I");
    expect(reason(() => fresh.initialize(MAX_SQRT_PRICE_X96))).toBe("R");
    fresh.initialize(Q96);
    expect(reason(() => fresh.flash(1n, 1n))).toBe("L");
  });

  it("tells uncollected fees to the unit, shared by liquidity, without changing anything", () => {
    const it = pool();
    it.mint(range(-60, 60, OTHER), 3n * E18);
    it.swap(down(10n ** 15n));
    it.swap(up(10n ** 15n));
    const before = it.state();
    const [mine, theirs] = [it.uncollectedFees(range(-600, 600)), it.uncollectedFees(range(-60, 60, OTHER))];
    expect(it.state()).toEqual(before);
    // 0.3 % of 1e15, a quarter and three quarters of it, each rounded down once more by the growth per liquidity.
    expect(mine.amount0).toBe(75n * 10n ** 10n - 1n);
    expect(theirs.amount0).toBe(225n * 10n ** 10n - 1n);
    it.burn(range(-60, 60, OTHER), 0n);
    expect(it.collect(range(-60, 60, OTHER), 1n << 127n, 1n << 127n)).toEqual(theirs);
    expect(it.uncollectedFees(range(-60, 60, OTHER))).toEqual({ amount0: 0n, amount1: 0n });
    expect(it.uncollectedFees(range(0, 60, OTHER))).toEqual({ amount0: 0n, amount1: 0n });
  });

  it("lets fee growth wrap round and still counts the fees", () => {
    const start = {
      ...pool().state(),
      feeGrowthGlobal0X128: (1n << 256n) - 1n,
      ticks: [],
      positions: [],
      liquidity: 0n,
    };
    const it = create(start);
    it.setTime(T0 + 1);
    it.mint(range(-600, 600), E18);
    it.swap(down(10n ** 15n));
    expect(it.feeGrowthGlobal0X128).toBeLessThan(Q128);
    expect(it.uncollectedFees(range(-600, 600)).amount0).toBe(3n * 10n ** 12n - 1n);
  });

  it("gives the protocol its part of each direction's fee, and pays all but the last unit of it", () => {
    const it = pool();
    it.setFeeProtocol(4, 10);
    expect(it.feeProtocol).toBe(4 + 16 * 10);
    it.swap(down(4_000_000n));
    it.swap(up(10_000_000n));
    expect([it.protocolFees0, it.protocolFees1]).toEqual([12_000n / 4n, 30_000n / 10n]);
    expect(it.collectProtocol(1n << 127n, 5n)).toEqual({ amount0: 2999n, amount1: 5n });
    expect([it.protocolFees0, it.protocolFees1]).toEqual([1n, 2995n]);
    expect(it.collectProtocol(1n, 0n)).toEqual({ amount0: 0n, amount1: 0n });
  });

  it("gives a flash loan's fee to those in range", () => {
    const it = pool();
    it.flash(1000n, E18);
    expect([it.feeGrowthGlobal0X128, it.feeGrowthGlobal1X128]).toEqual([(1000n * Q128) / E18, Q128]);
  });

  it("observes the tick that held before each change, interpolates, and wraps round in 2106", () => {
    const it = pool();
    it.increaseObservationCardinalityNext(3);
    it.setTime(T0 + 100);
    it.swap(up(UNLIMITED, sqrtPriceAtTick(50)));
    // Same block: no second observation.
    it.swap(up(UNLIMITED, sqrtPriceAtTick(70)));
    it.setTime(T0 + 160);
    it.swap(down(UNLIMITED, sqrtPriceAtTick(-10)));
    it.setTime(T0 + 200);
    expect([it.observationIndex, it.observationCardinality]).toEqual([2, 3]);
    const cumulative = (secondsAgo: number) => it.observe([secondsAgo]).tickCumulatives[0];
    expect(cumulative(200)).toBe(0n);
    expect(cumulative(100)).toBe(0n);
    expect(cumulative(70)).toBe(30n * 70n);
    expect(cumulative(40)).toBe(60n * 70n);
    expect(cumulative(0)).toBe(60n * 70n - 40n * 10n);
    const { secondsPerLiquidityCumulativeX128s } = it.observe([0]);
    expect(secondsPerLiquidityCumulativeX128s[0]).toBe((100n * Q128) / E18 + (60n * Q128) / E18 + (40n * Q128) / E18);

    const late = create({ feePips: 500, tickSpacing: 10 });
    late.setTime(2 ** 32 - 10);
    late.initialize(sqrtPriceAtTick(100));
    late.setTime(2 ** 32 + 20);
    expect(late.observe([30, 0]).tickCumulatives).toEqual([0n, 3000n]);
  });

  it("measures the time inside a range", () => {
    const it = pool();
    it.mint(range(-60, 60), E18);
    it.setTime(T0 + 50);
    it.swap(up(UNLIMITED, sqrtPriceAtTick(100)));
    it.setTime(T0 + 80);
    const inside = it.snapshotCumulativesInside(-60, 60);
    expect(inside.secondsInside).toBe(50);
    expect(inside.tickCumulativeInside).toBe(0n);
    expect(inside.secondsPerLiquidityInsideX128).toBe((50n * Q128) / (2n * E18));
    expect(it.snapshotCumulativesInside(-600, 600).secondsInside).toBe(80);
  });

  it("goes back to a snapshot, and a fork lives its own life", () => {
    const it = pool();
    const snapshot = it.snapshot();
    const before = it.state();
    const fork = it.fork();
    fork.swap(down(10n ** 16n));
    expect(it.state()).toEqual(before);
    it.swap(up(10n ** 16n));
    it.burn(range(-600, 600), E18);
    it.restore(snapshot);
    expect(it.state()).toEqual(before);
    fork.restore(snapshot);
    expect(fork.state()).toEqual(before);
    expect(create(before).state()).toEqual(before);
  });
});

describe("the price of a tick", () => {
  it("is the SDK's at ticks of all sizes, and back, one unit beside it too", () => {
    for (let tick = MIN_TICK; tick <= MAX_TICK; tick += 5077) {
      const price = sqrtPriceAtTick(tick);
      expect(price).toBe(getSqrtPriceAtTick(tick));
      for (const near of [price - 1n, price, price + 1n]) {
        if (near < MIN_SQRT_PRICE_X96 || near >= MAX_SQRT_PRICE_X96) continue;
        expect(tickAtSqrtPrice(near)).toBe(getTickAtSqrtPrice(near));
      }
    }
    expect(tickAtSqrtPrice(MAX_SQRT_PRICE_X96 - 1n)).toBe(MAX_TICK - 1);
    expect(tickAtSqrtPrice(MIN_SQRT_PRICE_X96)).toBe(MIN_TICK);
  });
});
