import { InvalidInputError } from "../errors.ts";

/** A dense layer in integers. */
export interface QuantizedLayer {
  /** Row-major [neuron][input]. */
  readonly weights: Int32Array;
  readonly biases: Int32Array;
  /** Bits that ReLU's answer is shifted right; 0 in the last layer, which has none. */
  readonly shift: number;
}

/**
 * A small network in integers, as the contract `QuantizedMlp` evaluates it: ReLU, shift and clamp to `activationMax`
 * after each layer but the last; inputs are clamped to ±activationMax; an answer v stands for v / 2^outputShift.
 */
export interface QuantizedMlp {
  readonly layers: readonly QuantizedLayer[];
  readonly activationMax: number;
  readonly outputShift: number;
}

export const MAX_LAYERS = 7;
const VERSION = 1;
const LANES = 8;
const WORD = 32;
/** The most bytes of a contract's code, less its STOP byte. */
const DATA_BYTES = 24_575;

const inputsOf = ({ weights, biases }: QuantizedLayer): number => weights.length / biases.length;

/** The integer reference: bit for bit what the contract answers. */
export function evaluateQuantizedMlp(mlp: QuantizedMlp, inputs: ArrayLike<number>): number[] {
  const [first] = mlp.layers;
  if (first === undefined || inputs.length !== inputsOf(first)) {
    throw new InvalidInputError(
      `inputs has ${inputs.length} values, but the network takes ${first && inputsOf(first)}`,
    );
  }
  const most = mlp.activationMax;
  let activations = Array.from(inputs, (value) => Math.min(Math.max(value, -most), most));
  mlp.layers.forEach(({ weights, biases, shift }, index) => {
    const columns = activations.length;
    const sums = Array.from(biases, (bias, neuron) => {
      let sum = bias;
      for (let i = 0; i < columns; i++) sum += (weights[neuron * columns + i] as number) * (activations[i] as number);
      return sum;
    });
    const last = index === mlp.layers.length - 1;
    // Sums are below 2^31, so shifting as int32 is exact.
    activations = last ? sums : sums.map((sum) => (sum > 0 ? Math.min(sum >> shift, most) : 0));
  });
  return activations;
}

/**
 * The largest sum that any neuron could reach, Σ|w|·activationMax + |b| over any inputs. Below 2^31 no lane of the
 * contract can overflow.
 */
export function largestSum({ layers, activationMax }: QuantizedMlp): number {
  let largest = 0;
  for (const { weights, biases } of layers) {
    const columns = weights.length / biases.length;
    biases.forEach((bias, neuron) => {
      let sum = Math.abs(bias);
      for (let i = 0; i < columns; i++) sum += Math.abs(weights[neuron * columns + i] as number) * activationMax;
      largest = Math.max(largest, sum);
    });
  }
  return largest;
}

/** The bytes that the contract reads: a header word, then per layer and eight neurons the biases and one word per input. */
export function encodeQuantizedMlp(mlp: QuantizedMlp): Uint8Array {
  check(mlp);
  const sum = largestSum(mlp);
  if (sum >= 2 ** 31) {
    throw new InvalidInputError(`a neuron may reach ${sum}, but sums must stay below 2^31 = ${2 ** 31}`);
  }
  const words = [headerOf(mlp)];
  for (const { weights, biases } of mlp.layers) {
    const columns = weights.length / biases.length;
    for (let first = 0; first < biases.length; first += LANES) {
      // Every lane gets 2^31 extra, absent neurons too, so that each can be cut out.
      words.push(lanes((lane) => BigInt(biases[first + lane] ?? 0) + (1n << 31n)));
      for (let i = 0; i < columns; i++) {
        const at = (lane: number): bigint =>
          first + lane < biases.length ? BigInt(weights[(first + lane) * columns + i] as number) : 0n;
        words.push(lanes(at));
      }
    }
  }
  return Uint8Array.from(words.flatMap(bytesOf));
}

/** The creation codes of the contracts that hold `blob`: each code is a STOP byte and a part of it. */
export function dataContracts(blob: Uint8Array): Uint8Array[] {
  const codes: Uint8Array[] = [];
  for (let at = 0; at < blob.length; at += DATA_BYTES) {
    const part = blob.subarray(at, at + DATA_BYTES);
    const size = part.length + 1;
    // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN; then the code.
    codes.push(Uint8Array.from([0x61, size >> 8, size & 0xff, 0x80, 0x60, 10, 0x5f, 0x39, 0x5f, 0xf3, 0, ...part]));
  }
  return codes;
}

function headerOf({ layers, activationMax, outputShift }: QuantizedMlp): bigint {
  const bytes = new Uint8Array(WORD);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  bytes[1] = layers.length;
  layers.forEach((layer, index) => {
    if (index === 0) view.setUint16(2, inputsOf(layer));
    view.setUint16(4 + 2 * index, layer.biases.length);
    if (index + 1 < layers.length) bytes[18 + index] = layer.shift;
  });
  view.setUint16(25, activationMax);
  bytes[27] = outputShift;
  return bytes.reduce((word, byte) => (word << 8n) | BigInt(byte), 0n);
}

/** Eight signed lanes in one word: a negative one borrows from its neighbour. */
function lanes(at: (lane: number) => bigint): bigint {
  let word = 0n;
  for (let lane = 0; lane < LANES; lane++) word += at(lane) << BigInt(32 * lane);
  return BigInt.asUintN(256, word);
}

function bytesOf(word: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = word, i = 0; i < WORD; i++, rest >>= 8n) bytes.push(Number(rest & 0xffn));
  return bytes.reverse();
}

function check({ layers, activationMax, outputShift }: QuantizedMlp): void {
  const fail = (field: string, value: unknown, rule: string): never => {
    throw new InvalidInputError(`${field} is ${value}, but ${rule}`);
  };
  const whole = (value: number, most: number): boolean => Number.isInteger(value) && value >= 0 && value <= most;
  if (layers.length < 1 || layers.length > MAX_LAYERS) fail("layers", layers.length, `there are 1 to ${MAX_LAYERS}`);
  if (activationMax < 1 || !whole(activationMax, 0xffff)) fail("activationMax", activationMax, "it is 1 to 65,535");
  if (!whole(outputShift, 0xff)) fail("outputShift", outputShift, "it is 0 to 255");
  let inputs: number | undefined;
  for (const [index, layer] of layers.entries()) {
    const columns = inputsOf(layer);
    if (!whole(columns, 0xffff) || columns < 1) fail(`layers[${index}].weights`, columns, "rows are of equal length");
    if (inputs !== undefined && columns !== inputs) {
      fail(`layers[${index}].weights`, columns, `the layer before answers ${inputs}`);
    }
    if (!whole(layer.shift, 31)) fail(`layers[${index}].shift`, layer.shift, "it is 0 to 31");
    inputs = layer.biases.length;
  }
}
