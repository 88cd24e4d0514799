import type { ByteReader, ByteWriter } from "./bytes.ts";

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const limbs = new DataView(new ArrayBuffer(40));
const limbBytes = new Uint8Array(limbs.buffer);
/** Sizes reach 39 bytes; a longer number is no number of a pool. */
const LIMIT = 1n << 312n;

/** Whether a whole number fits the column type `bigint`: below 2^312 in size. */
export const fitsColumn = (value: bigint): boolean => value < LIMIT && value > -LIMIT;

/**
 * Writes whole numbers of any sign: first one byte per number (bit 7 = negative, the rest = how many bytes follow), then
 * all their bytes, lowest first. Kept apart because the first part compresses and the second hardly does.
 */
export function writeBigints(out: ByteWriter, payload: ByteWriter, values: readonly bigint[]): void {
  for (const value of values) {
    const negative = value < 0n;
    let size = negative ? -value : value;
    let length = 0;
    if (size <= SAFE) {
      for (let rest = Number(size); rest > 0; rest = Math.floor(rest / 256)) limbBytes[length++] = rest % 256;
    } else {
      while (size > 0n) {
        limbs.setBigUint64(length, BigInt.asUintN(64, size), true);
        size >>= 64n;
        length += 8;
      }
      while (limbBytes[length - 1] === 0) length--;
    }
    out.byte(length | (negative ? 0x80 : 0));
    payload.put(limbBytes.subarray(0, length));
  }
}

/** The inverse of `writeBigints`. */
export function readBigints(input: ByteReader, count: number): bigint[] {
  const heads = input.take(count);
  const { bytes } = input;
  let { at } = input;
  const values: bigint[] = new Array(count);
  for (let i = 0; i < count; i++) {
    const head = heads[i] ?? 0;
    const length = head & 0x7f;
    if (length > limbBytes.length || at + length > bytes.length) throw new RangeError("the bytes end early");
    let value: bigint;
    if (length <= 6) {
      let small = 0;
      for (let k = at + length - 1; k >= at; k--) small = small * 256 + (bytes[k] ?? 0);
      value = BigInt(small);
    } else {
      limbBytes.fill(0);
      for (let k = 0; k < length; k++) limbBytes[k] = bytes[at + k] ?? 0;
      const top = (length - 1) >> 3;
      value = limbs.getBigUint64(top * 8, true);
      for (let k = top - 1; k >= 0; k--) value = (value << 64n) | limbs.getBigUint64(k * 8, true);
    }
    at += length;
    values[i] = head & 0x80 ? -value : value;
  }
  input.at = at;
  return values;
}
