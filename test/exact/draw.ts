import { seededRandom } from "../../ml/random.ts";

/** Draws for the generator of operations, all from one seed. */
export interface Draw {
  /** Uniform in [0, 1). */
  unit(): number;
  chance(probability: number): boolean;
  /** Whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number;
  pick<Item>(items: readonly Item[]): Item;
  /** Uniform in [0, 2^bits). */
  bits(bits: number): bigint;
  /** Any size up to `bits` bits, small ones as likely as large ones. */
  anySize(bits: number): bigint;
}

export function createDraw(seed: number): Draw {
  const unit = seededRandom(seed);
  const integer = (low: number, high: number) => low + Math.floor(unit() * (high - low + 1));
  const bits = (count: number): bigint => {
    let value = 0n;
    for (let got = 0; got < count; got += 32) value = (value << 32n) | BigInt(Math.floor(unit() * 2 ** 32));
    return BigInt.asUintN(count, value);
  };
  return {
    unit,
    integer,
    bits,
    chance: (probability) => unit() < probability,
    pick: (items) => items[integer(0, items.length - 1)] as (typeof items)[number],
    anySize: (count) => bits(integer(0, count)),
  };
}
