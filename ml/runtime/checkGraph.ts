import { ModelOperatorError, ModelPackageError, ModelTensorError, ModelWeightsError } from "./errors.ts";
import { type DeclaredTensor, type OnnxHeader, readOnnxHeader } from "./graph/onnxFile.ts";
import type { Manifest } from "./manifest.ts";

/** The newest version of each operator set that is tested here. */
const OPSETS: Readonly<Record<string, number>> = { "": 21, "ai.onnx.ml": 3 };
const FLOAT = 1;

/** Columns that an input must have, whatever the manifest says; features and mask have one for each field. */
const WIDTHS: Readonly<Record<string, number>> = { range: 3, horizon: 1 };

/** Holds an ONNX file against its manifest, before anything runs it: operator sets, names, types, shapes and weights. */
export function checkGraph(bytes: Uint8Array, manifest: Manifest, path: string): void {
  let header: OnnxHeader;
  try {
    header = readOnnxHeader(bytes);
  } catch (cause) {
    throw new ModelPackageError(`model file ${path} is not a graph that can be run: ${(cause as Error).message}`, {
      cause,
      details: { file: path },
    });
  }
  checkOpsets(header, manifest, path);
  checkTensors("inputs", header.inputs, manifest.inputs, path);
  checkTensors("outputs", header.outputs, manifest.outputs, path);
  for (const { name, shape } of manifest.inputs) {
    const wanted = name === "features" || name === "mask" ? manifest.featureSchema.fields.length : WIDTHS[name];
    if (wanted !== undefined && shape.at(-1) !== wanted) {
      throw new ModelTensorError(`${path}: input ${name} has ${shape.at(-1)} columns, but must have ${wanted}`, {
        details: { file: path, name },
      });
    }
  }
  if (header.notFinite !== null) {
    throw new ModelWeightsError(`model file ${path}: ${header.notFinite} holds a number that is not finite`, {
      details: { file: path, name: header.notFinite },
    });
  }
}

function checkOpsets({ opsets }: OnnxHeader, manifest: Manifest, path: string): void {
  for (const [domain, version] of opsets) {
    const newest = OPSETS[domain];
    const name = domain || "ai.onnx";
    if (newest === undefined) {
      const known = Object.keys(OPSETS).map((one) => one || "ai.onnx");
      throw new ModelOperatorError(
        `model file ${path} uses operators of ${name}, but only ${known.join(", ")} are known`,
      );
    }
    if (version < 1 || version > newest) {
      throw new ModelOperatorError(
        `model file ${path} has opset ${version} of ${name}, but must have at most ${newest}`,
      );
    }
  }
  const declared = (manifest as { opset?: unknown }).opset;
  const found = opsets.get("");
  if (declared !== undefined && found !== undefined && declared !== found) {
    throw new ModelOperatorError(`model file ${path} has opset ${found}, but its manifest says ${String(declared)}`);
  }
}

function checkTensors(
  what: string,
  found: readonly DeclaredTensor[],
  declared: Manifest["inputs"] | Manifest["outputs"],
  path: string,
): void {
  const fail = (message: string): never => {
    throw new ModelTensorError(`model file ${path} ${message}`, { details: { file: path } });
  };
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
  if ([...names(found)].sort().join() !== [...names(declared)].sort().join()) {
    fail(`has ${what} ${names(found).join(", ")}, but its manifest says ${names(declared).join(", ")}`);
  }
  for (const { name, type, dims } of found) {
    if (type !== FLOAT) fail(`has ${name} of type ${type}, but must have float32 (1)`);
    const shape = declared.find((one) => one.name === name)?.shape ?? [];
    const fits =
      dims.length === shape.length &&
      dims.every((dim, i) => dim === null || typeof shape[i] === "string" || dim === shape[i]);
    if (!fits) fail(`has ${name} of shape ${shapeText(dims)}, but its manifest says ${shapeText(shape)}`);
  }
}

const shapeText = (dims: readonly (number | string | null)[]) => `[${dims.map((dim) => dim ?? "N").join(", ")}]`;
