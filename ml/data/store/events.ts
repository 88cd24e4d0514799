import { join } from "node:path";
import { InvalidInputError } from "../../errors.ts";
import { DataFileError } from "../file.ts";
import { createEventEncoder, decodeEvents, EVENT_COLUMNS } from "./eventRows.ts";
import type { StoredEvent } from "./eventTypes.ts";
import { emptyManifest, MANIFEST, type Manifest, readManifest } from "./manifest.ts";
import { readBatches } from "./read.ts";
import { CHUNK_ROWS, openWriter } from "./write.ts";

export interface EventWriter {
  readonly rows: number;
  append(event: StoredEvent): void;
  commit(changes?: Partial<Manifest>): Manifest;
  /** Forgets every event after the end of this block; only right after opening or a commit. */
  rollBack(block: number): void;
}

export interface OpenEventWriterParameters {
  readonly manifest: Pick<Manifest, "name"> & Partial<Manifest>;
  readonly chunkRows?: number;
  readonly resume?: boolean;
}

/** Writes pool events, in their order, into a dataset folder. */
export function openEventWriter(folder: string, parameters: OpenEventWriterParameters): EventWriter {
  const { chunkRows = CHUNK_ROWS, resume = false } = parameters;
  const manifest = emptyManifest({
    ...parameters.manifest,
    kind: "events",
    columns: [...EVENT_COLUMNS],
    timeColumn: "timestamp",
  });
  const writer = openWriter(folder, { manifest, chunkRows, resume });
  const feePips = manifest.pool?.feePips ?? 0;
  let encode = createEventEncoder(feePips);
  let fresh = false;
  if (writer.rows % chunkRows !== 0) relearn();

  /** After going on with a chunk that others began, the encoder must know what they knew. */
  function relearn(): void {
    encode = createEventEncoder(feePips);
    fresh = true;
    const stored = readManifest(folder);
    const first = Math.floor(writer.rows / chunkRows) * chunkRows;
    for (const batch of readBatches(folder)) {
      if (batch.firstRow + batch.rows <= first || batch.firstRow >= writer.rows) continue;
      const events = decodeEvents(batch.cells, batch.rows, stored.pool?.feePips ?? 0);
      for (
        let row = Math.max(0, first - batch.firstRow);
        row < batch.rows && batch.firstRow + row < writer.rows;
        row++
      ) {
        encode(events[row] as StoredEvent, fresh);
        fresh = false;
      }
    }
  }

  return {
    get rows() {
      return writer.rows;
    },
    append(event) {
      writer.append(encode(event, writer.rows % chunkRows === 0));
    },
    commit: (changes) => writer.commit(changes),
    rollBack(block) {
      let rows = 0;
      for (const { firstRow, cells } of readBatches(folder, { columns: new Set(["block"]) })) {
        const blocks = cells[0] ?? [];
        const cut = blocks.findIndex((value) => (value as number) > block);
        rows = firstRow + (cut < 0 ? blocks.length : cut);
        if (cut >= 0) break;
      }
      writer.truncate(rows);
      if (rows % chunkRows !== 0) relearn();
    },
  };
}

export interface TimeSpan {
  /** Unix seconds, included; absent = from the first. */
  readonly fromTimestamp?: number | undefined;
  /** Unix seconds, included; absent = to the last. */
  readonly toTimestamp?: number | undefined;
}

/** Reads the events of a dataset folder in order, one chunk at a time. */
export function* readStoredEvents(
  folder: string,
  { fromTimestamp, toTimestamp }: TimeSpan = {},
): Generator<StoredEvent[]> {
  const manifest = readManifest(folder);
  if (manifest.kind !== "events") {
    throw new InvalidInputError(`dataset ${manifest.name} must hold events, but it holds ${manifest.kind}`);
  }
  const feePips = manifest.pool?.feePips ?? 0;
  const [from, to] = [fromTimestamp ?? -Infinity, toTimestamp ?? Infinity];
  for (const { cells, rows, firstRow } of readBatches(folder, { fromTime: from, toTime: to })) {
    let events: StoredEvent[];
    try {
      events = decodeEvents(cells, rows, feePips);
    } catch (cause) {
      const file = join(folder, MANIFEST);
      throw new DataFileError(`dataset ${manifest.name} row ${firstRow + 1}: ${(cause as Error).message}`, {
        cause,
        details: { file },
      });
    }
    const whole = (events[0]?.timestamp ?? to) >= from && (events.at(-1)?.timestamp ?? from) <= to;
    const inside = whole ? events : events.filter(({ timestamp }) => timestamp >= from && timestamp <= to);
    if (inside.length > 0) yield inside;
  }
}
