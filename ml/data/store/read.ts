import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { DataFileError } from "../file.ts";
import { decodeChunk } from "./chunk.ts";
import type { Cell } from "./columns.ts";
import { type Manifest, type ManifestChunk, readManifest } from "./manifest.ts";

/** Rows of one chunk, one array per column of the manifest; `firstRow` counts from 0 over the dataset. */
export interface Batch {
  readonly firstRow: number;
  readonly rows: number;
  readonly cells: readonly Cell[][];
}

export interface ReadBatchesParameters {
  /** Only chunks that touch these times (unix seconds, both included); rows are not filtered inside a chunk. */
  readonly fromTime?: number | undefined;
  readonly toTime?: number | undefined;
  readonly fromBlock?: number | undefined;
  readonly toBlock?: number | undefined;
  /** Columns to decode; the others come empty. */
  readonly columns?: ReadonlySet<string> | undefined;
}

/** Reads a dataset chunk by chunk, in order; one chunk is in memory at a time. Each is held against its checksum. */
export function* readBatches(folder: string, parameters: ReadBatchesParameters = {}): Generator<Batch> {
  const manifest = readManifest(folder);
  let firstRow = 0;
  for (const chunk of manifest.chunks) {
    if (touches(chunk, parameters)) {
      const cells = readChunk(folder, manifest, chunk, parameters.columns);
      yield { firstRow, rows: chunk.rows, cells };
    }
    firstRow += chunk.rows;
  }
}

function touches(chunk: ManifestChunk, wanted: ReadBatchesParameters): boolean {
  const outside = (from: number | null, to: number | null, low = -Infinity, high = Infinity): boolean =>
    from !== null && to !== null && (to < low || from > high);
  return !(
    outside(chunk.fromTime, chunk.toTime, wanted.fromTime, wanted.toTime) ||
    outside(chunk.fromBlock, chunk.toBlock, wanted.fromBlock, wanted.toBlock)
  );
}

/** The cells of one chunk. */
export function readChunk(
  folder: string,
  manifest: Manifest,
  chunk: ManifestChunk,
  columns?: ReadonlySet<string>,
): Cell[][] {
  const path = join(folder, chunk.file);
  const fail = (what: string, cause?: unknown): never => {
    throw new DataFileError(`chunk ${basename(folder)}/${chunk.file} ${what}`, { cause, details: { file: path } });
  };
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    return fail(`cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
  }
  if (bytes.length !== chunk.bytes) fail(`has ${bytes.length} bytes, but the manifest says ${chunk.bytes}`);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 !== chunk.sha256) fail("is damaged: its sha256 is not the manifest's");
  try {
    return decodeChunk(manifest.columns, bytes, columns);
  } catch (cause) {
    return fail(`cannot be decoded: ${(cause as Error).message}`, cause);
  }
}
