import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { encodeChunk } from "./chunk.ts";
import type { Cell } from "./columns.ts";
import {
  isDataset,
  MANIFEST,
  type Manifest,
  type ManifestChunk,
  readManifest,
  writeDurably,
  writeManifest,
} from "./manifest.ts";
import { readChunk } from "./read.ts";

/** Rows of every chunk but the last. */
export const CHUNK_ROWS = 32_768;

export interface DatasetWriter {
  /** Rows so far, those not yet committed included. */
  readonly rows: number;
  /** Adds one row, a cell per column. Full chunks go to disk at once, where no reader looks before `commit`. */
  append(row: readonly Cell[]): void;
  /** Makes everything so far visible in one step, with changes to the manifest. */
  commit(changes?: Partial<Manifest>): Manifest;
  /** Forgets all rows from this one on; takes effect with the next `commit`. */
  truncate(rows: number): void;
}

export interface OpenWriterParameters {
  /** What the dataset is; ignored where the folder already holds one that is gone on with. */
  readonly manifest: Manifest;
  readonly chunkRows?: number;
  /** Go on with the dataset in the folder instead of beginning a new one. */
  readonly resume?: boolean;
}

/**
 * Writes a dataset into a folder of its own. A chunk is a file; the manifest names those that count and is replaced in a
 * single step, so whoever reads sees the last commit, whatever interrupted the writer. The same rows give the same files
 * whenever they were committed: a chunk that is not full is written anew when rows are added to it.
 */
export function openWriter(
  folder: string,
  { manifest: fresh, chunkRows = CHUNK_ROWS, resume = false }: OpenWriterParameters,
): DatasetWriter {
  mkdirSync(folder, { recursive: true });
  let manifest = resume && isDataset(folder) ? readManifest(folder) : fresh;
  const { columns } = manifest;
  const blockIndex = columns.findIndex(({ name }) => name === "block");
  const timeIndex = columns.findIndex(({ name }) => name === manifest.timeColumn);
  let chunks: ManifestChunk[] = [];
  let kept = 0;
  let pending: Cell[][] = columns.map(() => []);
  let pendingRows = 0;
  load(manifest.chunks, manifest.rows);
  sweep();

  /** Takes full chunks as they are and the rest back into memory. */
  function load(from: readonly ManifestChunk[], rows: number): void {
    chunks = [];
    kept = 0;
    pending = columns.map(() => []);
    pendingRows = 0;
    for (const chunk of from) {
      if (kept + chunk.rows <= rows && chunk.rows === chunkRows) {
        chunks.push(chunk);
        kept += chunk.rows;
        continue;
      }
      pendingRows = Math.min(chunk.rows, rows - kept);
      if (pendingRows > 0) pending = readChunk(folder, manifest, chunk).map((cells) => cells.slice(0, pendingRows));
      break;
    }
  }

  /** Removes files that no manifest names: what a killed writer left. */
  function sweep(): void {
    const named = new Set(isDataset(folder) ? [MANIFEST, ...readManifest(folder).chunks.map(({ file }) => file)] : []);
    for (const { file } of chunks) named.add(file);
    for (const file of readdirSync(folder)) {
      if (!named.has(file) && (file.endsWith(".chunk") || file === `${MANIFEST}.new`)) rmSync(join(folder, file));
    }
  }

  function writePending(): ManifestChunk {
    const bytes = encodeChunk(columns, pending);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const file = `${String(chunks.length).padStart(6, "0")}-${sha256.slice(0, 12)}.chunk`;
    writeDurably(join(folder, file), bytes);
    const [fromBlock, toBlock] = extent(blockIndex);
    const [fromTime, toTime] = extent(timeIndex);
    return { file, rows: pendingRows, bytes: bytes.length, sha256, fromBlock, toBlock, fromTime, toTime };
  }

  function extent(index: number): [number | null, number | null] {
    let [low, high] = [Infinity, -Infinity];
    for (const cell of pending[index] ?? []) {
      if (typeof cell !== "number" || Number.isNaN(cell)) continue;
      if (cell < low) low = cell;
      if (cell > high) high = cell;
    }
    return low > high ? [null, null] : [low, high];
  }

  return {
    get rows() {
      return kept + pendingRows;
    },
    append(row) {
      for (let i = 0; i < pending.length; i++) (pending[i] as Cell[]).push(row[i] ?? null);
      if (++pendingRows < chunkRows) return;
      chunks.push(writePending());
      kept += pendingRows;
      pending = columns.map(() => []);
      pendingRows = 0;
    },
    commit(changes = {}) {
      const all = pendingRows > 0 ? [...chunks, writePending()] : [...chunks];
      manifest = { ...manifest, ...changes, rows: kept + pendingRows, chunks: all };
      writeManifest(folder, manifest);
      sweep();
      return manifest;
    },
    truncate(rows) {
      if (rows >= kept) {
        pending = pending.map((cells) => cells.slice(0, rows - kept));
        pendingRows = Math.min(pendingRows, rows - kept);
        return;
      }
      load(chunks, rows);
    },
  };
}
