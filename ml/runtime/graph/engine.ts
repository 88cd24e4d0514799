import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Column, columnsOf, OPERATIONS, type Product } from "./columns.ts";
import type { OnnxGraph } from "./onnxFile.ts";

/** Rows that are computed together, and the bytes of one column of them. */
const BLOCK = 128;
const COLUMN_BYTES = BLOCK * 4;
/** The kernel computes eight rows, or four sums, at a time; of a fixed column it has eight rows. */
const LANES = 8;
const SUMS = 4;
const FIXED_BYTES = LANES * 4;
/** Codes of assembly/index.ts: added to an operation whose source is a fixed column. */
const FIRST_FIXED = 256;
const SECOND_FIXED = 512;
const MATMUL = 15;
const ORDER_BYTES = 32;
/** Nothing straddles two lines of the cache without need. */
const LINE_BYTES = 64;
const PAGE_BYTES = 65_536;

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  run(program: number, instructions: number, rows: number): void;
}

declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

let compiled: object | null = null;

function newKernel(): Kernel {
  compiled ??= new WebAssembly.Module(readFileSync(join(import.meta.dirname, "graph.wasm")));
  const instance = new WebAssembly.Instance(compiled, {
    env: {
      abort: () => {
        throw new Error("the graph kernel aborted");
      },
    },
  });
  return instance.exports as Kernel;
}

/** Inputs by name: those that all rows share as one row, the others as rows one after another. */
export type EngineInputs = Readonly<Record<string, Float32Array>>;

/** A graph made ready: what all rows share is computed once, the rest for each row, by itself. */
export interface Engine {
  /** Row-major answers, `rows` of them. */
  evaluate(inputs: EngineInputs, rows: number): Float32Array;
}

export interface CreateEngineParameters {
  readonly graph: OnnxGraph;
  readonly output: string;
  /** Columns of each input. */
  readonly widths: Readonly<Record<string, number>>;
  /** Inputs that differ from row to row; empty = every row is alike and one is computed. */
  readonly perRow: ReadonlySet<string>;
  /** Columns of the output to answer; what only the others need is not computed. Absent = all. */
  readonly only?: readonly number[];
}

/** Prepares a graph of dense layers and elementwise functions; null when it does anything else. */
export function createEngine({ graph, output, widths, perRow, only }: CreateEngineParameters): Engine | null {
  const all = columnsOf(graph, output, widths, perRow);
  if (all === null || all.length === 0 || only?.some((column) => all[column] === undefined)) return null;
  const answers = only === undefined ? all : only.map((column) => all[column] as Column);
  const kernel = newKernel();
  const layout = layOut(answers);
  const base = kernel.memory.buffer.byteLength;
  kernel.memory.grow(Math.ceil(layout.bytes / PAGE_BYTES));
  const floats = new Float32Array(kernel.memory.buffer, base, layout.bytes >> 2);
  const words = new Uint32Array(kernel.memory.buffer, base, layout.bytes >> 2);
  for (const [at, value] of layout.constants) floats.fill(value, at >> 2, (at + FIXED_BYTES) >> 2);
  for (const [at, value] of layout.weights) floats[at >> 2] = value;
  for (const [at, value] of layout.addresses) words[at >> 2] = base + value;
  for (const [at, value] of layout.numbers) words[at >> 2] = value;
  const places = answers.map(({ id, fixed }) => ({ place: (layout.places.get(id) as number) >> 2, fixed }));
  const { fixed, rowwise } = layout.programs;

  return {
    evaluate(inputs, rows) {
      const width = answers.length;
      const answer = new Float32Array(rows * width);
      for (const { name, index, at } of layout.inputs) {
        if (!perRow.has(name)) floats.fill(inputs[name]?.[index] ?? Number.NaN, at >> 2, (at >> 2) + LANES);
      }
      kernel.run(base + fixed.at, fixed.count, LANES);
      for (let first = 0; first < rows; first += BLOCK) {
        const count = Math.min(BLOCK, rows - first);
        for (const { name, index, at } of layout.inputs) {
          if (!perRow.has(name)) continue;
          const data = inputs[name] as Float32Array;
          const step = widths[name] as number;
          for (let row = 0, from = first * step + index; row < count; row++, from += step) {
            floats[(at >> 2) + row] = data[from] as number;
          }
        }
        kernel.run(base + rowwise.at, rowwise.count, Math.ceil(count / LANES) * LANES);
        places.forEach(({ place, fixed }, column) => {
          for (let row = 0, to = first * width + column; row < count; row++, to += width) {
            answer[to] = floats[fixed ? place : place + row] as number;
          }
        });
      }
      return answer;
    },
  };
}

interface Program {
  readonly at: number;
  readonly count: number;
}

/** Where everything lies, in bytes from the start of the engine's memory. */
interface Layout {
  readonly bytes: number;
  readonly places: ReadonlyMap<number, number>;
  readonly inputs: readonly { readonly name: string; readonly index: number; readonly at: number }[];
  readonly constants: readonly (readonly [number, number])[];
  readonly weights: readonly (readonly [number, number])[];
  readonly addresses: readonly (readonly [number, number])[];
  readonly numbers: readonly (readonly [number, number])[];
  readonly programs: { readonly fixed: Program; readonly rowwise: Program };
}

type Instruction = readonly [code: number, target: number, a: number, b: number];

function layOut(answers: readonly Column[]): Layout {
  const columns = reachable(answers);
  const places = new Map<number, number>();
  const inputs: { name: string; index: number; at: number }[] = [];
  const constants: [number, number][] = [];
  const weights: [number, number][] = [];
  const addresses: [number, number][] = [];
  const numbers: [number, number][] = [];
  const instructions = { fixed: [] as Instruction[], rowwise: [] as Instruction[] };
  const readers = readersOf(columns, answers);
  /** Places of columns that nothing reads any more: what is used again at once stays in the nearest cache. */
  const free: number[] = [];
  let bytes = 0;
  const allocate = (size: number): number => {
    const at = bytes;
    bytes += Math.ceil(size / LINE_BYTES) * LINE_BYTES;
    return at;
  };
  const place = (column: Column): number => places.get(column.id) as number;
  /** Where a column is read for one of the times that it is read. */
  const read = (column: Column): number => {
    const left = (readers.get(column.id) as number) - 1;
    readers.set(column.id, left);
    if (left === 0 && !column.fixed && column.source.kind === "operation") free.push(place(column));
    return place(column);
  };

  const outputs = new Map<Product, number>();
  function multiply(product: Product, fixed: boolean): number {
    const known = outputs.get(product);
    if (known !== undefined) return known;
    const start = product.start === null ? null : multiply(product.start, true);
    const groups = Math.ceil(product.sums / SUMS);
    const stride = fixed ? FIXED_BYTES : COLUMN_BYTES;
    const target = allocate(groups * SUMS * stride);
    const listAt = allocate(product.inputs.length * 4);
    product.inputs.forEach((input, i) => void addresses.push([listAt + 4 * i, read(input)]));
    const weightsAt = allocate(groups * product.inputs.length * SUMS * 4);
    let at = weightsAt;
    for (let group = 0; group < groups; group++) {
      for (const row of product.weights) {
        for (let sum = 0; sum < SUMS; sum++, at += 4) weights.push([at, row[group * SUMS + sum] ?? 0]);
      }
    }
    const order = allocate(ORDER_BYTES);
    numbers.push([order, product.inputs.length], [order + 4, groups], [order + 20, stride]);
    addresses.push([order + 8, listAt], [order + 12, weightsAt]);
    // The address 0 says that there is nothing to start from.
    if (start !== null) addresses.push([order + 16, start]);
    instructions[fixed ? "fixed" : "rowwise"].push([MATMUL, target, order, order]);
    outputs.set(product, target);
    return target;
  }

  for (const column of columns) {
    const { source, fixed } = column;
    if (source.kind === "product") {
      const stride = fixed ? FIXED_BYTES : COLUMN_BYTES;
      places.set(column.id, multiply(source.product, fixed) + source.index * stride);
      continue;
    }
    if (source.kind === "operation") {
      const { a, b } = source;
      const from = read(a);
      const other = b === null ? from : read(b);
      // Perhaps the place of what was read for the last time just now: every row is read before it is written.
      const at = fixed ? allocate(FIXED_BYTES) : (free.pop() ?? allocate(COLUMN_BYTES));
      places.set(column.id, at);
      const code = OPERATIONS[source.operation] + (a.fixed ? FIRST_FIXED : 0) + (b?.fixed ? SECOND_FIXED : 0);
      instructions[fixed ? "fixed" : "rowwise"].push([code, at, from, other]);
      continue;
    }
    const at = allocate(fixed ? FIXED_BYTES : COLUMN_BYTES);
    places.set(column.id, at);
    if (source.kind === "constant") constants.push([at, source.value]);
    else inputs.push({ name: source.name, index: source.index, at });
  }
  const write = (list: readonly Instruction[]): Program => {
    const at = allocate(list.length * 16);
    list.forEach(([code, ...operands], i) => {
      numbers.push([at + 16 * i, code]);
      operands.forEach((operand, k) => void addresses.push([at + 16 * i + 4 * (k + 1), operand]));
    });
    return { at, count: list.length };
  };
  const programs = { fixed: write(instructions.fixed), rowwise: write(instructions.rowwise) };
  return { bytes, places, inputs, constants, weights, addresses, numbers, programs };
}

/** How often each column is read; what is an answer is read once more, at the end. */
function readersOf(columns: readonly Column[], answers: readonly Column[]): Map<number, number> {
  const readers = new Map<number, number>();
  const count = ({ id }: Column): void => void readers.set(id, (readers.get(id) ?? 0) + 1);
  const products = new Set<Product>();
  for (const { source } of columns) {
    if (source.kind === "operation") {
      count(source.a);
      if (source.b !== null) count(source.b);
    }
    if (source.kind !== "product") continue;
    for (let product: Product | null = source.product; product !== null; product = product.start) {
      if (products.has(product)) break;
      products.add(product);
      product.inputs.forEach(count);
    }
  }
  answers.forEach(count);
  return readers;
}

/** Everything that the answers are made from, in an order in which it can be computed. */
function reachable(answers: readonly Column[]): readonly Column[] {
  const found = new Map<number, Column>();
  const waiting = [...answers];
  for (let column = waiting.pop(); column !== undefined; column = waiting.pop()) {
    if (found.has(column.id)) continue;
    found.set(column.id, column);
    const { source } = column;
    if (source.kind === "operation") waiting.push(source.a, ...(source.b === null ? [] : [source.b]));
    if (source.kind === "product") {
      for (let product: Product | null = source.product; product !== null; product = product.start) {
        waiting.push(...product.inputs);
      }
    }
  }
  // A column is made after those that it is made from.
  return [...found.values()].sort((a, b) => a.id - b.id);
}
