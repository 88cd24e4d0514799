import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MODELS } from "../../../ml/models/index.ts";
import { seededRandom } from "../../../ml/random.ts";
import { type CreateEngineParameters, createEngine } from "../../../ml/runtime/graph/engine.ts";
import { type OnnxGraph, readOnnx } from "../../../ml/runtime/graph/onnxFile.ts";
import { parseManifest } from "../../../ml/runtime/manifest.ts";
import { openRuntimeSession } from "../../../ml/runtime/onnxRuntime.ts";
import { repeatRow, rowOf } from "../../../ml/runtime/tensor.ts";
import { denseOnnx } from "./onnxFile.ts";

const FOLDER = join(import.meta.dirname, "../../../ml/models");
const ROWS = 300;

/** A graph of one function of `features`. */
const single = (operator: string): OnnxGraph => ({
  nodes: [{ operator, inputs: ["features"], outputs: ["quantiles"], attributes: {} }],
  constants: new Map(),
  inputs: ["features"],
  outputs: ["quantiles"],
});

/** What the engine answers for each of these numbers, as rows. */
function answersOf(operator: string, values: readonly number[]): Float32Array {
  const engine = createEngine({
    graph: single(operator),
    output: "quantiles",
    widths: { features: 1 },
    perRow: new Set(["features"]),
  });
  if (engine === null) throw new Error(`${operator} is not known`);
  return engine.evaluate({ features: Float32Array.from(values) }, values.length);
}

/** Error function by its series, in double precision. */
function exactErf(x: number): number {
  let [sum, term] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return Math.abs(x) > 4 ? Math.sign(x) : (2 / Math.sqrt(Math.PI)) * sum;
}

describe("the graph engine", () => {
  const spread = Array.from({ length: 4001 }, (_, i) => (i - 2000) / 200);
  const near = Array.from({ length: 401 }, (_, i) => (i - 200) * 1e-5);
  it.each([
    ["Exp", Math.exp, 3e-7, 0],
    ["Tanh", Math.tanh, 4e-7, 0],
    ["Erf", exactErf, 2e-7, 1e-9],
    ["Sigmoid", (x: number) => 1 / (1 + Math.exp(-x)), 4e-7, 0],
    ["Softplus", (x: number) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(0, x), 3e-7, 1.2e-7],
    ["Log", Math.log, 3e-7, 1e-9],
    ["Neg", (x: number) => -x, 0, 0],
    ["Relu", (x: number) => Math.max(0, x), 0, 0],
  ] as const)("computes %s to single precision", (operator, exact, relative, absolute) => {
    const inputs = [...spread, ...near].map(Math.fround).filter((x) => operator !== "Log" || x > 0);
    const answers = answersOf(operator, inputs);
    inputs.forEach((x, i) => {
      const wanted = exact(x);
      const error = Math.abs((answers[i] ?? Number.NaN) - wanted);
      expect(error, `${operator}(${x})`).toBeLessThanOrEqual(absolute + relative * Math.abs(wanted));
    });
  });

  it("answers what no number is as floats do", () => {
    expect([...answersOf("Exp", [1000, -1000, Number.NaN])]).toEqual([Number.POSITIVE_INFINITY, 0, Number.NaN]);
    expect([...answersOf("Log", [0, -1, Number.NaN, Number.POSITIVE_INFINITY])]).toEqual([
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ]);
    expect([...answersOf("Tanh", [50, -50, Number.NaN])]).toEqual([
      expect.closeTo(1, 6),
      expect.closeTo(-1, 6),
      Number.NaN,
    ]);
  });

  it("keeps what all rows share apart from what each row has, however often a place is used again", () => {
    const ops = [
      ["Mul", ["range", "features"], "scaled"],
      ["Add", ["scaled", "scaled"], "twice"],
      ["Neg", ["twice"], "negative"],
      ["Exp", ["features"], "grown"],
      ["Sub", ["negative", "grown"], "less"],
      ["Concat", ["less", "features", "scaled", "range"], "all"],
      ["MatMul", ["all", "weights"], "sums"],
      ["Concat", ["grown", "sums", "less", "range"], "quantiles"],
    ] as const;
    const attributes = { axis: 1 };
    const nodes = ops.map(([operator, inputs, output]) => ({ operator, inputs, outputs: [output], attributes }));
    const weights = Array.from({ length: 20 }, (_, i) => i - 7);
    const engine = createEngine({
      graph: {
        nodes,
        constants: new Map([["weights", { dims: [4, 5], values: weights }]]),
        inputs: ["features", "range"],
        outputs: ["quantiles"],
      },
      output: "quantiles",
      widths: { features: 1, range: 1 },
      perRow: new Set(["range"]),
    });
    const shared = 0.5;
    const rows = 131;
    const range = Float32Array.from({ length: rows }, (_, i) => (i - 64) / 8);
    const answer = engine?.evaluate({ features: Float32Array.of(shared), range }, rows) ?? new Float32Array();
    expect(answer).toHaveLength(rows * 8);
    const grown = Math.exp(shared);
    range.forEach((x, row) => {
      const less = -2 * shared * x - grown;
      const all = [less, shared, shared * x, x];
      const sums = [0, 1, 2, 3, 4].map((k) => all.reduce((sum, one, i) => sum + one * (weights[5 * i + k] ?? 0), 0));
      [grown, ...sums, less, x].forEach((wanted, column) => {
        expect(answer[row * 8 + column], `row ${row}, column ${column}`).toBeCloseTo(wanted, 3);
      });
    });
  });

  it("leaves graphs with operations that it does not know to onnxruntime", () => {
    expect(
      createEngine({ graph: single("LSTM"), output: "quantiles", widths: { features: 1 }, perRow: new Set() }),
    ).toBeNull();
  });

  it("refuses bytes that are cut off", () => {
    const bytes = denseOnnx({ fields: 2, outputs: 4, weights: Array(8).fill(1), bias: Array(4).fill(0) });
    expect(() => readOnnx(bytes.subarray(0, bytes.length - 7))).toThrow(/cut off/);
    expect(() => readOnnx(new Uint8Array())).toThrow(/no graph/);
  });

  for (const { id, folder } of MODELS) {
    if (folder === null) continue;
    describe(`running ${id}`, async () => {
      const text = readFileSync(join(FOLDER, folder, "manifest.json"), "utf8");
      const manifest = parseManifest(text, folder);
      const bytes = readFileSync(join(FOLDER, folder, manifest.file));
      const fields = manifest.featureSchema.fields;
      const ranged = manifest.inputs.some(({ name }) => name === "range");
      const timed = manifest.inputs.some(({ name }) => name === "horizon");
      const parameters: CreateEngineParameters = {
        graph: readOnnx(bytes),
        output: "quantiles",
        widths: {
          features: fields.length,
          mask: fields.length,
          ...(ranged ? { range: 3 } : {}),
          ...(timed ? { horizon: 1 } : {}),
        },
        perRow: new Set(ranged ? ["range"] : []),
      };
      const engine = createEngine(parameters);
      const random = seededRandom(7);
      const row = (data: readonly number[]) => ({ rows: 1, columns: data.length, data: Float32Array.from(data) });
      const rows = ranged ? ROWS : 1;
      const moments = Array.from({ length: 8 }, (_, moment) => {
        const missing = fields.map(() => (random() < moment / 10 ? 1 : 0));
        const values = fields.map((field, i) => {
          const { p1, p99 } = manifest.domain[field] ?? { p1: -1, p99: 1 };
          return missing[i] === 1 ? 0 : p1 - 0.5 * (p99 - p1) + 2 * random() * (p99 - p1);
        });
        const range = Float32Array.from({ length: 3 * rows });
        for (let i = 0; i < rows; i++) {
          const lower = 0.6 * (random() - 0.6);
          range.set([lower, lower + 0.001 + 0.8 * random() ** 3, Math.log(0.25 + 2.75 * random())], 3 * i);
        }
        const horizon = row([Math.log(7 * (1 / 168) ** random())]);
        return { features: row(values), mask: row(missing), range: { rows, columns: 3, data: range }, horizon };
      });

      it("answers single columns with the very numbers that they have among all", () => {
        const only = [3, 0];
        const some = createEngine({ ...parameters, only });
        for (const { features, mask, range, horizon } of moments) {
          const inputs = { features: features.data, mask: mask.data, range: range.data, horizon: horizon.data };
          const [all, picked] = [engine?.evaluate(inputs, rows), some?.evaluate(inputs, rows)];
          if (!all || !picked) throw new Error("the engine does not know this graph");
          const columns = all.length / rows;
          const wanted = Array.from({ length: rows }, (_, row) => only.map((column) => all[row * columns + column]));
          expect(Array.from(picked)).toEqual(wanted.flat());
        }
        expect(createEngine({ ...parameters, only: [99] })).toBeNull();
      });

      it("answers as onnxruntime does, within the tolerance of the samples", async () => {
        expect(engine).not.toBeNull();
        const session = await openRuntimeSession(bytes, folder);
        for (const { features, mask, range, horizon } of moments) {
          const inputs = {
            features: repeatRow(features, rows),
            mask: repeatRow(mask, rows),
            ...(ranged ? { range } : {}),
            ...(timed ? { horizon: repeatRow(horizon, rows) } : {}),
          };
          const { data: wanted } = await session.run(inputs);
          const shared = { features: features.data, mask: mask.data, horizon: horizon.data };
          const found = engine?.evaluate({ ...shared, range: range.data }, rows) ?? new Float32Array();
          expect(found).toHaveLength(wanted.length);
          const { relative, absolute } = manifest.samples;
          wanted.forEach((value, i) => {
            const error = Math.abs((found[i] ?? Number.NaN) - value);
            expect(error, `[${i}] ${value}`).toBeLessThanOrEqual(absolute + relative * Math.abs(value));
          });
        }
      });

      it("gives each row the same bits in whatever batch it comes", () => {
        const [moment] = moments;
        if (!moment || !engine) throw new Error("nothing to run");
        const { features, mask, range, horizon } = moment;
        const fixed = { features: features.data, mask: mask.data, horizon: horizon.data };
        const whole = engine.evaluate({ ...fixed, range: range.data }, rows);
        const width = whole.length / rows;
        for (let i = 0; i < rows; i++) {
          const alone = engine.evaluate({ ...fixed, range: rowOf(range, i).data }, 1);
          expect([...alone]).toEqual([...whole.subarray(i * width, (i + 1) * width)]);
        }
      });
    });
  }
});
