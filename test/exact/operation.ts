import { type ExactPool, PoolRevertError } from "../../ml/sim/exact/types.ts";
import type { Address } from "../../ml/types.ts";
import type { WordWriter } from "./words.ts";

/** In the order of the driver's enum. */
export const KINDS = [
  "initialize",
  "swap",
  "mint",
  "burn",
  "collect",
  "flash",
  "setFeeProtocol",
  "collectProtocol",
  "increaseObservationCardinalityNext",
  "observe",
  "snapshotCumulativesInside",
] as const;

export type Kind = (typeof KINDS)[number];

/** One thing to do to a pool; `a` and `b` are its arguments, fields that a kind does not use are 0. */
export interface Operation {
  readonly kind: Kind;
  /** Unix seconds of the block. */
  readonly time: number;
  /** Index into OWNERS. */
  readonly owner: number;
  readonly zeroForOne: boolean;
  readonly tickLower: number;
  readonly tickUpper: number;
  readonly a: bigint;
  readonly b: bigint;
}

/** Stand for the driver's four holders of positions. */
export const OWNERS: readonly Address[] = [1, 2, 3, 4].map((i) => `0x${i.toString(16).padStart(40, "0")}` as Address);

export const ownerOf = ({ owner }: Operation): Address => OWNERS[owner] ?? "0x";

export const positionKeyOf = (operation: Operation) => ({
  owner: ownerOf(operation),
  tickLower: operation.tickLower,
  tickUpper: operation.tickUpper,
});

const int24 = (tick: number): bigint => BigInt.asUintN(24, BigInt(tick));

/** Three words, as the driver unpacks them. */
export function packOperation(writer: WordWriter, operation: Operation): void {
  const { kind, owner, zeroForOne, tickLower, tickUpper, time, a, b } = operation;
  writer.word(
    BigInt(KINDS.indexOf(kind)) |
      (BigInt(owner) << 8n) |
      (BigInt(zeroForOne) << 16n) |
      (int24(tickLower) << 24n) |
      (int24(tickUpper) << 48n) |
      (BigInt(time) << 72n),
  );
  writer.word(a);
  writer.word(b);
}

/** Does an operation and writes what the contract's call answers: a byte for success, then the returned data. */
export function playOperation(pool: ExactPool, operation: Operation, answer: WordWriter): boolean {
  pool.setTime(operation.time);
  try {
    const values = carryOut(pool, operation);
    answer.byte(1);
    for (const value of values) answer.word(value);
    return true;
  } catch (error) {
    if (!(error instanceof PoolRevertError)) throw error;
    answer.byte(0);
    if (error.reason !== "") writeError(answer, error.reason);
    return false;
  }
}

function carryOut(pool: ExactPool, operation: Operation): readonly (bigint | number)[] {
  const { kind, zeroForOne, tickLower, tickUpper, a, b } = operation;
  const both = ({ amount0, amount1 }: { amount0: bigint; amount1: bigint }) => [amount0, amount1];
  switch (kind) {
    case "initialize":
      pool.initialize(a);
      return [];
    case "swap":
      return both(pool.swap({ zeroForOne, amountSpecified: a, sqrtPriceLimitX96: b }));
    case "mint":
      return both(pool.mint(positionKeyOf(operation), a));
    case "burn":
      return both(pool.burn(positionKeyOf(operation), a));
    case "collect":
      return both(pool.collect(positionKeyOf(operation), a, b));
    case "flash":
      pool.flash(a, b);
      return [];
    case "setFeeProtocol":
      pool.setFeeProtocol(Number(a), Number(b));
      return [];
    case "collectProtocol":
      return both(pool.collectProtocol(a, b));
    case "increaseObservationCardinalityNext":
      pool.increaseObservationCardinalityNext(Number(a));
      return [];
    case "observe": {
      const seen = pool.observe([Number(a), Number(b)]);
      const [ticks, seconds] = [seen.tickCumulatives, seen.secondsPerLiquidityCumulativeX128s];
      // Two dynamic arrays of two words each: their offsets, then each with its length.
      return [64n, 160n, 2n, ...ticks, 2n, ...seconds];
    }
    case "snapshotCumulativesInside": {
      const inside = pool.snapshotCumulativesInside(tickLower, tickUpper);
      return [inside.tickCumulativeInside, inside.secondsPerLiquidityInsideX128, inside.secondsInside];
    }
  }
}

/** Solidity's Error(string). */
function writeError(answer: WordWriter, reason: string): void {
  answer.bytes(new Uint8Array([0x08, 0xc3, 0x79, 0xa0]));
  answer.word(32n);
  answer.word(reason.length);
  const padded = new Uint8Array(32);
  padded.set(new TextEncoder().encode(reason));
  answer.bytes(padded);
}
