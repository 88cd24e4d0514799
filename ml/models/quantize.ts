import { InvalidInputError } from "../errors.ts";
import { evaluateQuantizedMlp, largestSum, type QuantizedLayer, type QuantizedMlp } from "../runtime/quantizedMlp.ts";

/** A dense layer in floats; `weights` row by row, [neuron][input]. */
export interface FloatLayer {
  readonly weights: readonly (readonly number[])[];
  readonly biases: readonly number[];
}

/** A network of dense layers with ReLU after each but the last. */
export interface FloatMlp {
  readonly layers: readonly FloatLayer[];
}

export interface QuantizeParameters {
  readonly mlp: FloatMlp;
  /** Whole numbers, as the chain will hand them over; the float network sees each times `inputUnit`. */
  readonly calibration: readonly (readonly number[])[];
  /** What an input of 1 means to the float network. */
  readonly inputUnit: number;
  /** Inputs on which the loss is measured; those of the calibration when absent. */
  readonly heldOut?: readonly (readonly number[])[];
  /** Largest weight; 127 = int8. */
  readonly weightMax?: number;
  /** Largest activation; the more, the finer. */
  readonly activationMax?: number;
}

/** How far the integer network's answers are from the float network's, in the float network's units. */
export interface QuantizationLoss {
  readonly meanAbsolute: number;
  readonly maxAbsolute: number;
  /** Mean absolute error over the mean size of the float answers. */
  readonly relative: number;
  readonly samples: number;
}

export interface QuantizeReturnType {
  readonly quantized: QuantizedMlp;
  readonly loss: QuantizationLoss;
  /** Largest sum that a neuron could reach over any input; below 2^31 by construction. */
  readonly largestSum: number;
}

const LIMIT = 2 ** 31;

/** The float network's answers to real inputs, and the largest activation of each layer. */
export function evaluateFloatMlp({ layers }: FloatMlp, inputs: readonly number[], peaks: number[] = []): number[] {
  let values = inputs;
  layers.forEach(({ weights, biases }, index) => {
    const sums = biases.map((bias, neuron) =>
      (weights[neuron] as readonly number[]).reduce((sum, weight, i) => sum + weight * (values[i] as number), bias),
    );
    values = index === layers.length - 1 ? sums : sums.map((sum) => Math.max(0, sum));
    peaks[index] = Math.max(peaks[index] ?? 0, ...values.map(Math.abs));
  });
  return [...values];
}

/**
 * A float network in integers that the contract can evaluate. Each layer has one scale; weights give up resolution
 * until no neuron can overflow on any input, and a network for which that leaves nothing is refused.
 */
export function quantize(parameters: QuantizeParameters): QuantizeReturnType {
  const { mlp, calibration, inputUnit, heldOut = calibration, weightMax = 127, activationMax = 65_535 } = parameters;
  if (!(inputUnit > 0)) throw new InvalidInputError(`inputUnit is ${inputUnit}, but must be positive`);
  if (calibration.length === 0) throw new InvalidInputError("calibration is empty, but the scales come from it");
  const clamp = (value: number): number => Math.min(Math.max(value, -activationMax), activationMax);
  const real = (inputs: readonly number[]): number[] => inputs.map((value) => clamp(value) * inputUnit);
  const peaks: number[] = [];
  for (const inputs of calibration) evaluateFloatMlp(mlp, real(inputs), peaks);

  const layers: QuantizedLayer[] = [];
  let unit = inputUnit;
  let outputShift = 0;
  mlp.layers.forEach((layer, index) => {
    const last = index === mlp.layers.length - 1;
    const fitted = fitLayer({ layer, index, unit, last, weightMax, activationMax, peak: peaks[index] as number });
    layers.push(fitted.layer);
    unit = fitted.unit;
    if (last) outputShift = Math.round(-Math.log2(fitted.unit));
  });
  const quantized: QuantizedMlp = { layers, activationMax, outputShift };
  return { quantized, loss: measure(mlp, quantized, heldOut, real), largestSum: largestSum(quantized) };
}

/** What was lost, for people. */
export const describeQuantization = ({ quantized, loss, largestSum: sum }: QuantizeReturnType): string =>
  [
    `${[quantized.layers[0], ...quantized.layers].map((layer, i) => (i === 0 ? inputsOf(layer) : layer?.biases.length)).join("-")} network in integers`,
    `no neuron can exceed ${sum} of ${LIMIT} (${((100 * sum) / LIMIT).toFixed(1)} %)`,
    `lost on ${loss.samples} inputs: mean ${loss.meanAbsolute.toPrecision(3)} (${(100 * loss.relative).toFixed(2)} % of the mean answer), at most ${loss.maxAbsolute.toPrecision(3)}`,
  ].join("\n");

const inputsOf = (layer: QuantizedLayer | undefined): number =>
  layer === undefined ? 0 : layer.weights.length / layer.biases.length;

interface FitParameters {
  readonly layer: FloatLayer;
  readonly index: number;
  /** What an activation of 1 in front of the layer means. */
  readonly unit: number;
  readonly last: boolean;
  readonly weightMax: number;
  readonly activationMax: number;
  /** Largest activation behind the layer that the calibration saw. */
  readonly peak: number;
}

/** One layer in integers, and what a 1 behind it means. */
function fitLayer(parameters: FitParameters): { readonly layer: QuantizedLayer; readonly unit: number } {
  const { layer, index, unit, last, weightMax, activationMax, peak } = parameters;
  const largest = layer.weights.flat().reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  if (!(largest > 0)) throw new InvalidInputError(`layers[${index}] has no weight other than zero`);
  // The last layer's unit is a power of two, so that the chain can undo it by a shift.
  const finest = (unit * largest) / weightMax;
  for (let sumUnit = last ? 2 ** Math.ceil(Math.log2(finest)) : finest; ; sumUnit *= 2) {
    if (sumUnit > 2 * finest * weightMax || (last && sumUnit > 1)) {
      throw new InvalidInputError(`layers[${index}]: with these biases no scale keeps every sum below 2^31`);
    }
    const shift = last ? 0 : Math.max(0, Math.ceil(Math.log2(peak / (sumUnit * activationMax) || 1)));
    if (shift > 31) continue;
    const rounding = shift > 0 ? 2 ** (shift - 1) : 0;
    const biases = layer.biases.map((bias) => Math.round(bias / sumUnit) + rounding);
    const weights = layer.weights.flat().map((weight) => Math.round((weight * unit) / sumUnit));
    if (biases.some((bias) => Math.abs(bias) >= LIMIT)) continue;
    const fitted = { weights: Int32Array.from(weights), biases: Int32Array.from(biases), shift };
    if (largestSum({ layers: [fitted], activationMax, outputShift: 0 }) >= LIMIT) continue;
    return { layer: fitted, unit: sumUnit * 2 ** shift };
  }
}

function measure(
  mlp: FloatMlp,
  quantized: QuantizedMlp,
  samples: readonly (readonly number[])[],
  real: (inputs: readonly number[]) => number[],
): QuantizationLoss {
  let total = 0;
  let size = 0;
  let maxAbsolute = 0;
  let count = 0;
  for (const inputs of samples) {
    const wanted = evaluateFloatMlp(mlp, real(inputs));
    evaluateQuantizedMlp(quantized, inputs).forEach((answer, i) => {
      const error = Math.abs(answer / 2 ** quantized.outputShift - (wanted[i] as number));
      total += error;
      size += Math.abs(wanted[i] as number);
      maxAbsolute = Math.max(maxAbsolute, error);
      count += 1;
    });
  }
  return { meanAbsolute: total / count, maxAbsolute, relative: total / size, samples: samples.length };
}
