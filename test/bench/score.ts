/** Speed of scoring: 4,096 ranges through a 32-64-64-4 net and through the shipped models, and whole decisions. */
import { toBars } from "../../ml/data/bars.ts";
import { decide } from "../../ml/decide.ts";
import { computeFeatures } from "../../ml/features/index.ts";
import { loadModelSet } from "../../ml/models/index.ts";
import { seededRandom } from "../../ml/random.ts";
import type { GridSize } from "../../ml/ranges/candidates.ts";
import { createEngine, type Engine } from "../../ml/runtime/graph/engine.ts";
import type { Constant, GraphNode, OnnxGraph } from "../../ml/runtime/graph/onnxFile.ts";
import { openRuntimeSession } from "../../ml/runtime/onnxRuntime.ts";
import { bounds, market, settings, vault } from "../ml/fixtures.ts";
import { layersOnnx } from "../ml/runtime/onnxFile.ts";
import { type Bench, type BenchRow, median } from "./bench.ts";

const RANGES = 4_096;
const RUNS = 60;
const WARM_UP = 12;
const WIDTHS = [32, 64, 64, 4] as const;
/** Of the 32 inputs, those that differ from range to range. */
const PER_RANGE = 3;

export const bench: Bench = async ({ progress }) => {
  const rows: BenchRow[] = [];
  const time = async (name: string, limit: number | null, aim: string, work: () => unknown): Promise<number> => {
    progress(name);
    for (let i = 0; i < WARM_UP; i++) await work();
    const wall: number[] = [];
    const cpu: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      const before = process.cpuUsage();
      const began = performance.now();
      await work();
      wall.push(performance.now() - began);
      const { user, system } = process.cpuUsage(before);
      cpu.push((user + system) / 1_000);
    }
    const value = median(wall);
    rows.push({ name, value, unit: "ms", against: aim, ratio: limit === null ? null : value / limit });
    rows.push({ name: "  processor time", value: median(cpu), unit: "ms", against: "", ratio: null });
    return value;
  };

  const net = denseNet();
  const random = seededRandom(5);
  const features = Float32Array.from({ length: WIDTHS[0] - PER_RANGE }, () => random() - 0.5);
  const range = Float32Array.from({ length: RANGES * PER_RANGE }, () => random() - 0.5);
  const limit = "at most 4, aim 2";
  const ours = await time("4,096 ranges, 32-64-64-4", 4, limit, () => net.engine.evaluate({ features, range }, RANGES));
  const oursOne = await time("one range, 32-64-64-4", 0.1, "at most 0.1", () =>
    net.engine.evaluate({ features, range }, 1),
  );

  const whole = new Float32Array(RANGES * WIDTHS[0]);
  for (let row = 0; row < RANGES; row++) {
    whole.set(features, row * WIDTHS[0]);
    whole.set(range.subarray(row * PER_RANGE, (row + 1) * PER_RANGE), row * WIDTHS[0] + WIDTHS[0] - PER_RANGE);
  }
  const session = await openRuntimeSession(net.file, "32-64-64-4");
  const input = { x: { rows: RANGES, columns: WIDTHS[0], data: whole } };
  const theirs = await time("the same in onnxruntime-web", null, "", () => session.run(input));
  rows.push({ name: "ours against that", value: theirs / ours, unit: "times", against: "", ratio: null });
  const native = await openNative(net.file);
  if (native === null) {
    progress("for its row: ONNXRUNTIME_NODE_INSTALL=skip npm i --no-save onnxruntime-node");
    rows.push({
      name: "onnxruntime-node",
      value: Number.NaN,
      unit: "",
      against: "not installed",
      ratio: null,
    });
  } else {
    const many = await time("the same in onnxruntime-node", null, "one thread", () => native(whole, RANGES));
    const one = whole.subarray(0, WIDTHS[0]);
    const single = await time("one range in onnxruntime-node", null, "one thread", () => native(one, 1));
    const times = (name: string, value: number): BenchRow => ({ name, value, unit: "times", against: "", ratio: null });
    rows.push(times("ours against onnxruntime-node", many / ours));
    rows.push(times("one range: ours against onnxruntime-node", single / oursOne));
  }

  const coarse = market({ hours: 168, swapsPerHour: 40 });
  const history = { ...coarse, pool: { ...coarse.pool, tickSpacing: 1 } };
  const state = vault(history, 1);
  const bars = toBars(history, 1, { barSeconds: 3_600, untilSeconds: history.toTimestamp });
  const moment = computeFeatures(bars);
  const queries = Array.from({ length: RANGES }, (_, i) => ({
    lowerOffset: -0.01 - i * 1e-4,
    upperOffset: 0.02 + i * 1e-4,
    horizonSeconds: settings.horizonSeconds,
  }));
  for (const id of ["rangekeeper", "rules"]) {
    const models = await loadModelSet(id);
    await time(`${id}: losses of 4,096`, null, "", () => models.il.predict(moment, queries));
    await time(`${id}: fees of 4,096`, null, "", () => models.yield.predict(moment, queries));
    const grid = { widths: 64, centres: 66 };
    const shipped = id === "rangekeeper";
    // With the digest of its inputs, which is made when it is asked for: what is proposed carries it.
    const decided = async (size?: GridSize) =>
      (await decide({ history, state, models, bounds, settings, ...(size === undefined ? {} : { grid: size }) }))
        .inputsDigest;
    await time(`${id}: decision, 4,211`, shipped ? 10 : null, shipped ? "at most 10" : "", () => decided(grid));
    await time(`${id}: decision, default`, null, "", () => decided());
  }
  return rows;
};

/** The part of onnxruntime-node that is used here: it is found where it is installed, and is no dependency. */
interface NativeRuntime {
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => unknown;
  readonly InferenceSession: {
    create(bytes: Uint8Array, options: object): Promise<{ run(feeds: Record<string, unknown>): Promise<unknown> }>;
  };
}

/** The net in onnxruntime's native build, on one thread like ours; null where it is not installed. */
async function openNative(file: Uint8Array): Promise<((x: Float32Array, rows: number) => Promise<unknown>) | null> {
  const name = "onnxruntime-node";
  let ort: NativeRuntime;
  try {
    const found = (await import(name)) as NativeRuntime & { readonly default?: NativeRuntime };
    ort = found.InferenceSession === undefined && found.default !== undefined ? found.default : found;
  } catch {
    return null;
  }
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  return (x, rows) => session.run({ x: new ort.Tensor("float32", x, [rows, WIDTHS[0]]) });
}

/** A net with ReLU between its layers: in our engine with the ranges' inputs apart, and as a file with one input. */
function denseNet(): { engine: Engine; file: Uint8Array } {
  const random = seededRandom(3);
  const constants = new Map<string, Constant>();
  const nodes: GraphNode[] = [
    { operator: "Concat", inputs: ["features", "range"], outputs: ["h0"], attributes: { axis: 1 } },
  ];
  const layers: { weights: number[]; bias: number[] }[] = [];
  for (let i = 0; i + 1 < WIDTHS.length; i++) {
    const [inputs, outputs] = [WIDTHS[i] as number, WIDTHS[i + 1] as number];
    const weights = Array.from({ length: inputs * outputs }, () => (random() - 0.5) / Math.sqrt(inputs));
    const bias = Array.from({ length: outputs }, () => random() - 0.5);
    layers.push({ weights, bias });
    constants.set(`w${i}`, { dims: [inputs, outputs], values: weights });
    constants.set(`b${i}`, { dims: [1, outputs], values: bias });
    const last = i + 2 === WIDTHS.length;
    nodes.push(
      { operator: "MatMul", inputs: [`h${i}`, `w${i}`], outputs: [`m${i}`], attributes: {} },
      { operator: "Add", inputs: [`m${i}`, `b${i}`], outputs: [last ? "quantiles" : `a${i}`], attributes: {} },
    );
    if (!last) nodes.push({ operator: "Relu", inputs: [`a${i}`], outputs: [`h${i + 1}`], attributes: {} });
  }
  const graph: OnnxGraph = { nodes, constants, inputs: ["features", "range"], outputs: ["quantiles"] };
  const engine = createEngine({
    graph,
    output: "quantiles",
    widths: { features: WIDTHS[0] - PER_RANGE, range: PER_RANGE },
    perRow: new Set(["range"]),
  });
  if (engine === null) throw new Error("the engine does not know a dense net");
  return { engine, file: layersOnnx(WIDTHS, layers) };
}
