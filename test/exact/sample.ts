/** Writes the committed sample that a bare `forge test` plays: `npx tsx test/exact/sample.ts`. */
import { fileURLToPath } from "node:url";
import { createReferencePool } from "../../ml/sim/exact/reference.ts";
import { type Chunk, drawChunk } from "./chunk.ts";
import { writeChunks } from "./forge.ts";

export const SAMPLE_FOLDER = fileURLToPath(new URL("./sample", import.meta.url));

export const sampleChunks = (): Chunk[] =>
  [0, 1, 2, 3].map((index) => drawChunk({ createPool: createReferencePool, seed: 2021, index, operations: 150 }));

if (process.argv[1] === fileURLToPath(import.meta.url)) writeChunks(SAMPLE_FOLDER, sampleChunks());
