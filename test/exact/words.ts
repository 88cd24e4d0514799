import { keccak256 } from "viem";

/** Grows a run of 32-byte words, as the EVM's ABI lays out numbers of any width. */
export interface WordWriter {
  word(value: bigint | number | boolean): void;
  byte(value: number): void;
  bytes(value: Uint8Array): void;
  /** What was written so far; valid until the next write. */
  written(): Uint8Array;
  clear(): void;
}

const MASK = 0xffffffffffffffffn;

export function wordWriter(): WordWriter {
  let buffer = new Uint8Array(4096);
  let view = new DataView(buffer.buffer);
  let length = 0;
  const reserve = (size: number) => {
    if (length + size <= buffer.length) return;
    const larger = new Uint8Array(2 * (length + size));
    larger.set(buffer);
    buffer = larger;
    view = new DataView(buffer.buffer);
  };
  return {
    word(value) {
      reserve(32);
      const unsigned = BigInt.asUintN(256, BigInt(value));
      view.setBigUint64(length, unsigned >> 192n);
      view.setBigUint64(length + 8, (unsigned >> 128n) & MASK);
      view.setBigUint64(length + 16, (unsigned >> 64n) & MASK);
      view.setBigUint64(length + 24, unsigned & MASK);
      length += 32;
    },
    byte(value) {
      reserve(1);
      buffer[length++] = value;
    },
    bytes(value) {
      reserve(value.length);
      buffer.set(value, length);
      length += value.length;
    },
    written: () => buffer.subarray(0, length),
    clear() {
      length = 0;
    },
  };
}

export const hashOf = (writer: WordWriter): Uint8Array => keccak256(writer.written(), "bytes");
