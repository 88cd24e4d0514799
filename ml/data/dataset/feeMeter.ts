import { UNLIMITED } from "../../sim/exact/orders.ts";
import type { ExactPool } from "../../sim/exact/types.ts";
import type { Address, Numeraire, Range, RangeQuery } from "../../types.ts";
import { ceilToSpacing, floorToSpacing, LN_TICK, MAX_TICK, MIN_TICK } from "../../units.ts";

/** Owner of the positions that measure. */
const OWNER: Address = "0x00000000000000000000000000000000000fee0e";
/** Part of the liquidity in range that a measuring position has: it dilutes nobody. */
const SHARE = 1_000_000_000n;
const Q128 = 2 ** 128;
const growth = (from: bigint, to: bigint): number => Number(BigInt.asUintN(256, to - from)) / Q128;

/** A position in the pool whose fees are read as it goes. */
export interface MeteredRange {
  /** Where the position really is: on the pool's ticks. */
  readonly offsets: Pick<RangeQuery, "lowerOffset" | "upperOffset">;
  /** Value, per unit of liquidity, of what it earned between the last two refreshes, at a price (ln) of its side. */
  earned(lnPrice: number, flip: boolean): number;
  close(): void;
}

/** Measures what positions earn in an exact pool. */
export interface FeeMeter {
  /** Opens a position now, at a price (ln) of the asked side. */
  open(query: RangeQuery, lnPrice: number, flip: boolean): MeteredRange;
  /** Reads all positions. */
  refresh(): void;
}

interface Held {
  readonly range: Range;
  readonly liquidity: bigint;
  users: number;
  inside0: bigint;
  inside1: bigint;
  /** Per unit of liquidity since the refresh before, token units. */
  fees0: number;
  fees1: number;
}

/** Real positions in `pool`, of a billionth of its liquidity each; equal ranges share one. */
export function createFeeMeter(pool: ExactPool, numeraire: Numeraire): FeeMeter {
  const held = new Map<string, Held>();
  const keyOf = ({ lowerTick, upperTick }: Range) => ({ owner: OWNER, tickLower: lowerTick, tickUpper: upperTick });
  const lowest = ceilToSpacing(MIN_TICK, pool.tickSpacing);
  const highest = floorToSpacing(MAX_TICK, pool.tickSpacing);

  function read(one: Held): void {
    const key = keyOf(one.range);
    pool.burn(key, 0n);
    const { feeGrowthInside0LastX128: inside0, feeGrowthInside1LastX128: inside1 } = pool.position(key);
    one.fees0 = growth(one.inside0, inside0);
    one.fees1 = growth(one.inside1, inside1);
    [one.inside0, one.inside1] = [inside0, inside1];
  }

  function hold(range: Range): Held {
    const name = `${range.lowerTick} ${range.upperTick}`;
    const known = held.get(name);
    if (known !== undefined) {
      known.users++;
      return known;
    }
    const liquidity = pool.liquidity / SHARE + 1n;
    const key = keyOf(range);
    pool.mint(key, liquidity);
    const { feeGrowthInside0LastX128: inside0, feeGrowthInside1LastX128: inside1 } = pool.position(key);
    const one = { range, liquidity, users: 1, inside0, inside1, fees0: 0, fees1: 0 };
    held.set(name, one);
    return one;
  }

  return {
    open({ lowerOffset, upperOffset }, lnPrice, flip) {
      const asset: Numeraire = flip ? (numeraire === 0 ? 1 : 0) : numeraire;
      // Prices of token1 per token0 rise with ticks; with token0 as the asset the price is the inverse.
      const sign = asset === 1 ? 1 : -1;
      const spot = sign * lnPrice;
      const ends = [lowerOffset, upperOffset].map((offset) => (spot + sign * offset) / LN_TICK).sort((a, b) => a - b);
      const nearest = (tick: number): number =>
        Math.max(lowest, Math.min(highest, Math.round(tick / pool.tickSpacing) * pool.tickSpacing));
      const lowerTick = Math.min(nearest(ends[0] ?? 0), highest - pool.tickSpacing);
      const upperTick = Math.max(nearest(ends[1] ?? 0), lowerTick + pool.tickSpacing);
      const one = hold({ lowerTick, upperTick });
      const offsets = [lowerTick, upperTick].map((tick) => sign * (tick * LN_TICK - spot)).sort((a, b) => a - b);
      return {
        offsets: { lowerOffset: offsets[0] ?? 0, upperOffset: offsets[1] ?? 0 },
        earned(lnPriceNow, flipped) {
          const [own, other] = (flipped ? numeraire === 1 : numeraire === 0)
            ? [one.fees0, one.fees1]
            : [one.fees1, one.fees0];
          return own + other * Math.exp(lnPriceNow);
        },
        close() {
          one.users--;
          if (one.users > 0) return;
          pool.burn(keyOf(one.range), one.liquidity);
          pool.collect(keyOf(one.range), UNLIMITED, UNLIMITED);
          held.delete(`${one.range.lowerTick} ${one.range.upperTick}`);
        },
      };
    },
    refresh() {
      for (const one of held.values()) read(one);
    },
  };
}
