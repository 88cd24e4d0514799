/** Loads the fast engine: exact.wasm, made of assembly/. One instance serves all pools of a process. */
import { readFileSync } from "node:fs";

/** Addresses in the engine's memory; statuses are 0 = done or an index of revertReasons. */
export interface Engine {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly IO: { readonly value: number };
  readonly SWAP_AMOUNT: { readonly value: number };
  readonly SWAP_LIMIT: { readonly value: number };
  heapBase(): number;
  bytesFor(ticks: number, positions: number, hashSlots: number, observations: number): number;
  layOut(pool: number, ticks: number, positions: number, hashSlots: number, observations: number): number;
  moveInto(to: number, from: number): void;
  initialize(pool: number): number;
  swapOne(pool: number, zeroForOne: boolean): number;
  swapMany(pool: number, orders: number, outcomes: number, count: number): void;
  changePosition(pool: number, key: number, low: bigint, high: bigint, add: boolean, out: number): number;
  collect(pool: number, key: number, amounts: number): number;
  uncollected(pool: number, key: number, amounts: number): void;
  flash(pool: number, paid: number): number;
  collectProtocol(pool: number, amounts: number): number;
  growOracle(pool: number, cardinalityNext: number): void;
  observe(pool: number, secondsAgo: number): number;
  snapshotInside(pool: number, tickLower: number, tickUpper: number): number;
  findTick(pool: number, tick: number): number;
  tickRecordAt(pool: number, index: number): number;
  insertTick(pool: number, tick: number): number;
  findPosition(pool: number, key: number): number;
  insertPosition(pool: number, key: number): number;
}

declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** The contract's reasons by status, and the rule that each stands for. */
export const revertReasons: readonly (readonly [reason: string, rule: string])[] = [
  ["", "done"],
  ["", "a number would not fit, or a tick is not usable"],
  ["AS", "the amount must not be 0"],
  ["SPL", "the price limit must lie on the way from the price, inside the range of v3"],
  ["LOK", "the pool must be initialised"],
  ["TLU", "the lower tick must be below the upper one"],
  ["TLM", "the lower tick must be at least -887272"],
  ["TUM", "the upper tick must be at most 887272"],
  ["LS", "liquidity must not fall below 0"],
  ["LA", "liquidity must fit in 128 bits"],
  ["LO", "liquidity at a tick must stay below its maximum"],
  ["NP", "a position without liquidity has no fees"],
  ["L", "there must be liquidity in range"],
  ["AI", "the pool is initialised already"],
  ["R", "the sqrt price must lie in the range of v3"],
  ["I", "the pool must be initialised"],
  ["OLD", "no observation is as old as is asked for"],
];

function start(): Engine {
  const module = new WebAssembly.Module(readFileSync(new URL("./exact.wasm", import.meta.url)));
  const abort = (_message: number, _file: number, line: number) => {
    throw new Error(`exact.wasm stopped at line ${line} of its source`);
  };
  return new WebAssembly.Instance(module, { env: { abort } }).exports as Engine;
}

export const engine: Engine = start();
