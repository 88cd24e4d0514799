import { ModelPackageError } from "../../runtime/errors.ts";
import { type Constant, type GraphNode, type OnnxGraph, readOnnx } from "../../runtime/graph/onnxFile.ts";
import type { FloatLayer, FloatMlp } from "../quantize.ts";

/** What a graph for a head may be made of. */
const KNOWN = ["MatMul", "Gemm", "Add", "Relu", "Identity"];

/**
 * The dense layers of an ONNX graph: MatMul and Add, or Gemm, with ReLU after each layer but the last. Anything else is
 * refused by name, for the contract could not evaluate it.
 */
export function readFloatMlp(bytes: Uint8Array): FloatMlp {
  const graph = readOnnx(bytes);
  const [input] = graph.inputs;
  if (graph.inputs.length !== 1 || input === undefined || graph.outputs.length !== 1) {
    throw new ModelPackageError(
      `the graph has ${graph.inputs.length} inputs and ${graph.outputs.length} outputs, but a head has one of each`,
    );
  }
  const layers: { weights: number[][]; biases: number[]; rectified: boolean }[] = [];
  let [value, done] = [input, 0];
  while (value !== graph.outputs[0]) {
    const next = graph.nodes.filter(({ inputs }) => inputs.includes(value));
    const [node] = next;
    if (node === undefined || next.length > 1) {
      throw new ModelPackageError(
        `${value} is read by ${next.length} nodes, but a head is a chain of layers (known: ${KNOWN.join(", ")})`,
      );
    }
    const last = layers.at(-1);
    if (node.operator === "MatMul" || node.operator === "Gemm") {
      if (last !== undefined && !last.rectified) {
        throw new ModelPackageError(`${node.operator} follows a layer without Relu: multiply the two before exporting`);
      }
      layers.push({ ...dense(graph, node, value), rectified: false });
    } else if (node.operator === "Add") addBias(last, vectorOf(graph, node, value), node);
    else if (node.operator === "Relu") {
      if (last === undefined) throw new ModelPackageError("Relu comes before the first layer");
      last.rectified = true;
    } else if (node.operator !== "Identity") {
      throw new ModelPackageError(`operator ${node.operator} is not known (known: ${KNOWN.join(", ")})`);
    }
    value = node.outputs[0] ?? "";
    if (++done > graph.nodes.length) throw new ModelPackageError("the graph goes round in a circle");
  }
  const final = layers.at(-1);
  if (final === undefined) throw new ModelPackageError("the graph has no dense layer");
  if (final.rectified) throw new ModelPackageError("Relu after the last layer: its answers must be as they are");
  layers.forEach(({ weights }, index) => {
    const before = layers[index - 1];
    if (before !== undefined && before.biases.length !== weights[0]?.length) {
      throw new ModelPackageError(
        `layer ${index} takes ${weights[0]?.length} values, but ${before.biases.length} come`,
      );
    }
    if (weights.flat().some((weight) => !Number.isFinite(weight))) {
      throw new ModelPackageError(`layer ${index} has a weight that is not a finite number`);
    }
  });
  return { layers: layers.map(({ weights, biases }): FloatLayer => ({ weights, biases })) };
}

const constantOf = (graph: OnnxGraph, name: string | undefined, node: GraphNode): Constant => {
  const constant = name === undefined ? undefined : graph.constants.get(name);
  if (constant === undefined) {
    throw new ModelPackageError(`${node.operator} reads ${name ?? "nothing"}, which is not a constant of the file`);
  }
  return constant;
};

/** Weights [neuron][input] and biases of one MatMul or Gemm. */
function dense(graph: OnnxGraph, node: GraphNode, value: string): { weights: number[][]; biases: number[] } {
  const [x, w, b] = node.inputs;
  if (x !== value) throw new ModelPackageError(`${node.operator} multiplies a constant from the left`);
  const { dims, values } = constantOf(graph, w, node);
  const [rows = 0, columns = 0] = dims;
  if (dims.length !== 2) throw new ModelPackageError(`${w} has ${dims.length} dimensions, but weights have two`);
  for (const name of ["transA", "alpha", "beta"]) {
    // Floats are not read; a graph that says them says other than 1.
    if (name in node.attributes && node.attributes[name] !== 0) {
      throw new ModelPackageError(`Gemm with ${name} is not known: export plain layers`);
    }
  }
  const transposed = node.operator === "Gemm" && node.attributes.transB === 1;
  const [inputs, neurons] = transposed ? [columns, rows] : [rows, columns];
  const at = (neuron: number, input: number): number =>
    values[transposed ? neuron * columns + input : input * columns + neuron] as number;
  const weights = Array.from({ length: neurons }, (_, neuron) =>
    Array.from({ length: inputs }, (__, input) => at(neuron, input)),
  );
  const biases = b === undefined ? Array<number>(neurons).fill(0) : [...constantOf(graph, b, node).values];
  if (biases.length !== neurons) throw new ModelPackageError(`${b} has ${biases.length} values for ${neurons} neurons`);
  return { weights, biases };
}

function vectorOf(graph: OnnxGraph, node: GraphNode, value: string): readonly number[] {
  return constantOf(
    graph,
    node.inputs.find((name) => name !== value),
    node,
  ).values;
}

function addBias(
  layer: { biases: number[]; rectified: boolean } | undefined,
  values: readonly number[],
  node: GraphNode,
): void {
  if (layer === undefined || layer.rectified) throw new ModelPackageError(`${node.operator} does not follow a MatMul`);
  if (values.length !== layer.biases.length) {
    throw new ModelPackageError(`a bias has ${values.length} values for ${layer.biases.length} neurons`);
  }
  layer.biases = layer.biases.map((bias, i) => bias + (values[i] as number));
}
