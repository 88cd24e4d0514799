import { InvalidInputError } from "../../errors.ts";
import { HEAD_INPUTS } from "../../features/headInputs.ts";
import {
  dataContracts,
  encodeQuantizedMlp,
  evaluateQuantizedMlp,
  type QuantizedMlp,
} from "../../runtime/quantizedMlp.ts";
import { evaluateFloatMlp, type FloatMlp, type QuantizeReturnType, quantize } from "../quantize.ts";

export interface BuildHeadParameters {
  readonly mlp: FloatMlp;
  /** Inputs in 1/16 tick, for the scales of the layers. */
  readonly calibration: readonly (readonly number[])[];
  /** Inputs in 1/16 tick, for the loss. */
  readonly heldOut: readonly (readonly number[])[];
  /** The strategy's: ticks of width floor for a spread of 100 %. */
  readonly widthFloorPerSpreadTicks: number;
}

/** What the integers lost of the answer that counts, the last one. */
export interface SpreadLoss {
  /** Quantiles of |integer − float|, 1 = 100 %. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly worst: number;
  /** The same at p99 and worst, in ticks of width floor. */
  readonly p99FloorTicks: number;
  readonly worstFloorTicks: number;
  /** Share of rows whose floor would be narrower than the float network's by more than a tick. */
  readonly narrower: number;
  /** Mean of the float answers. */
  readonly meanSpread: number;
  readonly rows: number;
}

export interface BuildHeadReturnType {
  readonly quantization: QuantizeReturnType;
  /** The bytes of the data contracts, one after the other. */
  readonly blob: Uint8Array;
  /** How many contracts hold them. */
  readonly contracts: number;
  readonly loss: SpreadLoss;
}

/** A head of more contracts would cost over two million gas with every move. */
export const MAX_HEAD_CONTRACTS = 24;

const real = (value: number): number => Math.max(0, value);

/** The last answer as the strategy takes it: a ratio, never negative. */
export const spreadOf = (quantized: QuantizedMlp, inputs: readonly number[]): number =>
  real((evaluateQuantizedMlp(quantized, inputs).at(-1) as number) / 2 ** quantized.outputShift);

/** A float network as the bytes that the chain evaluates, and what that cost in accuracy. */
export function buildHead(parameters: BuildHeadParameters): BuildHeadReturnType {
  const { mlp, calibration, heldOut, widthFloorPerSpreadTicks } = parameters;
  const inputs = mlp.layers[0]?.weights[0]?.length;
  if (inputs !== HEAD_INPUTS) {
    throw new InvalidInputError(`the network takes ${inputs} inputs, but the chain hands over ${HEAD_INPUTS}`);
  }
  const quantization = quantize({ mlp, calibration, heldOut, inputUnit: 1 });
  const blob = encodeQuantizedMlp(quantization.quantized);
  const contracts = dataContracts(blob).length;
  if (contracts > MAX_HEAD_CONTRACTS) {
    throw new InvalidInputError(
      `the network takes ${contracts} data contracts (${blob.length} bytes), but at most ${MAX_HEAD_CONTRACTS} are read with a move`,
    );
  }
  if (heldOut.length === 0) throw new InvalidInputError("heldOut is empty, but the loss is measured on it");
  const errors = heldOut.map((row) => {
    // The chain clamps what it hands over: that is the network's domain, not a loss.
    const clamped = row.map((value) => Math.min(value, quantization.quantized.activationMax));
    const wanted = real(evaluateFloatMlp(mlp, clamped).at(-1) as number);
    return { wanted, error: spreadOf(quantization.quantized, row) - wanted };
  });
  const sizes = errors.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
  const at = (share: number): number => sizes[Math.min(sizes.length - 1, Math.floor(share * sizes.length))] ?? 0;
  const worst = sizes.at(-1) ?? 0;
  return {
    quantization,
    blob,
    contracts,
    loss: {
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      worst,
      p99FloorTicks: at(0.99) * widthFloorPerSpreadTicks,
      worstFloorTicks: worst * widthFloorPerSpreadTicks,
      narrower: errors.filter(({ error }) => error * widthFloorPerSpreadTicks < -1).length / errors.length,
      meanSpread: errors.reduce((sum, { wanted }) => sum + wanted, 0) / errors.length,
      rows: errors.length,
    },
  };
}
