import { ModelPackageError } from "../errors.ts";

/** One operation of a graph, as the file says it. */
export interface GraphNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole-number attributes, such as `axis`. */
  readonly attributes: Readonly<Record<string, number>>;
}

/** Numbers that the file holds. */
export interface Constant {
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

export interface OnnxGraph {
  readonly nodes: readonly GraphNode[];
  readonly constants: ReadonlyMap<string, Constant>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

interface Field {
  readonly id: number;
  /** A varint, or the bytes of anything else. */
  readonly value: number | Uint8Array;
}

const FLOAT = 1;
const INT64 = 7;

/** The fields of a protobuf message in the order of the file; whole numbers beyond 2^53 lose digits. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0n, 0n];
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 63n) throw new ModelPackageError("the file is cut off");
      value |= BigInt(byte & 127) << scale;
      scale += 7n;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  const take = (length: number): Uint8Array => {
    if (length < 0 || at + length > bytes.length) throw new ModelPackageError("the file is cut off");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = varint();
    const id = Math.floor(key / 8);
    const kind = key & 7;
    if (kind === 0) fields.push({ id, value: varint() });
    else if (kind === 1) fields.push({ id, value: take(8) });
    else if (kind === 2) fields.push({ id, value: take(varint()) });
    else if (kind === 5) fields.push({ id, value: take(4) });
    else throw new ModelPackageError(`protobuf has no wire type ${kind}`);
  }
  return fields;
}

const messages = (fields: readonly Field[], id: number): Uint8Array[] =>
  fields.flatMap((field) => (field.id === id && typeof field.value !== "number" ? [field.value] : []));
const numbers = (fields: readonly Field[], id: number): number[] =>
  fields.flatMap((field) => (field.id === id && typeof field.value === "number" ? [field.value] : []));
const texts = (fields: readonly Field[], id: number): string[] =>
  messages(fields, id).map((bytes) => new TextDecoder().decode(bytes));

/** Whole numbers that may be written one by one or packed. */
function wholes(fields: readonly Field[], id: number): number[] {
  const packed = messages(fields, id).flatMap((bytes) => {
    // A packed list is what a message of one field would be without its keys.
    const found: number[] = [];
    let [value, scale] = [0n, 0n];
    for (const byte of bytes) {
      value |= BigInt(byte & 127) << scale;
      scale += 7n;
      if (byte >= 128) continue;
      found.push(Number(BigInt.asIntN(64, value)));
      [value, scale] = [0n, 0n];
    }
    return found;
  });
  return [...numbers(fields, id), ...packed];
}

function constantOf(bytes: Uint8Array): [string, Constant] {
  const fields = fieldsOf(bytes);
  const [type] = numbers(fields, 2);
  const name = texts(fields, 8)[0] ?? "";
  const raw = Buffer.concat(messages(fields, 9));
  const values: number[] = [];
  if (type === FLOAT) {
    const floats = raw.length > 0 ? raw : Buffer.concat(messages(fields, 4));
    for (let at = 0; at < floats.length; at += 4) values.push(floats.readFloatLE(at));
  } else if (type === INT64) {
    values.push(...wholes(fields, 7));
    for (let at = 0; at < raw.length; at += 8) values.push(Number(raw.readBigInt64LE(at)));
  } else throw new ModelPackageError(`constant ${name} is of type ${type}, but only float32 and int64 are known`);
  return [name, { dims: wholes(fields, 1), values }];
}

function nodeOf(bytes: Uint8Array): GraphNode {
  const fields = fieldsOf(bytes);
  const attributes = messages(fields, 5).map((attribute) => {
    const inner = fieldsOf(attribute);
    return [texts(inner, 1)[0] ?? "", numbers(inner, 3)[0] ?? Number.NaN] as const;
  });
  return {
    operator: texts(fields, 4)[0] ?? "",
    inputs: texts(fields, 1),
    outputs: texts(fields, 2),
    attributes: Object.fromEntries(attributes),
  };
}

/** Reads the graph of an ONNX file. Throws ModelPackageError where the bytes are none, or hold types not known here. */
export function readOnnx(bytes: Uint8Array): OnnxGraph {
  const [graph] = messages(fieldsOf(bytes), 7);
  if (graph === undefined) throw new ModelPackageError("the file holds no graph");
  const fields = fieldsOf(graph);
  const constants = new Map(messages(fields, 5).map(constantOf));
  const named = (id: number): string[] =>
    messages(fields, id).flatMap((value) => texts(fieldsOf(value), 1).slice(0, 1));
  return {
    nodes: messages(fields, 1).map(nodeOf),
    constants,
    inputs: named(11).filter((name) => !constants.has(name)),
    outputs: named(12),
  };
}

/** A tensor that goes in or comes out. */
export interface DeclaredTensor {
  readonly name: string;
  /** ONNX's number of its type; 1 = float32. */
  readonly type: number;
  /** Null where a dimension is free. */
  readonly dims: readonly (number | null)[];
}

/** What an ONNX file says of itself before anything is computed. */
export interface OnnxHeader {
  /** Version of each operator set that the file imports; "" = ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly inputs: readonly DeclaredTensor[];
  readonly outputs: readonly DeclaredTensor[];
  /** Name of the first constant or attribute that holds a number which is not finite, or null. */
  readonly notFinite: string | null;
}

/** Reads what a file declares, whatever its operators are. Throws ModelPackageError where the bytes are no graph. */
export function readOnnxHeader(bytes: Uint8Array): OnnxHeader {
  const model = fieldsOf(bytes);
  const [graph] = messages(model, 7);
  if (graph === undefined) throw new ModelPackageError("the file holds no graph");
  const fields = fieldsOf(graph);
  const opsets = messages(model, 8).map((one): [string, number] => {
    const inner = fieldsOf(one);
    return [(texts(inner, 1)[0] ?? "").replace(/^ai\.onnx$/, ""), numbers(inner, 2)[0] ?? 0];
  });
  const constants = messages(fields, 5).map(fieldsOf);
  const held = new Set(constants.flatMap((one) => texts(one, 8).slice(0, 1)));
  const tensors = (id: number): DeclaredTensor[] => messages(fields, id).map(declaredTensor);
  return {
    opsets: new Map(opsets),
    inputs: tensors(11).filter(({ name }) => !held.has(name)),
    outputs: tensors(12),
    notFinite: constants.flatMap(notFiniteConstant)[0] ?? messages(fields, 1).flatMap(notFiniteNode)[0] ?? null,
  };
}

function declaredTensor(bytes: Uint8Array): DeclaredTensor {
  const fields = fieldsOf(bytes);
  const tensor = messages(fields, 2)
    .flatMap((type) => messages(fieldsOf(type), 1))
    .map(fieldsOf)[0];
  const shape = messages(tensor ?? [], 2).flatMap((one) => messages(fieldsOf(one), 1));
  return {
    name: texts(fields, 1)[0] ?? "",
    type: numbers(tensor ?? [], 1)[0] ?? 0,
    dims: shape.map((dim) => numbers(fieldsOf(dim), 1)[0] ?? null),
  };
}

function notFiniteConstant(fields: readonly Field[]): string[] {
  if (numbers(fields, 2)[0] !== FLOAT) return [];
  return [...messages(fields, 9), ...messages(fields, 4)].some(holdsNotFinite) ? [texts(fields, 8)[0] ?? ""] : [];
}

/** Trees keep their thresholds and leaves in attributes: lists of floats, packed or one by one. */
function notFiniteNode(bytes: Uint8Array): string[] {
  const fields = fieldsOf(bytes);
  return messages(fields, 5).flatMap((attribute) => {
    const inner = fieldsOf(attribute);
    const bad = messages(inner, 7).some(holdsNotFinite);
    return bad ? [`${texts(fields, 4)[0]}.${texts(inner, 1)[0]}`] : [];
  });
}

function holdsNotFinite(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.length; at += 4) if (!Number.isFinite(view.getFloat32(at, true))) return true;
  return false;
}
