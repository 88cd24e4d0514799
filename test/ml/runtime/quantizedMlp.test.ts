import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concat, keccak256, numberToHex } from "viem";
import { describe, expect, it } from "vitest";
import {
  dataContracts,
  encodeQuantizedMlp,
  evaluateQuantizedMlp,
  largestSum,
  type QuantizedLayer,
  type QuantizedMlp,
} from "../../../ml/runtime/quantizedMlp.ts";

/** Read by test/strategies/models/QuantizedMlp.t.sol, which builds the same networks from the same seeds. */
const VECTORS = join(import.meta.dirname, "../../golden/quantizedMlp.json");

const draw = (seed: number, index: number): bigint =>
  BigInt(keccak256(concat([numberToHex(seed, { size: 32 }), numberToHex(index, { size: 32 })])));

interface Recipe {
  readonly seed: number;
  readonly dims: readonly number[];
  readonly shift: number;
  readonly activationMax: number;
  readonly outputShift: number;
}

/** Weights in [-127, 127], biases in ±2^20, drawn in the order that the Solidity test draws them. */
function build({ seed, dims, shift, activationMax, outputShift }: Recipe): QuantizedMlp {
  let index = 0;
  const layers = dims.slice(1).map((neurons, layer): QuantizedLayer => {
    const columns = dims[layer] as number;
    const weights = Int32Array.from({ length: neurons * columns }, () => Number(draw(seed, index++) % 255n) - 127);
    const biases = Int32Array.from({ length: neurons }, () => Number(draw(seed, index++) % 2n ** 21n) - 2 ** 20);
    return { weights, biases, shift: layer + 2 < dims.length ? shift : 0 };
  });
  return { layers, activationMax, outputShift };
}

/** Zero, both extremes and beyond, one of each sign, then random ones. */
function inputsFor({ seed, dims, activationMax }: Recipe): number[][] {
  const [columns = 0] = dims;
  const fill = (at: (i: number) => number) => Array.from({ length: columns }, (_, i) => at(i));
  return [
    fill(() => 0),
    fill(() => activationMax),
    fill(() => -activationMax - 1),
    fill((i) => (i % 2 === 0 ? 2 ** 40 : -(2 ** 40))),
    ...[0, 1, 2].map((k) =>
      fill((i) => Number(draw(seed + 1, columns * k + i) % BigInt(2 * activationMax + 1)) - activationMax),
    ),
  ];
}

const recipes: readonly Recipe[] = [
  { seed: 1, dims: [8, 16, 16, 3], shift: 8, activationMax: 127, outputShift: 10 },
  { seed: 2, dims: [16, 32, 32, 3], shift: 9, activationMax: 127, outputShift: 12 },
  { seed: 3, dims: [8, 9, 1], shift: 4, activationMax: 65_535, outputShift: 0 },
  { seed: 4, dims: [5, 17], shift: 0, activationMax: 4_095, outputShift: 20 },
  { seed: 5, dims: [1, 1, 1, 1, 1, 1, 1, 1], shift: 3, activationMax: 1, outputShift: 31 },
  { seed: 6, dims: [16, 64, 64, 3], shift: 10, activationMax: 1_023, outputShift: 16 },
];

describe("quantized networks", () => {
  it("answer what the vectors that the contract is held to say", () => {
    const networks = recipes.map((recipe) => {
      const mlp = build(recipe);
      const inputs = inputsFor(recipe);
      const blobHash = keccak256(encodeQuantizedMlp(mlp));
      return { ...recipe, blobHash, inputs, outputs: inputs.map((each) => evaluateQuantizedMlp(mlp, each)) };
    });
    const text = `${JSON.stringify({ networks })}\n`;
    if (process.env.UPDATE_VECTORS || !existsSync(VECTORS)) writeFileSync(VECTORS, text);
    expect(readFileSync(VECTORS, "utf8")).toBe(text);
  });

  it("agree with arithmetic on big integers at random and at the extremes", () => {
    for (const recipe of recipes) {
      const mlp = build(recipe);
      for (const inputs of inputsFor(recipe)) expect(evaluateQuantizedMlp(mlp, inputs)).toEqual(naive(mlp, inputs));
    }
  });

  it("take the bytes that were measured", () => {
    const size = (dims: number[]) => encodeQuantizedMlp(build({ ...(recipes[0] as Recipe), dims })).length;
    expect([size([8, 16, 16, 3]), size([16, 32, 32, 3]), size([16, 64, 64, 3])]).toEqual([2_240, 7_488, 23_104]);
  });

  it("are cut over as many contracts as their bytes need", () => {
    const blob = encodeQuantizedMlp(build({ ...(recipes[0] as Recipe), dims: [16, 128, 128, 3] }));
    const codes = dataContracts(blob);
    expect(codes.length).toBe(Math.ceil(blob.length / 24_575));
    expect(Uint8Array.from(codes.flatMap((code) => [...code.subarray(11)]))).toEqual(blob);
    for (const code of codes) expect(code[10]).toBe(0);
  });

  it("are refused where a sum could overflow, and only there", () => {
    const network = (bias: number): QuantizedMlp => ({
      layers: [{ weights: Int32Array.from([127, -127]), biases: Int32Array.from([bias]), shift: 0 }],
      activationMax: 65_535,
      outputShift: 0,
    });
    const most = 2 ** 31 - 1 - 2 * 127 * 65_535;
    expect(largestSum(network(-most))).toBe(2 ** 31 - 1);
    expect(() => encodeQuantizedMlp(network(-most))).not.toThrow();
    expect(() => encodeQuantizedMlp(network(most + 1))).toThrow("a neuron may reach 2147483648");
  });

  it("are refused when they contradict themselves, and so are inputs of another length", () => {
    const mlp = build(recipes[0] as Recipe);
    expect(() => encodeQuantizedMlp({ ...mlp, activationMax: 0 })).toThrow("activationMax is 0");
    expect(() => encodeQuantizedMlp({ ...mlp, layers: [] })).toThrow("layers is 0");
    expect(() => encodeQuantizedMlp({ ...mlp, layers: mlp.layers.toReversed() })).toThrow("the layer before answers");
    expect(() => evaluateQuantizedMlp(mlp, [1, 2])).toThrow("inputs has 2 values, but the network takes 8");
  });
});

function naive({ layers, activationMax }: QuantizedMlp, inputs: readonly number[]): number[] {
  const most = BigInt(activationMax);
  let values = inputs.map(BigInt).map((value) => (value > most ? most : value < -most ? -most : value));
  layers.forEach(({ weights, biases, shift }, layer) => {
    values = [...biases].map((bias, neuron) => {
      const row = [...weights.subarray(neuron * values.length, (neuron + 1) * values.length)];
      const sum = row.reduce((total, weight, i) => total + BigInt(weight) * (values[i] as bigint), BigInt(bias));
      if (layer === layers.length - 1) return sum;
      const answer = sum > 0n ? sum >> BigInt(shift) : 0n;
      return answer > most ? most : answer;
    });
  });
  return values.map(Number);
}
