import { InvalidInputError } from "../../errors.ts";
import { openRegion, type Region, reserve, words } from "./memory.ts";
import type { SwapOrder, SwapOutcome } from "./types.ts";
import { engine, revertReasons } from "./wasm.ts";

/** A swap to be done at a block time, unix seconds; without one, at that of the swap before. */
export interface TimedOrder extends SwapOrder {
  readonly timestamp?: number;
}

const ORDER_WORDS = 6;
const OUTCOME_WORDS = 14;
const CHUNK = 1024;
const ordersAt = reserve(CHUNK * ORDER_WORDS * 8);
const outcomesAt = reserve(CHUNK * OUTCOME_WORDS * 8);

const MAX_INT128 = (1n << 127n) - 1n;
const MAX_UINT160 = (1n << 160n) - 1n;

/** Orders for swapMany. Amounts must fit in 128 bits with their sign. */
export function packOrders(orders: readonly TimedOrder[]): BigUint64Array {
  const packed = new BigUint64Array(orders.length * ORDER_WORDS);
  orders.forEach((order, i) => {
    const { zeroForOne, amountSpecified, sqrtPriceLimitX96, timestamp = 0 } = order;
    if (amountSpecified > MAX_INT128 || amountSpecified < -MAX_INT128 - 1n) {
      throw new InvalidInputError(
        `orders[${i}].amountSpecified is ${amountSpecified}, but it must fit in 128 bits with its sign`,
      );
    }
    if (sqrtPriceLimitX96 < 0n || sqrtPriceLimitX96 > MAX_UINT160) {
      throw new InvalidInputError(
        `orders[${i}].sqrtPriceLimitX96 is ${sqrtPriceLimitX96}, but it must fit in 160 bits`,
      );
    }
    const at = i * ORDER_WORDS;
    packed[at] = (BigInt(timestamp >>> 0) << 32n) | (zeroForOne ? 1n : 0n);
    packed[at + 1] = amountSpecified;
    packed[at + 2] = amountSpecified >> 64n;
    packed[at + 3] = sqrtPriceLimitX96;
    packed[at + 4] = sqrtPriceLimitX96 >> 64n;
    packed[at + 5] = sqrtPriceLimitX96 >> 128n;
  });
  return packed;
}

/** What became of packed orders; read with outcomeOf. */
export type PackedOutcomes = BigUint64Array;

/** Swaps packed orders one after the other; one that the pool reverts changes nothing and the next goes on. */
export function swapPacked(region: Region, orders: BigUint64Array): PackedOutcomes {
  const count = orders.length / ORDER_WORDS;
  const outcomes = new BigUint64Array(count * OUTCOME_WORDS);
  const base = openRegion(region);
  for (let start = 0; start < count; start += CHUNK) {
    const many = Math.min(CHUNK, count - start);
    words.set(orders.subarray(start * ORDER_WORDS, (start + many) * ORDER_WORDS), ordersAt >>> 3);
    engine.swapMany(base, ordersAt, outcomesAt, many);
    const from = outcomesAt >>> 3;
    outcomes.set(words.subarray(from, from + many * OUTCOME_WORDS), start * OUTCOME_WORDS);
  }
  return outcomes;
}

/** The i-th outcome; `revert` is the contract's reason where it reverted, null where the swap was done. */
export function outcomeOf(outcomes: PackedOutcomes, i: number): SwapOutcome & { readonly revert: string | null } {
  const word = (j: number) => outcomes[i * OUTCOME_WORDS + j] ?? 0n;
  const wide = (j: number, limbs: number) => {
    let value = 0n;
    for (let limb = limbs - 1; limb >= 0; limb--) value = (value << 64n) | word(j + limb);
    return value;
  };
  const status = Number(word(13) >> 32n);
  return {
    amount0: BigInt.asIntN(256, wide(0, 4)),
    amount1: BigInt.asIntN(256, wide(4, 4)),
    sqrtPriceX96: wide(8, 3),
    liquidity: wide(11, 2),
    tick: Number(BigInt.asIntN(32, word(13))),
    revert: status === 0 ? null : (revertReasons[status]?.[0] ?? ""),
  };
}
