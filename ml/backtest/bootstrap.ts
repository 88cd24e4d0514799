import { InvalidInputError } from "../errors.ts";
import { seededRandom } from "../random.ts";
import { quantile } from "../sim/statistics.ts";

export interface BootstrapParameters {
  readonly values: readonly number[];
  /** Mean length of a block, in values; at least 1 (1 = values are drawn one by one). */
  readonly meanBlock: number;
  readonly resamples: number;
  readonly seed: number;
  /** Part of the resampled means inside the interval, e.g. 0.95. */
  readonly level: number;
}

export interface BootstrapInterval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Mean block length for this many values: the cube root, the order that minimises the error of the variance. */
export const blockLength = (count: number): number => Math.max(1, Math.round(Math.cbrt(count)));

/**
 * Percentile interval of the mean by the stationary bootstrap of Politis and Romano (JASA 1994): blocks start anywhere,
 * wrap around the end, and go on with probability 1 − 1/meanBlock, so that dependence between neighbours is kept.
 */
export function bootstrapMean(parameters: BootstrapParameters): BootstrapInterval {
  const { values, meanBlock, resamples, seed, level } = parameters;
  const count = values.length;
  if (count === 0) throw new InvalidInputError("values [] must hold at least one number to be resampled");
  if (!(meanBlock >= 1)) throw new InvalidInputError(`meanBlock ${meanBlock} must be at least 1`);
  const random = seededRandom(seed);
  const means: number[] = [];
  for (let b = 0; b < resamples; b++) {
    let sum = 0;
    let at = 0;
    for (let i = 0; i < count; i++) {
      at = i === 0 || random() < 1 / meanBlock ? Math.floor(random() * count) : (at + 1) % count;
      sum += values[at] as number;
    }
    means.push(sum / count);
  }
  const tail = (1 - level) / 2;
  const mean = values.reduce((a, b) => a + b, 0) / count;
  return { mean, low: quantile(means, tail), high: quantile(means, 1 - tail) };
}
