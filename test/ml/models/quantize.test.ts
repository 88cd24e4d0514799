import { describe, expect, it } from "vitest";
import { describeQuantization, evaluateFloatMlp, type FloatMlp, quantize } from "../../../ml/models/quantize.ts";
import { seededRandom } from "../../../ml/random.ts";
import { encodeQuantizedMlp, evaluateQuantizedMlp } from "../../../ml/runtime/quantizedMlp.ts";

/** Weights as a trainer leaves them: normal, of variance 2 / inputs. */
function network(dims: readonly number[], seed: number, bias = 0.1): FloatMlp {
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return {
    layers: dims.slice(1).map((neurons, layer) => {
      const inputs = dims[layer] as number;
      return {
        weights: Array.from({ length: neurons }, () =>
          Array.from({ length: inputs }, () => normal() * Math.sqrt(2 / inputs)),
        ),
        biases: Array.from({ length: neurons }, () => normal() * bias),
      };
    }),
  };
}

function samples(columns: number, count: number, seed: number): number[][] {
  const random = seededRandom(seed);
  // Sixteenths of ticks between nothing and a few hundred ticks, most of them small.
  return Array.from({ length: count }, () =>
    Array.from({ length: columns }, () => Math.floor(6_000 * random() * random())),
  );
}

const given = (dims: readonly number[], seed: number) => ({
  mlp: network(dims, seed),
  calibration: samples(dims[0] as number, 500, seed + 1),
  heldOut: samples(dims[0] as number, 500, seed + 2),
  inputUnit: 1 / 2_000,
});

describe("quantize", () => {
  it("keeps answers within two per cent of the float network's on inputs that it has not seen", () => {
    for (const dims of [
      [8, 16, 16, 3],
      [16, 32, 32, 3],
      [8, 8, 1],
    ]) {
      const { loss } = quantize(given(dims, 1));
      expect(loss.relative).toBeLessThan(0.02);
      expect(loss.relative).toBeGreaterThan(0);
      expect(loss.samples).toBe(500);
    }
  });

  it("measures the loss that there is", () => {
    const parameters = given([8, 16, 3], 4);
    const { quantized, loss } = quantize(parameters);
    let worst = 0;
    for (const inputs of parameters.heldOut) {
      const real = evaluateFloatMlp(
        parameters.mlp,
        inputs.map((value) => value / 2_000),
      );
      evaluateQuantizedMlp(quantized, inputs).forEach((answer, i) => {
        worst = Math.max(worst, Math.abs(answer / 2 ** quantized.outputShift - (real[i] as number)));
      });
    }
    expect(loss.maxAbsolute).toBe(worst);
    expect(quantize({ ...parameters, weightMax: 7 }).loss.relative).toBeGreaterThan(5 * loss.relative);
  });

  it("leaves no neuron a way to overflow, whatever the input", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { quantized, largestSum } = quantize(given([8, 16, 16, 3], seed));
      expect(largestSum).toBeLessThan(2 ** 31);
      expect(() => encodeQuantizedMlp(quantized)).not.toThrow();
    }
  });

  it("gives up resolution for large biases and refuses where nothing would be left", () => {
    const parameters = given([8, 16, 3], 2);
    const large = { ...parameters, mlp: network([8, 16, 3], 2, 1e4) };
    expect(quantize(large).largestSum).toBeLessThan(2 ** 31);
    const absurd = { ...parameters, mlp: network([8, 16, 3], 2, 1e12) };
    expect(() => quantize(absurd)).toThrow("no scale keeps every sum below 2^31");
    expect(() => quantize({ ...parameters, calibration: [] })).toThrow("calibration is empty");
    expect(() => quantize({ ...parameters, inputUnit: 0 })).toThrow("inputUnit is 0");
    const nothing = { layers: [{ weights: [[0, 0]], biases: [1] }] };
    expect(() => quantize({ ...parameters, mlp: nothing, calibration: [[1, 1]] })).toThrow("no weight other than zero");
  });

  it("says what was lost", () => {
    const text = describeQuantization(quantize(given([16, 32, 32, 3], 3)));
    expect(text).toMatch(/^16-32-32-3 network in integers\nno neuron can exceed \d+ of 2147483648/);
    expect(text).toMatch(/lost on 500 inputs: mean [\d.e-]+ \([\d.]+ % of the mean answer\), at most/);
  });
});
