import type * as Ort from "onnxruntime-web";
import { ModelOperatorError, ModelOutputError, ModelPackageError } from "./errors.ts";
import type { Matrix } from "./tensor.ts";

let runtime: Promise<typeof Ort> | null = null;

/** Loads the runtime with the first package: rules need none. */
function load(): Promise<typeof Ort> {
  runtime ??= import("onnxruntime-web").then((ort) => {
    // One thread: the nets are small, and answers must not depend on how work was split.
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    return ort;
  });
  return runtime;
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** Runs work after all earlier work: the WebAssembly module is one, and sessions that overlap inside it break. */
function takeTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  const turn = lastTurn.then(work, work);
  lastTurn = turn.catch(() => {});
  return turn;
}

/** A graph in onnxruntime. */
export interface RuntimeSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** All inputs have the same number of rows → `quantiles`. */
  run(inputs: Readonly<Record<string, Matrix>>): Promise<{ data: Float32Array; dims: readonly number[] }>;
}

/** Opens any graph that onnxruntime knows; throws ModelPackageError for one that it does not. */
export async function openRuntimeSession(bytes: Uint8Array, path: string): Promise<RuntimeSession> {
  const ort = await load();
  let session: Ort.InferenceSession;
  try {
    session = await takeTurn(() =>
      ort.InferenceSession.create(new Uint8Array(bytes), { graphOptimizationLevel: "all" }),
    );
  } catch (cause) {
    const { message } = cause as Error;
    const unknown = /not a registered|No Op registered|not implemented|Unrecognized attribute/i.test(message);
    const Failure = unknown ? ModelOperatorError : ModelPackageError;
    throw new Failure(`model file ${path} is not a graph that can be run: ${message}`, {
      cause,
      details: { file: path },
    });
  }
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(inputs) {
      const feeds: Record<string, Ort.Tensor> = {};
      for (const [name, { data, rows, columns }] of Object.entries(inputs)) {
        feeds[name] = new ort.Tensor("float32", data, [rows, columns]);
      }
      const answer = (await takeTurn(() => session.run(feeds))).quantiles;
      if (answer === undefined) throw new ModelOutputError(`${path}: output quantiles is missing`);
      if (!(answer.data instanceof Float32Array))
        throw new ModelOutputError(`${path}: output quantiles is not float32`);
      return { data: answer.data, dims: answer.dims };
    },
  };
}
