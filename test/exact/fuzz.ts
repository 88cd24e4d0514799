import { type Chunk, type CreatePool, countKinds, drawChunk } from "./chunk.ts";
import { type Difference, playInForge } from "./forge.ts";
import type { Kind, Operation } from "./operation.ts";
import type { Progress } from "./progress.ts";

export interface FuzzParameters {
  readonly createPool: CreatePool;
  readonly operations: number;
  readonly seed: number;
  /** Operations of one pool. */
  readonly chunk: number;
  readonly progress: Progress;
}

export interface FuzzReport {
  readonly operations: number;
  readonly pools: number;
  readonly kinds: Readonly<Record<Kind, { done: number; reverted: number }>>;
  readonly difference: (Difference & { readonly played: Operation | null }) | null;
}

/** Operations of one run of forge: what fits in memory while the next ones are drawn. */
const RUN_OPERATIONS = 50_000;

/** Draws operations, plays them in the engine, and holds the real bytecode inside forge to every hash. */
export async function fuzz({ createPool, operations, seed, chunk, progress }: FuzzParameters): Promise<FuzzReport> {
  const pools = Math.ceil(operations / chunk);
  const perRun = Math.max(1, Math.floor(RUN_OPERATIONS / chunk));
  const kinds = countKinds([]);
  let [drawn, played, first] = [0, 0, 0];
  let running: Promise<Difference | null> = Promise.resolve(null);
  let chunks: Chunk[] = [];
  const settle = async () => {
    const difference = await running;
    if (difference === null) {
      played = drawn;
      progress.at(played, "operations equal");
      return null;
    }
    const where = { ...difference, chunk: difference.chunk + first };
    return { ...where, played: chunks[difference.chunk]?.operations[difference.operation] ?? null };
  };
  for (let begin = 0; begin < pools; begin += perRun) {
    const next: Chunk[] = [];
    for (let index = begin; index < Math.min(begin + perRun, pools); index++) {
      next.push(drawChunk({ createPool, seed, index, operations: Math.min(chunk, operations - index * chunk) }));
    }
    // The next operations are drawn while forge plays the last ones.
    const difference = await settle();
    if (difference) return { operations: played, pools: begin, kinds, difference };
    chunks = next;
    first = begin;
    for (const [kind, { done, reverted }] of Object.entries(countKinds(next))) {
      kinds[kind as Kind].done += done;
      kinds[kind as Kind].reverted += reverted;
    }
    drawn += next.reduce((sum, { operations: all }) => sum + all.length, 0);
    running = playInForge(next);
  }
  const difference = await settle();
  return { operations: played, pools, kinds, difference };
}
