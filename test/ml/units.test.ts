import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBig, maxLiquidityForAmounts, SqrtPriceMath, TickMath, toBig } from "../../ml/uniswap.ts";
import {
  amountsForLiquidity,
  ceilToSpacing,
  floorToSpacing,
  fromWad,
  getSqrtPriceAtTick,
  getTickAtSqrtPrice,
  liquidityForAmounts,
  lnPriceToSqrtPriceX96,
  MAX_SQRT_PRICE_X96,
  MAX_TICK,
  MIN_SQRT_PRICE_X96,
  MIN_TICK,
  mulDivDown,
  mulDivUp,
  sqrtPriceX96ToLnPrice,
  tickToLnPrice,
  toWad,
  valueInAsset,
} from "../../ml/units.ts";

describe("units", () => {
  it("gives the pool's sqrt prices at known ticks", () => {
    expect(getSqrtPriceAtTick(0)).toBe(1n << 96n);
    expect(getSqrtPriceAtTick(MIN_TICK)).toBe(MIN_SQRT_PRICE_X96);
    expect(() => getSqrtPriceAtTick(MAX_TICK + 1)).toThrow(/tick 887273 must be/);
  });

  it("finds the tick of a price, and the tick below one unit under it", () => {
    for (const tick of [-887271, -200_000, -1, 0, 1, 60, 256_895, 887_000]) {
      const price = getSqrtPriceAtTick(tick);
      expect(getTickAtSqrtPrice(price)).toBe(tick);
      expect(getTickAtSqrtPrice(price - 1n)).toBe(tick - 1);
    }
  });

  it("finds every tick that the contract finds", () => {
    const price = fc.oneof(
      fc.bigInt({ min: MIN_SQRT_PRICE_X96, max: MAX_SQRT_PRICE_X96 - 1n }),
      fc
        .tuple(fc.integer({ min: MIN_TICK + 1, max: MAX_TICK - 1 }), fc.integer({ min: -3, max: 3 }))
        .map(([tick, units]) => getSqrtPriceAtTick(tick) + BigInt(units)),
      fc
        .integer({ min: MIN_TICK, max: MAX_TICK - 1 })
        .map((tick) => BigInt(Math.floor(1.0001 ** (tick / 2) * 2 ** 96))),
    );
    const inside = price.filter((value) => value >= MIN_SQRT_PRICE_X96 && value < MAX_SQRT_PRICE_X96);
    fc.assert(
      fc.property(inside, (value) => getTickAtSqrtPrice(value) === TickMath.getTickAtSqrtRatio(toBig(value))),
      { numRuns: 2_000 },
    );
    expect(getTickAtSqrtPrice(MAX_SQRT_PRICE_X96 - 1n)).toBe(MAX_TICK - 1);
    expect(getTickAtSqrtPrice(MIN_SQRT_PRICE_X96)).toBe(MIN_TICK);
  });

  it("orients log prices to the numeraire", () => {
    const price = getSqrtPriceAtTick(1000);
    expect(sqrtPriceX96ToLnPrice(price, 1)).toBeCloseTo(tickToLnPrice(1000, 1), 12);
    expect(sqrtPriceX96ToLnPrice(price, 0)).toBeCloseTo(-1000 * Math.log(1.0001), 12);
    for (const numeraire of [0, 1] as const) {
      const back = lnPriceToSqrtPriceX96(sqrtPriceX96ToLnPrice(price, numeraire), numeraire);
      expect(Math.abs(Number(back - price)) / Number(price)).toBeLessThan(1e-14);
    }
  });

  it("never gives liquidity more than the amounts pay for", () => {
    const price = getSqrtPriceAtTick(30) + 12345n;
    for (const [lower, upper] of [
      [-600, 600],
      [60, 600],
      [-600, 0],
    ] as const) {
      const amounts = { amount0: 10n ** 18n, amount1: 3n * 10n ** 17n };
      const liquidity = liquidityForAmounts(price, lower, upper, amounts);
      const needed = amountsForLiquidity(price, lower, upper, liquidity, true);
      expect(needed.amount0 <= amounts.amount0 && needed.amount1 <= amounts.amount1).toBe(true);
      const more = amountsForLiquidity(price, lower, upper, liquidity + liquidity / 10n ** 12n + 2n, true);
      expect(more.amount0 > amounts.amount0 || more.amount1 > amounts.amount1).toBe(true);
    }
  });

  it("amounts and liquidity are those of the SDK, to the unit, in and beside of the range", () => {
    const tick = fc.integer({ min: -400_000, max: 400_000 });
    const width = fc.integer({ min: 1, max: 60_000 });
    const place = fc.integer({ min: -20_000, max: 80_000 });
    const amount = fc.bigInt(0n, 1n << 110n);
    const big = (value: bigint) => toBig(value);
    fc.assert(
      fc.property(tick, width, place, amount, amount, fc.boolean(), (lower, wide, from, one, two, roundUp) => {
        const upper = lower + wide;
        const price = getSqrtPriceAtTick(lower + from) + (from % 3 === 0 ? 0n : one % 1000n);
        const [low, high] = [getSqrtPriceAtTick(lower), getSqrtPriceAtTick(upper)];
        const inside = price < low ? low : price > high ? high : price;
        const amounts = amountsForLiquidity(price, lower, upper, one, roundUp);
        expect([amounts.amount0, amounts.amount1]).toEqual([
          fromBig(SqrtPriceMath.getAmount0Delta(big(inside), big(high), big(one), roundUp)),
          fromBig(SqrtPriceMath.getAmount1Delta(big(low), big(inside), big(one), roundUp)),
        ]);
        const both = [one.toString(), two.toString(), true] as const;
        expect(liquidityForAmounts(price, lower, upper, { amount0: one, amount1: two })).toBe(
          fromBig(maxLiquidityForAmounts(big(price), big(low), big(high), ...both)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("values the same holdings alike from both sides", () => {
    const price = getSqrtPriceAtTick(-200_000);
    const amounts = { amount0: 2n * 10n ** 18n, amount1: 5_000n * 10n ** 6n };
    const in1 = Number(valueInAsset(amounts, price, 1));
    const in0 = Number(valueInAsset(amounts, price, 0));
    expect(in1 / in0 / Math.exp(tickToLnPrice(-200_000, 1))).toBeCloseTo(1, 9);
  });

  it("rounds in the direction of the name", () => {
    expect(mulDivDown(7n, 1n, 2n)).toBe(3n);
    expect(mulDivUp(7n, 1n, 2n)).toBe(4n);
    expect(mulDivDown(-7n, 1n, 2n)).toBe(-4n);
    expect(mulDivUp(6n, 1n, 2n)).toBe(3n);
    expect(floorToSpacing(-1, 60)).toBe(-60);
    expect(ceilToSpacing(-59, 60)).toBe(0);
    expect(ceilToSpacing(61, 60)).toBe(120);
    expect(fromWad(toWad(0.1234))).toBeCloseTo(0.1234, 12);
    expect(() => toWad(Number.NaN)).toThrow(/ratio NaN/);
  });
});
