import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Hex } from "../types.ts";
import { agree, type Compute } from "./agree.ts";
import { checkGraph } from "./checkGraph.ts";
import { ModelHashMismatchError, ModelInputError, ModelOutputError, ModelPackageError } from "./errors.ts";
import { createEngine } from "./graph/engine.ts";
import { type OnnxGraph, readOnnx } from "./graph/onnxFile.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import { openRuntimeSession } from "./onnxRuntime.ts";
import { openRule } from "./rule.ts";
import { checkSamples } from "./samples.ts";
import { type Matrix, repeatRow, rowOf } from "./tensor.ts";

/** A model that is loaded, checked and warm. */
export interface ModelSession {
  readonly manifest: Manifest;
  /** What computes it: onnxruntime, our own engine where that gives the same answers, or the rule's own code. */
  readonly engine: "graph" | "onnxruntime" | "typescript";
  /**
   * One batch through the graph: inputs by name → `quantiles`, all finite. `range` says how many rows there are, else
   * `features` does; `features` and `mask` have as many, or one that all rows share. `only` names the columns that are
   * wanted: the others are neither computed, where that can be spared, nor looked at.
   */
  run(inputs: Inputs, only?: readonly number[]): Promise<Matrix>;
}

type Inputs = Readonly<Record<string, Matrix>>;

/** The input that differs from row to row; all others belong to the moment. */
const PER_ROW = "range";

/** Loads a package folder (manifest.json and its model file); the file's sha256 is checked before it is parsed. */
export async function openModel(folder: string): Promise<ModelSession> {
  const manifestPath = join(folder, "manifest.json");
  const manifest = parseManifest(read(manifestPath).toString("utf8"), manifestPath);
  const path = join(folder, manifest.file);
  const bytes = read(path);
  const found: Hex = `0x${createHash("sha256").update(bytes).digest("hex")}`;
  if (found !== manifest.sha256) {
    throw new ModelHashMismatchError(`model file ${path} must have sha256 ${manifest.sha256}, but has ${found}`, {
      details: { file: path, expected: manifest.sha256, found },
    });
  }
  const computed = await computeOf(bytes, manifest, path);
  const { engine } = computed;
  const model: ModelSession = { manifest, engine, run: (inputs, only) => runBatch(computed, manifest, inputs, only) };
  await model.run(warmInputs(manifest));
  // The first packages were released before samples were asked for.
  if (manifest.schemaVersion > 1) await checkSamples(model.run, manifest, folder);
  return model;
}

interface Computed {
  readonly engine: ModelSession["engine"];
  readonly compute: Compute;
  /** Computes these columns alone; absent where that saves nothing. */
  readonly only?: (columns: readonly number[]) => Compute;
}

async function computeOf(bytes: Uint8Array, manifest: Manifest, path: string): Promise<Computed> {
  if (manifest.format === "typescript") return { engine: "typescript", compute: await openRule(path, manifest) };
  checkGraph(bytes, manifest, path);
  const own = compiled(bytes, manifest);
  const reference = await interpreted(bytes, path);
  if (own === null || !(await agree(own, reference, manifest))) return { engine: "onnxruntime", compute: reference };
  const known = new Map<string, Compute>();
  const only = (columns: readonly number[]): Compute => {
    const key = columns.join();
    const found = known.get(key) ?? compiled(bytes, manifest, columns) ?? own;
    known.set(key, found);
    return found;
  };
  return { engine: "graph", compute: own, only };
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new ModelPackageError(`model file ${path} cannot be read (${code})`, { cause, details: { file: path } });
  }
}

/** The graph in our own engine, which computes what all rows share once; null for a graph that it does not know. */
function compiled(bytes: Uint8Array, manifest: Manifest, only?: readonly number[]): Compute | null {
  let graph: OnnxGraph;
  try {
    graph = readOnnx(bytes);
  } catch {
    // Whatever is wrong with it, onnxruntime will say, or run it all the same.
    return null;
  }
  const widths = Object.fromEntries(
    manifest.inputs.map(({ name }) => [name, width(manifest.inputs, name) ?? manifest.featureSchema.fields.length]),
  );
  const perRow = new Set(Object.keys(widths).filter((name) => name === PER_ROW));
  const engine = createEngine({ graph, output: "quantiles", widths, perRow, ...(only === undefined ? {} : { only }) });
  if (engine === null) return null;
  const dataOf = (inputs: Inputs) =>
    Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, data] as const));
  return async (inputs, rows) => {
    const shared = Object.entries(inputs).every(([name, { rows: own }]) => name === PER_ROW || own === 1);
    if (shared) {
      const data = engine.evaluate(dataOf(inputs), rows);
      return { data, dims: [rows, data.length / rows] };
    }
    const answers = Array.from({ length: rows }, (_, row) => {
      const own = Object.entries(inputs).map(([name, matrix]) => [name, rowOf(matrix, row)] as const);
      return engine.evaluate(dataOf(Object.fromEntries(own)), 1);
    });
    const columns = answers[0]?.length ?? 0;
    const data = new Float32Array(rows * columns);
    answers.forEach((answer, row) => void data.set(answer, row * columns));
    return { data, dims: [rows, columns] };
  };
}

/** The graph in onnxruntime, which wants every input repeated for every row. */
async function interpreted(bytes: Uint8Array, path: string): Promise<Compute> {
  const session = await openRuntimeSession(bytes, path);
  return (inputs, rows) => {
    const whole = Object.entries(inputs).map(([name, matrix]) => [name, repeatRow(matrix, rows)] as const);
    return session.run(Object.fromEntries(whole));
  };
}

/** Width of a declared tensor: its last dimension. */
function width(
  declared: readonly { name: string; shape: readonly (number | string)[] }[],
  name: string,
): number | null {
  const last = declared.find((one) => one.name === name)?.shape.at(-1);
  return typeof last === "number" ? last : null;
}

async function runBatch(
  computed: Computed,
  manifest: Manifest,
  inputs: Inputs,
  only?: readonly number[],
): Promise<Matrix> {
  const shared = Object.values(inputs)[0]?.rows ?? 0;
  const rows = inputs[PER_ROW]?.rows ?? shared;
  const feeds: Record<string, Matrix> = {};
  for (const { name } of manifest.inputs) {
    const matrix = inputs[name];
    if (matrix === undefined) throw new ModelInputError(`${manifest.id}: input ${name} is missing`);
    const columns = width(manifest.inputs, name) ?? matrix.columns;
    const most = name !== PER_ROW && shared === 1 ? 1 : rows;
    if (matrix.rows !== most || matrix.columns !== columns || matrix.data.length !== most * columns) {
      throw new ModelInputError(
        `${manifest.id}: input ${name} is [${matrix.rows}, ${matrix.columns}], but must be [${most}, ${columns}]`,
      );
    }
    feeds[name] = matrix;
  }
  if (only !== undefined && computed.only === undefined) return pick(await runBatch(computed, manifest, inputs), only);
  const compute = only === undefined ? computed.compute : (computed.only?.(only) ?? computed.compute);
  const { data, dims } = await compute(feeds, rows);
  const columns = only?.length ?? width(manifest.outputs, "quantiles") ?? Number(dims.at(-1));
  if (dims[0] !== rows || data.length !== rows * columns) {
    throw new ModelOutputError(
      `${manifest.id}: output quantiles is [${dims.join(", ")}], but must be float32 [${rows}, ${columns}]`,
    );
  }
  const bad = firstNotFinite(data);
  if (bad >= 0) {
    const [row, column] = [Math.floor(bad / columns), bad % columns];
    throw new ModelOutputError(
      `${manifest.id}: output quantiles[${row}][${only?.[column] ?? column}] is ${data[bad]}, but must be finite`,
      {
        details: { id: manifest.id, row, column },
      },
    );
  }
  return { rows, columns, data };
}

/** These columns of a matrix. */
function pick({ rows, columns, data }: Matrix, only: readonly number[]): Matrix {
  const picked = new Float32Array(rows * only.length);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < only.length; i++)
      picked[row * only.length + i] = data[row * columns + (only[i] as number)] as number;
  }
  return { rows, columns: only.length, data: picked };
}

/** Index of the first value that is no number, or -1. */
function firstNotFinite(data: Float32Array): number {
  // Anything times zero is zero, or there is something to look for.
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += (data[i] as number) * 0;
  return sum === 0 ? -1 : data.findIndex((value) => !Number.isFinite(value));
}

function warmInputs(manifest: Manifest): Record<string, Matrix> {
  const rows = 1;
  return Object.fromEntries(
    manifest.inputs.map(({ name }) => {
      const columns = width(manifest.inputs, name) ?? manifest.featureSchema.fields.length;
      const data = new Float32Array(columns);
      // A real range: an empty one could divide by its width.
      if (name === PER_ROW) data.set([-0.1, 0.1, 0]);
      return [name, { rows, columns, data }];
    }),
  );
}
