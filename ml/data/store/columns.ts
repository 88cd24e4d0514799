import { deflateRawSync, inflateRawSync } from "node:zlib";
import { InvalidInputError } from "../../errors.ts";
import { fitsColumn, readBigints, writeBigints } from "./bigints.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";

/** int = whole number inside ±2^51; bigint = whole number of any size; float = double; text = any string. */
export type ColumnType = "int" | "bigint" | "float" | "text";

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** What one unit of the column is, e.g. "seconds", "token0 units", "1"; "" = not told by the source. */
  readonly unit: string;
}

/** null = the source leaves the field empty. */
export type Cell = number | bigint | string | null;

/** Whole numbers up to here survive the difference of two of them and the zigzag. */
const INT_LIMIT = 2 ** 51;

/** Whether a whole number fits the column type `int`. */
export const fitsInt = (value: number): boolean => Number.isInteger(value) && Math.abs(value) <= INT_LIMIT;

const [PRESENT, SOME_MISSING, ALL_MISSING] = [0, 1, 2];
const [PLAIN, DELTA] = [0, 1];
const [RAW_FLOATS, DECIMALS] = [0, 1];
const [EACH, DICTIONARY] = [0, 1];
/** Digits after the point up to which a float column is tried as whole numbers. */
const MAX_SCALE = 12;

/** The compressed bytes of one column of a chunk. */
export function encodeColumn(type: ColumnType, cells: readonly Cell[]): Buffer {
  const out = new ByteWriter();
  const missing = cells.reduce((count: number, cell) => count + (cell === null ? 1 : 0), 0);
  let present = cells;
  if (missing === cells.length && missing > 0) {
    out.byte(ALL_MISSING);
    present = [];
  } else if (missing > 0) {
    out.byte(SOME_MISSING);
    const bits = Buffer.alloc(Math.ceil(cells.length / 8));
    cells.forEach((cell, i) => {
      if (cell === null) bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
    });
    out.put(bits);
    present = cells.filter((cell) => cell !== null);
  } else out.byte(PRESENT);
  if (present.length > 0) {
    if (type === "int") writeInts(out, present as number[]);
    else if (type === "bigint") writeBigs(out, present as bigint[]);
    else if (type === "float") writeFloats(out, present as number[]);
    else writeTexts(out, present as string[]);
  }
  return deflateRawSync(out.done(), { level: 6 });
}

/** The inverse of `encodeColumn`; raises when the bytes are not what it wrote. */
export function decodeColumn(type: ColumnType, compressed: Buffer, rows: number): Cell[] {
  const input = new ByteReader(inflateRawSync(compressed));
  const state = input.byte();
  if (state === ALL_MISSING) return new Array(rows).fill(null);
  const bits = state === SOME_MISSING ? Buffer.from(input.take(Math.ceil(rows / 8))) : null;
  const isMissing = (i: number): boolean => bits !== null && ((bits[i >> 3] ?? 0) & (1 << (i & 7))) !== 0;
  let count = rows;
  if (bits !== null) for (let i = 0; i < rows; i++) if (isMissing(i)) count--;
  const present: Cell[] =
    count === 0
      ? []
      : type === "int"
        ? readInts(input, count)
        : type === "bigint"
          ? readBigs(input, count)
          : type === "float"
            ? readFloats(input, count)
            : readTexts(input, count);
  if (bits === null) return present;
  const cells: Cell[] = new Array(rows);
  for (let i = 0, k = 0; i < rows; i++) cells[i] = isMissing(i) ? null : (present[k++] ?? null);
  return cells;
}

function writeInts(out: ByteWriter, values: readonly number[]): void {
  let [plain, delta, last] = [0, 0, 0];
  for (const value of values) {
    if (!fitsInt(value))
      throw new InvalidInputError(`${value} must be a whole number inside ±2^51 to be stored as int`);
    plain += Math.log2(Math.abs(value) + 1);
    delta += Math.log2(Math.abs(value - last) + 1);
    last = value;
  }
  const mode = delta < plain ? DELTA : PLAIN;
  out.byte(mode);
  last = 0;
  for (const value of values) {
    out.signed(value - last);
    if (mode === DELTA) last = value;
  }
}

function readInts(input: ByteReader, count: number): number[] {
  const mode = input.byte();
  const values: number[] = new Array(count);
  let last = 0;
  for (let i = 0; i < count; i++) {
    const value = last + input.signed();
    // Zigzag of -0 cannot occur, and 0 + 0 is 0.
    values[i] = value;
    if (mode === DELTA) last = value;
  }
  return values;
}

function writeBigs(out: ByteWriter, values: readonly bigint[]): void {
  const misfit = values.find((value) => !fitsColumn(value));
  if (misfit !== undefined) throw new InvalidInputError(`${misfit} must be below 2^312 in size to be stored as bigint`);
  const payload = new ByteWriter();
  writeBigints(out, payload, values);
  out.put(payload.done());
}

const readBigs = (input: ByteReader, count: number): bigint[] => readBigints(input, count);

function writeFloats(out: ByteWriter, values: readonly number[]): void {
  const scale = decimalScale(values);
  if (scale !== null) {
    out.byte(DECIMALS);
    out.byte(scale);
    writeInts(
      out,
      values.map((value) => Math.round(value * 10 ** scale)),
    );
    return;
  }
  out.byte(RAW_FLOATS);
  const plain = Buffer.from(Float64Array.from(values).buffer);
  // All first bytes, then all second bytes, …: exponents lie together and compress.
  const planes = Buffer.allocUnsafe(plain.length);
  const n = values.length;
  for (let i = 0; i < n; i++) for (let b = 0; b < 8; b++) planes[b * n + i] = plain[i * 8 + b] ?? 0;
  out.put(planes);
}

function readFloats(input: ByteReader, count: number): number[] {
  if (input.byte() === DECIMALS) {
    const divisor = 10 ** input.byte();
    return readInts(input, count).map((value) => value / divisor);
  }
  const planes = input.take(count * 8);
  const view = new DataView(new ArrayBuffer(8));
  const values: number[] = new Array(count);
  for (let i = 0; i < count; i++) {
    for (let b = 0; b < 8; b++) view.setUint8(b, planes[b * count + i] ?? 0);
    values[i] = view.getFloat64(0, true);
  }
  return values;
}

/** The digits after the point with which every value is a whole number that gives the same double back; or null. */
function decimalScale(values: readonly number[]): number | null {
  let scale = 0;
  for (const value of values) {
    if (!Number.isFinite(value) || Object.is(value, -0)) return null;
    for (; ; scale++) {
      if (scale > MAX_SCALE) return null;
      const whole = Math.round(value * 10 ** scale);
      if (Math.abs(whole) > INT_LIMIT) return null;
      if (whole / 10 ** scale === value) break;
    }
  }
  // A scale that a later value needed must suit the earlier ones as well.
  const factor = 10 ** scale;
  for (const value of values) {
    const whole = Math.round(value * factor);
    if (Math.abs(whole) > INT_LIMIT || whole / factor !== value || Object.is(whole, -0)) return null;
  }
  return scale;
}

function writeTexts(out: ByteWriter, values: readonly string[]): void {
  const index = new Map<string, number>();
  for (const value of values) if (!index.has(value)) index.set(value, index.size);
  if (index.size > values.length / 2) {
    out.byte(EACH);
    for (const value of values) out.text(value);
    return;
  }
  out.byte(DICTIONARY);
  out.unsigned(index.size);
  for (const value of index.keys()) out.text(value);
  for (const value of values) out.unsigned(index.get(value) ?? 0);
}

function readTexts(input: ByteReader, count: number): string[] {
  const values: string[] = new Array(count);
  if (input.byte() === EACH) {
    for (let i = 0; i < count; i++) values[i] = input.text();
    return values;
  }
  const words = Array.from({ length: input.unsigned() }, () => input.text());
  for (let i = 0; i < count; i++) {
    const word = words[input.unsigned()];
    if (word === undefined) throw new RangeError("a word is not in the dictionary");
    values[i] = word;
  }
  return values;
}
