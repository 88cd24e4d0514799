import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Hex } from "../../types.ts";

/** What assembly/index.ts exports. */
interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly state: { readonly value: number };
  readonly buffer: { readonly value: number };
  begin(): void;
  absorb(blocks: number): void;
}

declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

const BLOCK_BYTES = 136;
/** Blocks that the kernel's buffer holds. */
const MOST_BLOCKS = 240;

let opened: { readonly kernel: Kernel; readonly buffer: Uint8Array; readonly hash: Buffer } | null = null;

function open(): NonNullable<typeof opened> {
  const module = new WebAssembly.Module(readFileSync(join(import.meta.dirname, "keccak.wasm")));
  const kernel = new WebAssembly.Instance(module, {}).exports as Kernel;
  const { buffer } = kernel.memory;
  return {
    kernel,
    buffer: new Uint8Array(buffer, kernel.buffer.value, MOST_BLOCKS * BLOCK_BYTES),
    hash: Buffer.from(buffer, kernel.state.value, 32),
  };
}

/** The hash that viem's function of this name gives, in WebAssembly: a proposal waits for one over its whole decision. */
export function keccak256(bytes: Uint8Array): Hex {
  opened ??= open();
  const { kernel, buffer, hash } = opened;
  kernel.begin();
  let from = 0;
  for (; bytes.length - from >= buffer.length; from += buffer.length) {
    buffer.set(bytes.subarray(from, from + buffer.length));
    kernel.absorb(MOST_BLOCKS);
  }
  const rest = bytes.length - from;
  const blocks = Math.floor(rest / BLOCK_BYTES) + 1;
  const padded = blocks * BLOCK_BYTES;
  buffer.set(from === 0 ? bytes : bytes.subarray(from));
  buffer.fill(0, rest, padded);
  buffer[rest] = 0x01;
  buffer[padded - 1] = (buffer[padded - 1] as number) | 0x80;
  kernel.absorb(blocks);
  return `0x${hash.toString("hex")}`;
}
