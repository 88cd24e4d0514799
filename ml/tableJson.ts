import { KINDS, NO_TICK } from "./ranges/candidateTable.ts";
import { NO_REFUSAL, openTable } from "./table.ts";

const part = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));

/** A row's numbers in the order of its JSON: name, and column of the table. */
const NUMBERS = (
  [
    ["share", 3],
    ["inRange", 4],
    ["feesBps", 5],
    ["ilBps", 6],
    ["lvrBps", 7],
    ["costBps", 8],
    ["tailBps", 9],
    ["deviationBps", 12],
    ["breach", 13],
    ["netBps", 10],
    ["waitBps", 14],
  ] as const
).map(([name, column]) => ({ column, before: part(`,"${name}":`) }));
const WITH_RANGE = KINDS.map((kind) => part(`{"kind":"${kind}","range":{"lowerTick":`));
const WITHOUT_RANGE = KINDS.map((kind) => part(`{"kind":"${kind}","range":null`));
const UPPER_TICK = part(',"upperTick":');
const END_OF_RANGE = part("}");
const REFUSAL = part(',"refusal":');
const NULL = part("null");
const [ZERO, MINUS, COMMA, OPEN, CLOSE, END_OF_ROW] = [..."0-,[]}"].map((sign) => sign.charCodeAt(0)) as [
  number,
  number,
  number,
  number,
  number,
  number,
];
const SCALE = 10_000;
/** What follows the whole part of every ten-thousandth: nothing, or a point and digits up to the last that is not 0. */
const FRACTION_BYTES = 5;
const FRACTIONS = new Uint8Array(SCALE * FRACTION_BYTES);
const FRACTION_LENGTHS = new Uint8Array(SCALE);
for (let rest = 1; rest < SCALE; rest++) {
  const text = String(rest / SCALE).slice(1);
  FRACTIONS.set(part(text), rest * FRACTION_BYTES);
  FRACTION_LENGTHS[rest] = text.length;
}
/** All that a row may take beside its refusal: names, and fifteen numbers of at most 25 characters. */
const MOST_ROW_BYTES = 256 + 15 * 25;

/** Written into anew by every table; grows to the largest. */
let scratch: Uint8Array = new Uint8Array(0);

/**
 * `JSON.stringify(decodeTable(bytes))` as UTF-8, without the rows and texts in between: a server sends thousands of rows
 * a second.
 */
export function tableJson(bytes: Uint8Array): Buffer {
  const { rows, at, scale, refusals } = openTable(bytes);
  const quoted = refusals.map((refusal) => part(JSON.stringify(refusal)));
  const longest = quoted.reduce((most, { length }) => Math.max(most, length), NULL.length);
  const most = rows * (MOST_ROW_BYTES + longest) + 2;
  if (scratch.length < most) scratch = new Uint8Array(most);
  const out = scratch;
  const putNumber = scale === 1 ? putDouble : putTenThousandths;
  let end = 0;
  out[end++] = OPEN;
  for (let row = 0; row < rows; row++) {
    if (row > 0) out[end++] = COMMA;
    const kind = KINDS[at(0, row)] === undefined ? KINDS.indexOf("range") : at(0, row);
    const lowerTick = at(1, row);
    if (lowerTick === NO_TICK) {
      end = put(out, end, WITHOUT_RANGE[kind] as Uint8Array);
    } else {
      end = putWhole(out, put(out, end, WITH_RANGE[kind] as Uint8Array), lowerTick);
      end = putWhole(out, put(out, end, UPPER_TICK), at(2, row));
      end = put(out, end, END_OF_RANGE);
    }
    for (let i = 0; i < NUMBERS.length; i++) {
      const { column, before } = NUMBERS[i] as (typeof NUMBERS)[number];
      end = putNumber(out, put(out, end, before), at(column, row));
    }
    const refusal = at(11, row);
    end = put(out, put(out, end, REFUSAL), refusal === NO_REFUSAL ? NULL : (quoted[refusal] ?? NULL));
    out[end++] = END_OF_ROW;
  }
  out[end++] = CLOSE;
  return Buffer.from(out.subarray(0, end));
}

function put(out: Uint8Array, start: number, text: Uint8Array): number {
  out.set(text, start);
  return start + text.length;
}

/** A whole number of 32 bits; returns where it ends. */
function putWhole(out: Uint8Array, start: number, value: number): number {
  let at = start;
  let left = value;
  if (left < 0) {
    out[at++] = MINUS;
    left = -left;
  }
  if (left < 10) {
    out[at] = ZERO + left;
    return at + 1;
  }
  let digits = 2;
  for (let bound = 100; left >= bound; bound *= 10) digits++;
  for (let place = at + digits - 1; place >= at; place--) {
    const tenth = Math.trunc(left / 10);
    out[place] = ZERO + left - tenth * 10;
    left = tenth;
  }
  return at + digits;
}

/** `value / 10,000` as JavaScript writes it. */
function putTenThousandths(out: Uint8Array, start: number, value: number): number {
  let at = start;
  let size = value;
  if (size < 0) {
    out[at++] = MINUS;
    size = -size;
  }
  const whole = Math.trunc(size / SCALE);
  at = putWhole(out, at, whole);
  const rest = size - whole * SCALE;
  const place = rest * FRACTION_BYTES;
  // Always all bytes: those after the last digit are written over.
  for (let i = 0; i < FRACTION_BYTES; i++) out[at + i] = FRACTIONS[place + i] as number;
  return at + (FRACTION_LENGTHS[rest] as number);
}

function putDouble(out: Uint8Array, start: number, value: number): number {
  if (!Number.isFinite(value)) return put(out, start, NULL);
  const text = String(value);
  for (let i = 0; i < text.length; i++) out[start + i] = text.charCodeAt(i);
  return start + text.length;
}
