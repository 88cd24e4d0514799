import { createHash } from "node:crypto";
import { InvalidInputError } from "./errors.ts";
import type { Candidate, Hex } from "./types.ts";

/**
 * Candidate tables as bytes: columns of little-endian numbers, then the distinct refusals as JSON. The journal keeps
 * these bytes, and a decision's digest covers them. Shares and basis points have four decimals, so 32-bit integers of
 * ten-thousandths hold them exactly; a table with a number beyond that is written in doubles. Tables of older journals end
 * with the net and the refusal: what they do not have reads as 0.
 */
/** By their numbers in the first column. */
const KINDS = ["idle", "current", "range"] as const;
const NONE = -1;
/** No tick: candidates without a range have it on both sides. */
const NO_TICK = -(2 ** 31);
const SCALE = 1e4;
const COLUMNS = 15;
/** Versions by width of a number and by columns. */
const VERSIONS: Readonly<Record<number, { readonly width: 4 | 8; readonly columns: number }>> = {
  1: { width: 4, columns: 12 },
  2: { width: 8, columns: 12 },
  3: { width: 4, columns: COLUMNS },
  4: { width: 8, columns: COLUMNS },
};
const HEADER_BYTES = 16;

/** Bytes of tables that were digested: the journal wants the same ones a moment later. */
const digested = new WeakMap<readonly Candidate[], Uint8Array>();

/** The table as bytes; the same bytes for the same table. */
export function encodeTable(candidates: readonly Candidate[]): Uint8Array {
  return digested.get(candidates) ?? encode(candidates, true) ?? (encode(candidates, false) as Uint8Array);
}

function encode(candidates: readonly Candidate[], narrow: boolean): Uint8Array | null {
  const rows = candidates.length;
  const refusals = new Map<string, number>();
  const numbers = narrow ? new Int32Array(rows * COLUMNS) : new Float64Array(rows * COLUMNS);
  const scale = narrow ? SCALE : 1;
  let exact = true;
  const put = (column: number, row: number, value: number): void => {
    const whole = narrow ? Math.round(value * scale) : value;
    const at = column * rows + row;
    numbers[at] = whole;
    // What an integer cannot hold comes back as something else.
    if (narrow && (numbers[at] as number) / SCALE !== value) exact = false;
  };
  for (let row = 0; row < rows; row++) {
    const candidate = candidates[row] as Candidate;
    const { kind, range, refusal } = candidate;
    numbers[row] = kind === "range" ? 2 : kind === "current" ? 1 : 0;
    numbers[rows + row] = range === null ? NO_TICK : range.lowerTick;
    numbers[2 * rows + row] = range === null ? NO_TICK : range.upperTick;
    put(3, row, candidate.share);
    put(4, row, candidate.inRange);
    put(5, row, candidate.feesBps);
    put(6, row, candidate.ilBps);
    put(7, row, candidate.lvrBps);
    put(8, row, candidate.costBps);
    put(9, row, candidate.tailBps);
    put(10, row, candidate.netBps);
    put(12, row, candidate.deviationBps);
    put(13, row, candidate.breach);
    put(14, row, candidate.waitBps);
    if (!exact) return null;
    let index = NONE;
    if (refusal !== null) {
      index = refusals.get(refusal) ?? refusals.size;
      refusals.set(refusal, index);
    }
    numbers[11 * rows + row] = index;
  }
  const text = Buffer.from(JSON.stringify([...refusals.keys()]));
  const bytes = new Uint8Array(HEADER_BYTES + numbers.byteLength + text.length);
  new Uint32Array(bytes.buffer, 0, 3).set([narrow ? 3 : 4, rows, text.length]);
  bytes.set(new Uint8Array(numbers.buffer), HEADER_BYTES);
  bytes.set(text, HEADER_BYTES + numbers.byteLength);
  return bytes;
}

/** The table that `encodeTable` wrote. Throws InvalidInputError for other bytes. */
export function decodeTable(bytes: Uint8Array): readonly Candidate[] {
  const { rows, at, scale, refusals } = open(bytes);
  return Array.from({ length: rows }, (_, row): Candidate => {
    const lowerTick = at(1, row);
    return {
      kind: KINDS[at(0, row)] ?? "range",
      range: lowerTick === NO_TICK ? null : { lowerTick, upperTick: at(2, row) },
      share: at(3, row) / scale,
      inRange: at(4, row) / scale,
      feesBps: at(5, row) / scale,
      ilBps: at(6, row) / scale,
      lvrBps: at(7, row) / scale,
      costBps: at(8, row) / scale,
      tailBps: at(9, row) / scale,
      deviationBps: at(12, row) / scale,
      breach: at(13, row) / scale,
      netBps: at(10, row) / scale,
      waitBps: at(14, row) / scale,
      refusal: at(11, row) === NONE ? null : (refusals[at(11, row)] ?? null),
    };
  });
}

/** `JSON.stringify(decodeTable(bytes))`, without the objects in between. */
export function tableJson(bytes: Uint8Array): string {
  const { rows, at, scale, refusals } = open(bytes);
  const number = (column: number, row: number): number | null => {
    const value = at(column, row) / scale;
    return Number.isFinite(value) ? value : null;
  };
  const quoted = refusals.map((refusal) => JSON.stringify(refusal));
  let text = "[";
  for (let row = 0; row < rows; row++) {
    const lowerTick = at(1, row);
    const range = lowerTick === NO_TICK ? "null" : `{"lowerTick":${lowerTick},"upperTick":${at(2, row)}}`;
    const refusal = at(11, row) === NONE ? "null" : (quoted[at(11, row)] ?? "null");
    text += `${row === 0 ? "" : ","}{"kind":"${KINDS[at(0, row)] ?? "range"}","range":${range}`;
    text += `,"share":${number(3, row)},"inRange":${number(4, row)},"feesBps":${number(5, row)}`;
    text += `,"ilBps":${number(6, row)},"lvrBps":${number(7, row)},"costBps":${number(8, row)}`;
    text += `,"tailBps":${number(9, row)},"deviationBps":${number(12, row)},"breach":${number(13, row)}`;
    text += `,"netBps":${number(10, row)},"waitBps":${number(14, row)},"refusal":${refusal}}`;
  }
  return `${text}]`;
}

interface OpenTable {
  readonly rows: number;
  readonly scale: number;
  readonly refusals: readonly string[];
  at(column: number, row: number): number;
}

function open(bytes: Uint8Array): OpenTable {
  // A copy: typed arrays want an aligned start.
  const { buffer } = bytes.slice();
  const [version = 0, rows = 0, textBytes = 0] = buffer.byteLength < HEADER_BYTES ? [] : new Uint32Array(buffer, 0, 3);
  const layout = VERSIONS[version];
  const numbersEnd = HEADER_BYTES + rows * (layout?.columns ?? 0) * (layout?.width ?? 0);
  if (layout === undefined || numbersEnd + textBytes !== buffer.byteLength) {
    throw new InvalidInputError(`candidate table of ${bytes.length} bytes must be of version 1 to 4 and whole`);
  }
  const { width, columns } = layout;
  const numbers =
    width === 4
      ? new Int32Array(buffer, HEADER_BYTES, rows * columns)
      : new Float64Array(buffer, HEADER_BYTES, rows * columns);
  return {
    rows,
    scale: width === 4 ? SCALE : 1,
    refusals: JSON.parse(Buffer.from(buffer, numbersEnd, textBytes).toString("utf8")) as string[],
    at: (column, row) => (column < columns ? (numbers[column * rows + row] as number) : 0),
  };
}

/** sha256 over the table's bytes: a table has thousands of rows, so a decision's digest covers this in its place. */
export function tableDigest(candidates: readonly Candidate[]): Hex {
  const bytes = encodeTable(candidates);
  digested.set(candidates, bytes);
  return `0x${createHash("sha256").update(bytes).digest("hex")}`;
}
