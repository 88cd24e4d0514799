import type { ExactPool } from "../../ml/sim/exact/types.ts";
import type { CreatePool } from "./chunk.ts";

/**
 * An engine with one bug: from the `after`-th swap on, each swap that pays an output exactly asked for is charged one
 * unit too little, as when its fee is rounded down. Shows that the comparison finds what it should find.
 */
export const withFeeRoundedDown =
  (createPool: CreatePool, after: number): CreatePool =>
  (start) => {
    let swaps = 0;
    return faulty(createPool(start), () => ++swaps > after);
  };

function faulty(pool: ExactPool, broken: () => boolean): ExactPool {
  const methods: Partial<ExactPool> = {
    swap(order) {
      const outcome = pool.swap(order);
      if (!broken() || order.amountSpecified > 0n) return outcome;
      const amount0 = outcome.amount0 > 0n ? outcome.amount0 - 1n : outcome.amount0;
      const amount1 = outcome.amount1 > 0n ? outcome.amount1 - 1n : outcome.amount1;
      return { ...outcome, amount0, amount1 };
    },
  };
  return new Proxy(pool, {
    get: (target, name) => Reflect.get(name in methods ? methods : target, name),
  });
}
