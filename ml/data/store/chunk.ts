import { type Cell, type Column, decodeColumn, encodeColumn } from "./columns.ts";

/** Rows of a dataset as one array per column, in the order of its columns. */
export type ColumnCells = readonly (readonly Cell[])[];

const MAGIC = Buffer.from("RKC1", "latin1");

/**
 * A chunk file: "RKC1", the number of rows and of columns, the compressed length of each column (all 32-bit, lowest byte
 * first), then the columns themselves.
 */
export function encodeChunk(columns: readonly Column[], cells: ColumnCells): Buffer {
  const bodies = columns.map(({ type }, i) => encodeColumn(type, cells[i] ?? []));
  const head = Buffer.alloc(12 + 4 * columns.length);
  MAGIC.copy(head);
  head.writeUInt32LE(cells[0]?.length ?? 0, 4);
  head.writeUInt32LE(columns.length, 8);
  bodies.forEach((body, i) => {
    head.writeUInt32LE(body.length, 12 + 4 * i);
  });
  return Buffer.concat([head, ...bodies]);
}

/** The cells of a chunk; columns that `wanted` leaves out come as empty arrays and cost nothing. */
export function decodeChunk(columns: readonly Column[], bytes: Buffer, wanted?: ReadonlySet<string>): Cell[][] {
  if (!bytes.subarray(0, 4).equals(MAGIC)) throw new RangeError("it does not begin with RKC1");
  const rows = bytes.readUInt32LE(4);
  const count = bytes.readUInt32LE(8);
  if (count !== columns.length) throw new RangeError(`it holds ${count} columns, the manifest ${columns.length}`);
  let at = 12 + 4 * count;
  return columns.map(({ name, type }, i) => {
    const length = bytes.readUInt32LE(12 + 4 * i);
    at += length;
    if (wanted !== undefined && !wanted.has(name)) return [];
    return decodeColumn(type, bytes.subarray(at - length, at), rows);
  });
}
