/** Writes ONNX files small enough to read: just the protobuf fields that one dense layer needs. */
type Part = Uint8Array;

function varint(value: number): Part {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...bytes, rest]);
}

const concat = (parts: readonly Part[]): Part => Uint8Array.from(parts.flatMap((part) => [...part]));
const number = (field: number, value: number): Part => concat([varint(field * 8), varint(value)]);
const bytes = (field: number, value: Part): Part => concat([varint(field * 8 + 2), varint(value.length), value]);
const message = (field: number, ...parts: Part[]): Part => bytes(field, concat(parts));
const text = (field: number, value: string): Part => bytes(field, new TextEncoder().encode(value));

const node = (type: string, inputs: string[], output: string): Part =>
  message(1, ...inputs.map((name) => text(1, name)), text(2, output), text(4, type));

const constant = (name: string, dims: number[], values: number[]): Part =>
  message(
    5,
    ...dims.map((dim) => number(1, dim)),
    number(2, 1),
    text(8, name),
    bytes(9, new Uint8Array(Float32Array.from(values).buffer)),
  );

const tensor = (field: number, name: string, width: number): Part =>
  message(
    field,
    text(1, name),
    message(2, message(1, number(1, 1), message(2, message(1, text(2, "N")), message(1, number(1, width))))),
  );

export interface DenseLayer {
  readonly fields: number;
  readonly outputs: number;
  /** Row-major [fields, outputs]. */
  readonly weights: readonly number[];
  readonly bias: readonly number[];
  /** Takes the logarithm of the result: NaN for some inputs, which is what a broken model looks like. */
  readonly log?: boolean;
  readonly withRange?: boolean;
  /** Version of the operator set, and a further set that the file says it imports. */
  readonly opset?: number;
  readonly imports?: string;
  /** The last node, in place of Identity. */
  readonly operator?: string;
}

/** ONNX bytes of quantiles = features · weights + bias (+ the sums of mask and range times zero, to use them). */
export function denseOnnx(layer: DenseLayer): Uint8Array {
  const { fields, outputs, weights, bias, log = false, withRange = false, opset = 13, imports, operator } = layer;
  const zeros = (rows: number): number[] => Array(rows * outputs).fill(0);
  const graph = message(
    7,
    node("MatMul", ["features", "W"], "a"),
    node("Add", ["a", "B"], "b"),
    node("MatMul", ["mask", "Z"], "c"),
    node("Add", ["b", "c"], "d"),
    ...(withRange
      ? [node("MatMul", ["range", "R"], "e"), node("Add", ["d", "e"], "f")]
      : [node("Identity", ["d"], "f")]),
    node(operator ?? (log ? "Log" : "Identity"), ["f"], "quantiles"),
    text(2, "dense"),
    constant("W", [fields, outputs], [...weights]),
    constant("B", [outputs], [...bias]),
    constant("Z", [fields, outputs], zeros(fields)),
    ...(withRange ? [constant("R", [3, outputs], zeros(3))] : []),
    tensor(11, "features", fields),
    tensor(11, "mask", fields),
    ...(withRange ? [tensor(11, "range", 3)] : []),
    tensor(12, "quantiles", outputs),
  );
  const sets = [
    message(8, text(1, ""), number(2, opset)),
    ...(imports === undefined ? [] : [message(8, text(1, imports), number(2, 1))]),
  ];
  return concat([number(1, 8), ...sets, graph]);
}

export interface LogLinear {
  /** Row-major [fields, outputs]. */
  readonly weights: readonly number[];
  readonly bias: readonly number[];
  /** Row-major [fields, outputs]: what a missing field adds. */
  readonly missing: readonly number[];
  /** Between these the logarithm of an answer is held. */
  readonly least: number;
  readonly most: number;
}

/** ONNX bytes of quantiles = exp(clip(features · weights + mask · missing + bias)). */
export function logLinearOnnx({ weights, bias, missing, least, most }: LogLinear): Uint8Array {
  const outputs = bias.length;
  const fields = weights.length / outputs;
  const graph = message(
    7,
    node("MatMul", ["features", "W"], "a"),
    node("MatMul", ["mask", "M"], "b"),
    node("Add", ["a", "b"], "c"),
    node("Add", ["c", "B"], "d"),
    node("Clip", ["d", "least", "most"], "e"),
    node("Exp", ["e"], "quantiles"),
    text(2, "log-linear"),
    constant("W", [fields, outputs], [...weights]),
    constant("M", [fields, outputs], [...missing]),
    constant("B", [outputs], [...bias]),
    constant("least", [], [least]),
    constant("most", [], [most]),
    tensor(11, "features", fields),
    tensor(11, "mask", fields),
    tensor(12, "quantiles", outputs),
  );
  return concat([number(1, 8), message(8, text(1, ""), number(2, 13)), graph]);
}

/** ONNX bytes of a net `x` [N, widths[0]] → `quantiles`, dense layers with ReLU between them. */
export function layersOnnx(
  widths: readonly number[],
  layers: readonly { readonly weights: number[]; readonly bias: number[] }[],
): Uint8Array {
  const last = layers.length - 1;
  const parts = layers.flatMap(({ weights, bias }, i) => {
    const [inputs = 0, outputs = 0] = widths.slice(i, i + 2);
    return [
      node("MatMul", [i === 0 ? "x" : `h${i}`, `w${i}`], `m${i}`),
      node("Add", [`m${i}`, `b${i}`], i === last ? "quantiles" : `a${i}`),
      ...(i === last ? [] : [node("Relu", [`a${i}`], `h${i + 1}`)]),
      constant(`w${i}`, [inputs, outputs], weights),
      constant(`b${i}`, [outputs], bias),
    ];
  });
  const ends = [tensor(11, "x", widths[0] ?? 0), tensor(12, "quantiles", widths.at(-1) ?? 0)];
  const graph = message(7, ...parts, text(2, "layers"), ...ends);
  return concat([number(1, 8), message(8, text(1, ""), number(2, 13)), graph]);
}

/** One node that takes what the node before answers, and a constant where it has one. */
export interface GraphLayer {
  readonly operator: string;
  readonly constant?: { readonly dims: number[]; readonly values: number[] };
}

/** ONNX bytes of a chain of nodes from `x` to `moves`. */
export function headOnnx(inputs: number, layers: readonly GraphLayer[]): Uint8Array {
  const parts = layers.flatMap(({ operator, constant: held }, i) => {
    const from = i === 0 ? "x" : `v${i}`;
    const to = i === layers.length - 1 ? "moves" : `v${i + 1}`;
    return [
      node(operator, held === undefined ? [from] : [from, `c${i}`], to),
      ...(held === undefined ? [] : [constant(`c${i}`, held.dims, held.values)]),
    ];
  });
  const ends = [tensor(11, "x", inputs), tensor(12, layers.length === 0 ? "x" : "moves", 1)];
  return concat([number(1, 8), message(8, text(1, ""), number(2, 13)), message(7, ...parts, text(2, "head"), ...ends)]);
}
