import type { GraphNode, OnnxGraph } from "./onnxFile.ts";

/** One number per row. Columns of which every row is the same are `fixed`: constants, features, what follows from them. */
export interface Column {
  readonly id: number;
  readonly fixed: boolean;
  readonly source: Source;
}

export type Source =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "input"; readonly name: string; readonly index: number }
  | { readonly kind: "operation"; readonly operation: Operation; readonly a: Column; readonly b: Column | null }
  /** The `index`-th sum of a product. */
  | { readonly kind: "product"; readonly product: Product; readonly index: number };

/** Weighted sums of columns: fixed ones first, as a product of their own that the sums start from. */
export interface Product {
  readonly inputs: readonly Column[];
  /** [input][sum]. */
  readonly weights: readonly (readonly number[])[];
  readonly sums: number;
  readonly start: Product | null;
}

/** Codes of assembly/index.ts. */
export const OPERATIONS = {
  Add: 1,
  Sub: 2,
  Mul: 3,
  Div: 4,
  Max: 5,
  Min: 6,
  Neg: 7,
  Exp: 8,
  Log: 9,
  Tanh: 10,
  Erf: 11,
  Sigmoid: 12,
  Softplus: 13,
  Relu: 14,
} as const;
export type Operation = keyof typeof OPERATIONS;

const BINARY = new Set(["Add", "Sub", "Mul", "Div", "Max", "Min"]);

/**
 * The output of a graph as columns, where each is computed once however often it is named. `widths` = columns of each
 * input, `perRow` = the inputs that differ from row to row. Null when the graph does something that is not known here.
 */
export function columnsOf(
  graph: OnnxGraph,
  output: string,
  widths: Readonly<Record<string, number>>,
  perRow: ReadonlySet<string>,
): readonly Column[] | null {
  const unique = new Map<string, Column>();
  const column = (key: string, fixed: boolean, source: Source): Column => {
    const known = unique.get(key);
    if (known) return known;
    const made = { id: unique.size, fixed, source };
    unique.set(key, made);
    return made;
  };
  const constant = (value: number): Column =>
    column(`constant ${Object.is(value, -0) ? "-0" : value}`, true, { kind: "constant", value });
  const operation = (name: Operation, a: Column, b: Column | null): Column =>
    column(`${name} ${a.id} ${b?.id}`, a.fixed && (b?.fixed ?? true), { kind: "operation", operation: name, a, b });

  function product(inputs: readonly Column[], weights: readonly (readonly number[])[]): readonly Column[] {
    const sums = weights[0]?.length ?? 0;
    const part = (fixed: boolean, start: Product | null): Product | null => {
      const chosen = inputs.map((_, i) => i).filter((i) => inputs[i]?.fixed === fixed);
      if (chosen.length === 0) return start;
      return {
        inputs: chosen.map((i) => inputs[i] as Column),
        weights: chosen.map((i) => weights[i] as readonly number[]),
        sums,
        start,
      };
    };
    const whole = part(false, part(true, null));
    if (whole === null) return [];
    const fixed = inputs.every((input) => input.fixed);
    const key = unique.size;
    return Array.from({ length: sums }, (_, index) =>
      column(`product ${key} ${index}`, fixed, { kind: "product", product: whole, index }),
    );
  }

  const tensors = new Map<string, readonly Column[]>();
  for (const [name, width] of Object.entries(widths)) {
    const columns = Array.from({ length: width }, (_, index) =>
      column(`input ${name} ${index}`, !perRow.has(name), { kind: "input", name, index }),
    );
    tensors.set(name, columns);
  }
  const tensor = (name: string | undefined): readonly Column[] | null => {
    const known = tensors.get(name ?? "");
    if (known) return known;
    const found = graph.constants.get(name ?? "");
    // Numbers along the last axis are columns; more than one row of them is no column.
    if (!found || found.dims.slice(0, -1).some((dim) => dim !== 1)) return null;
    return found.values.map(constant);
  };
  const binary = (name: Operation, a: readonly Column[] | null, b: readonly Column[] | null) => {
    if (!a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1)) return null;
    return Array.from({ length: Math.max(a.length, b.length) }, (_, i) =>
      operation(name, a[a.length === 1 ? 0 : i] as Column, b[b.length === 1 ? 0 : i] as Column),
    );
  };

  function apply({ operator, inputs, attributes }: GraphNode): readonly Column[] | null {
    const a = tensor(inputs[0]);
    const along = attributes.axis === 1 || attributes.axis === -1;
    if (BINARY.has(operator) && inputs.length === 2) return binary(operator as Operation, a, tensor(inputs[1]));
    if (operator === "MatMul") {
      const matrix = graph.constants.get(inputs[1] ?? "");
      const [rows = 0, sums = 0] = matrix?.dims ?? [];
      if (!a || matrix?.dims.length !== 2 || rows !== a.length) return null;
      return product(
        a,
        a.map((_, i) => matrix.values.slice(i * sums, (i + 1) * sums)),
      );
    }
    if (operator === "Concat") {
      const parts = inputs.map(tensor);
      return along && parts.every((part) => part !== null) ? parts.flat() : null;
    }
    if (operator === "Gather") {
      const indices = graph.constants.get(inputs[1] ?? "")?.values;
      if (!a || !along || !indices?.every((index) => index >= 0 && index < a.length)) return null;
      return indices.map((index) => a[index] as Column);
    }
    if (operator === "ReduceSum") {
      const axes = graph.constants.get(inputs[1] ?? "")?.values ?? [];
      if (!a || axes.length !== 1 || (axes[0] !== 1 && axes[0] !== -1) || attributes.keepdims === 0) return null;
      return [a.reduce((sum, one) => operation("Add", sum, one))];
    }
    if (operator === "Clip" && inputs.length === 3) {
      return binary("Min", binary("Max", a, tensor(inputs[1])), tensor(inputs[2]));
    }
    if (operator === "Identity") return a;
    if (Object.hasOwn(OPERATIONS, operator) && inputs.length === 1 && a) {
      return a.map((one) => operation(operator as Operation, one, null));
    }
    return null;
  }

  for (const node of graph.nodes) {
    const columns = apply(node);
    const [name] = node.outputs;
    if (!columns || name === undefined || node.outputs.length !== 1) return null;
    tensors.set(name, columns);
  }
  return tensors.get(output) ?? null;
}
