import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import type { Hex } from "../types.ts";
import { ModelHashMismatchError, ModelInputError, ModelOutputError, ModelPackageError } from "./errors.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import type { Matrix } from "./tensor.ts";

// One thread: the nets are small, and answers must not depend on how work was split.
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

let lastTurn: Promise<unknown> = Promise.resolve();

/** Runs work after all earlier work: the WebAssembly module is one, and sessions that overlap inside it break. */
function takeTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  const turn = lastTurn.then(work, work);
  lastTurn = turn.catch(() => {});
  return turn;
}

/** A model that is loaded, checked and warm. */
export interface ModelSession {
  readonly manifest: Manifest;
  /** One batch through the graph: inputs by name, all with the same number of rows → `quantiles`, all finite. */
  run(inputs: Readonly<Record<string, Matrix>>): Promise<Matrix>;
}

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
  const session = await createSession(bytes, path);
  checkNames(session, manifest, path);
  const model: ModelSession = { manifest, run: (inputs) => runBatch(session, manifest, inputs) };
  await model.run(warmInputs(manifest));
  return model;
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new ModelPackageError(`model file ${path} cannot be read (${code})`, { cause, details: { file: path } });
  }
}

async function createSession(bytes: Buffer, path: string): Promise<ort.InferenceSession> {
  try {
    return await takeTurn(() => ort.InferenceSession.create(new Uint8Array(bytes), { graphOptimizationLevel: "all" }));
  } catch (cause) {
    throw new ModelPackageError(`model file ${path} is not a graph that can be run: ${(cause as Error).message}`, {
      cause,
      details: { file: path },
    });
  }
}

function checkNames(session: ort.InferenceSession, manifest: Manifest, path: string): void {
  const check = (what: string, found: readonly string[], declared: readonly { readonly name: string }[]): void => {
    const names = declared.map((one) => one.name);
    if ([...found].sort().join() === [...names].sort().join()) return;
    throw new ModelPackageError(
      `model file ${path} has ${what} ${found.join(", ")}, but its manifest says ${names.join(", ")}`,
      {
        details: { file: path, found, declared: names },
      },
    );
  };
  check("inputs", session.inputNames, manifest.inputs);
  check("outputs", session.outputNames, manifest.outputs);
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
  session: ort.InferenceSession,
  manifest: Manifest,
  inputs: Readonly<Record<string, Matrix>>,
): Promise<Matrix> {
  const rows = Object.values(inputs)[0]?.rows ?? 0;
  const feeds: Record<string, ort.Tensor> = {};
  for (const { name } of manifest.inputs) {
    const matrix = inputs[name];
    if (matrix === undefined) throw new ModelInputError(`${manifest.id}: input ${name} is missing`);
    const columns = width(manifest.inputs, name) ?? matrix.columns;
    if (matrix.rows !== rows || matrix.columns !== columns || matrix.data.length !== rows * columns) {
      throw new ModelInputError(
        `${manifest.id}: input ${name} is [${matrix.rows}, ${matrix.columns}], but must be [${rows}, ${columns}]`,
      );
    }
    feeds[name] = new ort.Tensor("float32", matrix.data, [rows, columns]);
  }
  const answers = await takeTurn(() => session.run(feeds));
  const answer = answers.quantiles;
  if (answer === undefined) throw new ModelOutputError(`${manifest.id}: output quantiles is missing`);
  const columns = width(manifest.outputs, "quantiles") ?? Number(answer.dims.at(-1));
  const data = answer.data;
  if (!(data instanceof Float32Array) || answer.dims[0] !== rows || data.length !== rows * columns) {
    throw new ModelOutputError(
      `${manifest.id}: output quantiles is [${answer.dims.join(", ")}], but must be float32 [${rows}, ${columns}]`,
    );
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const [row, column] = [Math.floor(bad / columns), bad % columns];
    throw new ModelOutputError(
      `${manifest.id}: output quantiles[${row}][${column}] is ${data[bad]}, but must be finite`,
      {
        details: { id: manifest.id, row, column },
      },
    );
  }
  return { rows, columns, data };
}

function warmInputs(manifest: Manifest): Record<string, Matrix> {
  const rows = 1;
  return Object.fromEntries(
    manifest.inputs.map(({ name }) => {
      const columns = width(manifest.inputs, name) ?? manifest.featureSchema.fields.length;
      const data = new Float32Array(columns);
      // A real range: an empty one could divide by its width.
      if (name === "range") data.set([-0.1, 0.1, 0]);
      return [name, { rows, columns, data }];
    }),
  );
}
