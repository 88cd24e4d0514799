import { HEAD_INPUTS } from "../../features/headInputs.ts";
import { seededRandom } from "../../random.ts";
import { evaluateQuantizedMlp, type QuantizedMlp } from "../../runtime/quantizedMlp.ts";

/** Inputs and the integer reference's answers, which the contract must give to the bit. */
export interface HeadVectors {
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
}

/** Zero, both extremes and beyond, mixed signs, one input at a time, then `count` random rows of all sizes. */
export function headVectors(quantized: QuantizedMlp, count: number, seed: number): HeadVectors {
  const most = quantized.activationMax;
  const random = seededRandom(seed);
  const fill = (at: (i: number) => number): number[] => Array.from({ length: HEAD_INPUTS }, (_, i) => at(i));
  const inputs = [
    fill(() => 0),
    fill(() => most),
    fill(() => -most - 1),
    fill(() => 2 ** 40),
    fill((i) => (i % 2 === 0 ? 2 ** 40 : -(2 ** 40))),
    ...fill(() => 0).map((_, only) => fill((i) => (i === only ? most : 0))),
    ...Array.from({ length: count }, () => {
      const size = 2 ** (1 + 15 * random());
      return fill(() => Math.floor(size * random()));
    }),
  ];
  return { inputs, outputs: inputs.map((row) => evaluateQuantizedMlp(quantized, row)) };
}
