import { createHash } from "node:crypto";
import { InvalidInputError } from "./errors.ts";
import { lazily } from "./lazily.ts";
import { type CandidateTable, KINDS, NO_TICK, QUANTITIES, tableOf } from "./ranges/candidateTable.ts";
import type { Candidate, Decision, Hex } from "./types.ts";

/**
 * Candidate tables as bytes: columns of little-endian numbers, then the distinct refusals as JSON. The journal keeps
 * these bytes, and a decision's digest covers them. Shares and basis points have four decimals, so 32-bit integers of
 * ten-thousandths hold them exactly; a table with a number beyond that is written in doubles. Tables of older journals end
 * with the net and the refusal: what they do not have reads as 0.
 */
/** In the column of refusals: none. */
export const NO_REFUSAL = -1;
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

/** The table as bytes; the same bytes for the same table. */
export const encodeTable = (candidates: readonly Candidate[]): Uint8Array => encodeColumns(tableOf(candidates));

/** Columns in which `QUANTITIES` are written: refusals have the twelfth. */
const placeOf = (quantity: number): number => (quantity < 8 ? 3 + quantity : 4 + quantity);

/** The same of a table that is columns already. */
export const encodeColumns = (table: CandidateTable): Uint8Array =>
  encode(table, true) ?? (encode(table, false) as Uint8Array);

function encode(table: CandidateTable, narrow: boolean): Uint8Array | null {
  const { rows } = table;
  const { refusals, numberOf } = refusalsOf(table);
  const text = Buffer.from(JSON.stringify(refusals));
  const numbersEnd = HEADER_BYTES + rows * COLUMNS * (narrow ? 4 : 8);
  const bytes = new Uint8Array(numbersEnd + text.length);
  new Uint32Array(bytes.buffer, 0, 3).set([narrow ? 3 : 4, rows, text.length]);
  bytes.set(text, numbersEnd);
  const Numbers = narrow ? Int32Array : Float64Array;
  const numbers = new Numbers(bytes.buffer, HEADER_BYTES, rows * COLUMNS);
  numbers.set(table.kind.subarray(0, rows));
  numbers.set(table.lowerTick.subarray(0, rows), rows);
  numbers.set(table.upperTick.subarray(0, rows), 2 * rows);
  numbers.set(numberOf, 11 * rows);
  for (let i = 0; i < QUANTITIES.length; i++) {
    const column = table[QUANTITIES[i] as (typeof QUANTITIES)[number]];
    const first = placeOf(i) * rows;
    if (!narrow) numbers.set(column.subarray(0, rows), first);
    else if (!putWhole(numbers as Int32Array, first, column, rows)) return null;
  }
  return bytes;
}

/** The distinct refusals, in the order in which they come, and which of them each row has. */
function refusalsOf({ rows, refusal: given }: CandidateTable): {
  readonly refusals: readonly string[];
  readonly numberOf: Int32Array;
} {
  const found = new Map<string, number>();
  const numberOf = new Int32Array(rows);
  // Refusals come in runs.
  let [before, number]: [string | null, number] = [null, NO_REFUSAL];
  for (let row = 0; row < rows; row++) {
    const refusal = given[row] ?? null;
    if (refusal !== before) {
      before = refusal;
      number = refusal === null ? NO_REFUSAL : (found.get(refusal) ?? found.size);
      if (number === found.size) found.set(refusal as string, number);
    }
    numberOf[row] = number;
  }
  return { refusals: [...found.keys()], numberOf };
}

/** Writes ten-thousandths; false where an integer does not hold one of them. */
function putWhole(numbers: Int32Array, first: number, column: Float64Array, rows: number): boolean {
  for (let row = 0; row < rows; row++) {
    const value = column[row] as number;
    const whole = Math.round(value * SCALE);
    numbers[first + row] = whole;
    // What an integer cannot hold comes back as something else.
    if (whole !== (whole | 0) || whole / SCALE !== value) return false;
  }
  return true;
}

/** The table that `encodeTable` wrote. Throws InvalidInputError for other bytes. */
export function decodeTable(bytes: Uint8Array): readonly Candidate[] {
  const table = openTable(bytes);
  return Array.from({ length: table.rows }, (_, row) => decodeRow(table, row) as Candidate);
}

function decodeRow({ rows, at, scale, refusals }: OpenTable, row: number): Candidate | undefined {
  if (!(row >= 0 && row < rows)) return undefined;
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
    refusal: at(11, row) === NO_REFUSAL ? null : (refusals[at(11, row)] ?? null),
  };
}

/** How many rows these bytes hold. */
export const tableRows = (bytes: Uint8Array): number => openTable(bytes).rows;

/** A table's columns as numbers; those of basis points and shares are to be divided by `scale`. */
export interface OpenTable {
  readonly rows: number;
  readonly scale: number;
  readonly refusals: readonly string[];
  at(column: number, row: number): number;
}

/** The columns of `encodeTable`'s bytes. Throws InvalidInputError for other bytes. */
export function openTable(bytes: Uint8Array): OpenTable {
  // Typed arrays want an aligned start.
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const [version = 0, rows = 0, textBytes = 0] =
    byteLength < HEADER_BYTES ? [] : new Uint32Array(buffer, byteOffset, 3);
  const layout = VERSIONS[version];
  const numbersEnd = HEADER_BYTES + rows * (layout?.columns ?? 0) * (layout?.width ?? 0);
  if (layout === undefined || numbersEnd + textBytes !== byteLength) {
    throw new InvalidInputError(`candidate table of ${bytes.length} bytes must be of version 1 to 4 and whole`);
  }
  const { width, columns } = layout;
  const numbers =
    width === 4
      ? new Int32Array(buffer, byteOffset + HEADER_BYTES, rows * columns)
      : new Float64Array(buffer, byteOffset + HEADER_BYTES, rows * columns);
  return {
    rows,
    scale: width === 4 ? SCALE : 1,
    refusals: JSON.parse(Buffer.from(buffer, byteOffset + numbersEnd, textBytes).toString("utf8")) as string[],
    at: (column, row) => (column < columns ? (numbers[column * rows + row] as number) : 0),
  };
}

/** sha256 over a table's bytes: it has thousands of rows, so a decision's digest covers this in its place. */
export const bytesDigest = (bytes: Uint8Array): Hex => `0x${createHash("sha256").update(bytes).digest("hex")}`;

export const tableDigest = (candidates: readonly Candidate[]): Hex => bytesDigest(encodeTable(candidates));

/** Tables of decisions that were made here: most are written down as they are, and nobody looks at their rows. */
const written = new WeakMap<object, Uint8Array>();

/** The decision, its rows made out of its table's bytes when somebody asks for them. */
export function withTable(decision: Decision, bytes: Uint8Array): Decision {
  written.set(decision, bytes);
  return lazily(decision, "candidates", () => decodeTable(bytes));
}

/** `encodeTable(decision.candidates)`, without making rows of a table that has its bytes. */
export const decisionTable = (decision: Decision): Uint8Array =>
  written.get(decision) ?? encodeTable(decision.candidates);

/** The row that a decision chose, or undefined where nothing was scored. */
export function chosenOf(decision: Decision): Candidate | undefined {
  const bytes = written.get(decision);
  return bytes === undefined ? decision.candidates[decision.chosen] : decodeRow(openTable(bytes), decision.chosen);
}

/** A decision without its table, which is kept apart from it. */
export function withoutTable(decision: Decision): Omit<Decision, "candidates"> {
  const names = Object.keys(decision).filter((name) => name !== "candidates") as (keyof Decision)[];
  return Object.fromEntries(names.map((name) => [name, decision[name]])) as unknown as Omit<Decision, "candidates">;
}
