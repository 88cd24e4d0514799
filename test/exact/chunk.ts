import { encodeAbiParameters, parseAbiParameters } from "viem";
import type { PoolState } from "../../ml/data/state.ts";
import { derivedSeed } from "../../ml/random.ts";
import type { ExactPool } from "../../ml/sim/exact/types.ts";
import type { Hex } from "../../ml/types.ts";
import { poolStorage } from "../../rebalancer/cli/demo/market/poolStorage.ts";
import { createDraw } from "./draw.ts";
import { operationGenerator } from "./generator.ts";
import { KINDS, type Kind, type Operation, packOperation } from "./operation.ts";
import { drawScenario } from "./scenario.ts";
import { hashEverything, stateHasher } from "./stateHash.ts";
import { wordWriter } from "./words.ts";

export type CreatePool = (start: PoolState | { feePips: number; tickSpacing: number }) => ExactPool;

/** One pool's life: its operations, and the running hash that the engine has after each. */
export interface Chunk {
  readonly feePips: number;
  readonly tickSpacing: number;
  readonly start: PoolState | null;
  readonly ticks: readonly number[];
  readonly operations: readonly Operation[];
  readonly succeeded: readonly boolean[];
  readonly hashes: readonly Uint8Array[];
  /** Ranges and owners to compare at the end. */
  readonly positions: readonly Operation[];
  readonly everything: Uint8Array;
}

export interface DrawChunkParameters {
  readonly createPool: CreatePool;
  readonly seed: number;
  /** Which chunk of the seed. */
  readonly index: number;
  readonly operations: number;
  /** Chance that an operation comes in the block of the one before. */
  readonly sameBlock?: number;
}

/** Draws a chunk and plays it in the engine. The same seed gives the same chunk as long as the engine is exact. */
export function drawChunk({ createPool, seed, index, operations, sameBlock = 0.45 }: DrawChunkParameters): Chunk {
  const draw = createDraw(derivedSeed(seed, `chunk ${index}`));
  const scenario = { ...drawScenario(draw), sameBlock };
  const { feePips, tickSpacing, start, ticks } = scenario;
  const pool = createPool(start ?? { feePips, tickSpacing });
  const generator = operationGenerator(draw, scenario, pool);
  return playChunk(pool, { feePips, tickSpacing, start, ticks }, operations, generator);
}

/** Plays operations in the engine and keeps what the real pool will be compared with. */
export function playChunk(
  pool: ExactPool,
  setting: Pick<Chunk, "feePips" | "tickSpacing" | "start" | "ticks">,
  count: number,
  source: { next(): Operation; positions(): readonly Operation[] },
): Chunk {
  const hasher = stateHasher(pool, setting.ticks);
  const operations: Operation[] = [];
  const hashes: Uint8Array[] = [];
  const succeeded: boolean[] = [];
  for (let i = 0; i < count; i++) {
    const operation = source.next();
    operations.push(operation);
    hashes.push(hasher.play(operation));
    succeeded.push(hasher.succeeded);
  }
  const positions = source.positions();
  const everything = hashEverything(pool, setting.ticks, positions);
  return { ...setting, operations, succeeded, hashes, positions, everything };
}

/** How many operations of each kind there were, and how many of them reverted. */
export function countKinds(chunks: readonly Pick<Chunk, "operations" | "succeeded">[]) {
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, { done: 0, reverted: 0 }])) as Record<
    Kind,
    { done: number; reverted: number }
  >;
  for (const { operations, succeeded } of chunks) {
    operations.forEach(({ kind }, i) => {
      counts[kind][succeeded[i] ? "done" : "reverted"]++;
    });
  }
  return counts;
}

const OPERATION =
  "(uint8 kind, uint8 owner, bool zeroForOne, int24 lower, int24 upper, uint40 time, uint256 a, uint256 b)";
const CHUNK = parseAbiParameters([
  "Chunk chunk",
  "struct Chunk { uint24 feePips; int24 tickSpacing; bytes32[] slots; bytes32[] values; int24[] ticks; Operation[] positions; bytes operations; bytes expected; }",
  `struct Operation ${OPERATION.replace("(", "{ ").replace(")", "; }").replaceAll(",", ";")}`,
]);

/** A chunk as the forge test reads it: eight bytes of each hash. */
export function encodeChunk(chunk: Chunk): Hex {
  const writes = chunk.start === null ? [] : poolStorage(chunk.start);
  return encodeAbiParameters(CHUNK, [
    {
      feePips: chunk.feePips,
      tickSpacing: chunk.tickSpacing,
      slots: writes.map(({ slot }) => slot),
      values: writes.map(({ value }) => value),
      ticks: chunk.ticks,
      positions: chunk.positions.map(driverOperation),
      operations: packOperations(chunk.operations),
      expected: toHex([...chunk.hashes, chunk.everything].map((hash) => hash.subarray(0, 8))),
    },
  ]);
}

/** An operation as a struct of the driver. */
export const driverOperation = ({ kind, owner, zeroForOne, tickLower, tickUpper, time, a, b }: Operation) => ({
  kind: KINDS.indexOf(kind),
  owner,
  zeroForOne,
  lower: tickLower,
  upper: tickUpper,
  time,
  a: BigInt.asUintN(256, a),
  b,
});

export function packOperations(operations: readonly Operation[]): Hex {
  const writer = wordWriter();
  for (const operation of operations) packOperation(writer, operation);
  return toHex([writer.written()]);
}

const toHex = (parts: readonly Uint8Array[]): Hex => `0x${Buffer.concat(parts).toString("hex")}`;
