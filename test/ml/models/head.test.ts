import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hexToBytes } from "viem";
import { describe, expect, it } from "vitest";
import { headInputs } from "../../../ml/features/headInputs.ts";
import { buildHead, spreadOf } from "../../../ml/models/head/build.ts";
import { readFloatMlp } from "../../../ml/models/head/readFloatMlp.ts";
import { syntheticRows } from "../../../ml/models/head/syntheticRows.ts";
import { headVectors } from "../../../ml/models/head/vectors.ts";
import { evaluateFloatMlp } from "../../../ml/models/quantize.ts";
import { createProgram } from "../../../rebalancer/cli/program.ts";
import { type GraphLayer, headOnnx, layersOnnx } from "../runtime/onnxFile.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PACKAGE = join(ROOT, "ml/models/spread-head");
const SHIPPED = join(ROOT, "deploy/heads/spread-head");

const shipped = () => readFloatMlp(readFileSync(join(PACKAGE, "model.onnx")));
const given = () => ({
  mlp: shipped(),
  calibration: syntheticRows({ count: 4_000, seed: 1 }),
  heldOut: syntheticRows({ count: 4_000, seed: 2 }),
  widthFloorPerSpreadTicks: 12_665,
});

describe("an on-chain head", () => {
  it("is read from ONNX: weights, biases and ReLU, as the graph says", () => {
    const mlp = readFloatMlp(
      layersOnnx(
        [2, 2, 1],
        [
          { weights: [1, -1, 2, 0.5], bias: [0.25, -0.5] },
          { weights: [3, -2], bias: [1] },
        ],
      ),
    );
    // h = relu([1·2 + 2·3 + .25, −1·2 + .5·3 − .5]) = [8.25, 0]; y = 3 · 8.25 + 1.
    expect(evaluateFloatMlp(mlp, [2, 3])).toEqual([25.75]);
  });

  it("is refused by name where the contract could not evaluate it", () => {
    const dense = (i: number): GraphLayer => ({ operator: "MatMul", constant: { dims: [2, 2], values: [1, i, 0, 1] } });
    const relu: GraphLayer = { operator: "Relu" };
    const read = (layers: readonly GraphLayer[]) => () => readFloatMlp(headOnnx(2, layers));
    expect(read([dense(1), { operator: "Tanh" }, dense(2)])).toThrow("operator Tanh is not known");
    expect(read([dense(1), { operator: "Softplus" }])).toThrow("operator Softplus is not known");
    expect(read([dense(1), dense(2)])).toThrow("MatMul follows a layer without Relu");
    expect(read([dense(1), relu])).toThrow("Relu after the last layer");
    expect(read([relu, dense(1)])).toThrow("Relu comes before the first layer");
    expect(read([])).toThrow("no dense layer");
    const wide: GraphLayer = { operator: "MatMul", constant: { dims: [3, 1], values: [1, 1, 1] } };
    expect(read([dense(1), relu, wide])).toThrow("layer 1 takes 3 values, but 2 come");
    const bias: GraphLayer = { operator: "Add", constant: { dims: [3], values: [1, 1, 1] } };
    expect(read([dense(1), bias])).toThrow("a bias has 3 values for 2 neurons");
    const broken: GraphLayer = { operator: "MatMul", constant: { dims: [2, 1], values: [1, Number.NaN] } };
    expect(read([broken])).toThrow("not a finite number");
    expect(() => readFloatMlp(new Uint8Array([1, 2, 3]))).toThrow();
  });

  it("is refused when it takes other inputs, is too large, or cannot be kept from overflowing", () => {
    const parameters = given();
    const net = (dims: readonly number[], weight: number, bias: number) => ({
      layers: dims.slice(1).map((neurons, i) => ({
        weights: Array.from({ length: neurons }, () => Array<number>(dims[i] as number).fill(weight)),
        biases: Array<number>(neurons).fill(bias),
      })),
    });
    const few = {
      ...parameters,
      calibration: parameters.calibration.slice(0, 20),
      heldOut: parameters.heldOut.slice(0, 20),
    };
    expect(() => buildHead({ ...few, mlp: net([7, 1], 1, 0) })).toThrow("takes 7 inputs, but the chain hands over 8");
    expect(() => buildHead({ ...few, mlp: net([8, 400, 400, 1], 1e-4, 0) })).toThrow(/takes \d+ data contracts/);
    expect(() => buildHead({ ...few, mlp: net([8, 4, 1], 1e-6, 1e9) })).toThrow("no scale keeps every sum below 2^31");
    expect(() => buildHead({ ...few, mlp: net([8, 4, 4, 4, 4, 4, 4, 4, 1], 0.1, 0) })).toThrow("there are 1 to 7");
    // More than one contract is well.
    expect(buildHead({ ...few, mlp: net([8, 128, 64, 1], 1e-3, 0) }).contracts).toBe(2);
  });

  it("loses four tenths of a per cent of spread at most on 99 of 100 walks of all tempers, and narrows none", () => {
    const { loss, quantization } = buildHead(given());
    expect(loss.p99).toBeLessThan(0.004);
    expect(loss.worst).toBeLessThan(0.01);
    expect(loss.narrower).toBe(0);
    expect(loss.p50).toBeGreaterThan(0);
    expect(quantization.largestSum).toBeLessThan(2 ** 31);
  });

  it("answers more for a wilder day, and something for a day without a trade", () => {
    const { quantized } = buildHead(given()).quantization;
    const day = (ticks: number): number[] =>
      headInputs([0, 1, -1, 2, 0, 1, -2, 0].map((x) => Math.trunc(x * ticks * 256)));
    const spreads = [0, 10, 40, 160, 640, 1_500].map((ticks) => spreadOf(quantized, day(ticks)));
    expect(spreads).toEqual(spreads.toSorted((a, b) => a - b));
    expect(spreads[5]).toBeGreaterThan(0.3);
    expect(spreads[1]).toBeLessThan(0.03);
    expect(spreadOf(quantized, day(1)), "a stable pair's day").toBeLessThan(0.005);
  });

  it("takes the inputs that the contract's library takes", () => {
    // Steps of 1 tick, then one of −16 ticks, newest last.
    expect(headInputs([0, 256, 512, 768, 1024, 1280, 1536, 1536 - 4096])).toEqual([256, 16, 16, 16, 16, 16, 16, 258]);
  });

  it("comes out of one command as it is shipped", async () => {
    const out = join(mkdtempSync(join(tmpdir(), "head-")), "head");
    await createProgram().parseAsync([
      "node",
      "rangekeeper",
      "head",
      "build",
      "--json",
      "--model",
      PACKAGE,
      "--out",
      out,
    ]);
    expect(readFileSync(`${out}.hex`, "utf8")).toBe(readFileSync(`${SHIPPED}.hex`, "utf8"));
    const vectors = JSON.parse(readFileSync(`${out}.vectors.json`, "utf8"));
    expect(vectors).toEqual(JSON.parse(readFileSync(`${SHIPPED}.vectors.json`, "utf8")));
    expect(hexToBytes(readFileSync(`${out}.hex`, "utf8").trim() as `0x${string}`).length).toBe(6_464);
    expect(vectors.inputs.length).toBe(headVectors(buildHead(given()).quantization.quantized, 64, 1).inputs.length);
  });
});
