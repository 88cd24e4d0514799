import type { Hex } from "../../ml/types.ts";
import { startProofChain } from "./anvil.ts";
import { type CreatePool, drawChunk } from "./chunk.ts";
import { type DifferentWord, differentWords } from "./difference.ts";
import type { Operation } from "./operation.ts";
import type { Progress } from "./progress.ts";

export interface AnvilFuzzParameters {
  readonly createPool: CreatePool;
  readonly operations: number;
  readonly seed: number;
  /** Operations of one pool. */
  readonly chunk: number;
  /** Operations between two comparisons. */
  readonly batch: number;
  readonly progress: Progress;
}

export interface AnvilReport {
  /** Equal so far. */
  readonly operations: number;
  readonly pools: number;
  readonly batch: number;
  readonly difference: {
    readonly chunk: number;
    readonly operation: number;
    readonly played: Operation | null;
    /** A byte for success, then what the call returned. */
    readonly answered: { readonly engine: Hex; readonly real: Hex };
    readonly words: readonly DifferentWord[];
  } | null;
}

/** A block takes anvil longer than an operation: most share one with the operation before. */
const SAME_BLOCK = 0.98;

/** Draws operations, plays them in the engine and on anvil, and compares the running hash after every batch. */
export async function fuzzOnAnvil(parameters: AnvilFuzzParameters): Promise<AnvilReport> {
  const { createPool, operations, seed, chunk: size, batch, progress } = parameters;
  const chain = await startProofChain();
  const pools = Math.ceil(operations / size);
  let done = 0;
  try {
    for (let index = 0; index < pools; index++) {
      const count = Math.min(size, operations - index * size);
      const chunk = drawChunk({ createPool, seed, index, operations: count, sameBlock: SAME_BLOCK });
      const found = await chain.play(chunk, batch, (played) => {
        done += played;
        progress.at(done, "operations equal");
      });
      if (found === null) continue;
      const { operation, real } = found;
      const { answer, words } = differentWords(createPool, chunk, operation, real);
      const difference = {
        chunk: index,
        operation,
        played: chunk.operations[operation] ?? null,
        answered: { engine: answer, real: real.answer },
        words,
      };
      return { operations: done, pools: index, batch, difference };
    }
    return { operations: done, pools, batch, difference: null };
  } finally {
    await chain.stop();
  }
}
