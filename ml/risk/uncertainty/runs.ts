import { invert, studentDistribution, studentLnDensity } from "./studentT.ts";

/**
 * Bayesian online change-point detection (Adams and MacKay, 2007) on the errors of a forecast: a mixture over how long the
 * present regime has lasted. Within a run the errors are normal around zero with an unknown variance whose prior is
 * inverse gamma, so each run predicts Student's t.
 */
export interface Run {
  /** Errors seen since the run began. */
  readonly length: number;
  readonly probability: number;
  /** Sum of their squares. */
  readonly squares: number;
}

export interface RunSettings {
  /** Prior degrees of freedom and variance of an error in a new regime. */
  readonly degrees: number;
  readonly variance: number;
  /** Chance a day that a new regime begins. */
  readonly hazard: number;
  /** Most runs to keep; the least probable go first. */
  readonly most: number;
}

export const firstRun: readonly Run[] = [{ length: 0, probability: 1, squares: 0 }];

const degreesOf = ({ length }: Run, { degrees }: RunSettings): number => degrees + length;

const scaleOf = (run: Run, settings: RunSettings): number =>
  Math.sqrt((settings.degrees * settings.variance + run.squares) / degreesOf(run, settings));

/** The runs after one more error. */
export function observeError(runs: readonly Run[], error: number, settings: RunSettings): readonly Run[] {
  const likelihoods = runs.map((run) => {
    const scale = scaleOf(run, settings);
    return (run.probability * Math.exp(studentLnDensity(error / scale, degreesOf(run, settings)))) / scale + 1e-300;
  });
  const total = likelihoods.reduce((sum, value) => sum + value, 0);
  const { hazard, most } = settings;
  const grown = runs.map((run, i) => ({
    length: run.length + 1,
    probability: ((1 - hazard) * (likelihoods[i] as number)) / total,
    squares: run.squares + error * error,
  }));
  const kept = [{ length: 0, probability: hazard, squares: 0 }, ...grown]
    .sort((a, b) => b.probability - a.probability || a.length - b.length)
    .slice(0, most)
    .sort((a, b) => a.length - b.length);
  const left = kept.reduce((sum, { probability }) => sum + probability, 0);
  return kept.map((run) => ({ ...run, probability: run.probability / left }));
}

/** Quantile of the next error, widened `inflation` times (1 = the noise alone). */
export function errorQuantile(
  runs: readonly Run[],
  probability: number,
  inflation: number,
  settings: RunSettings,
): number {
  const far = 40 * inflation * Math.max(...runs.map((run) => scaleOf(run, settings)));
  return invert((x) => errorRank(runs, x, inflation, settings), probability, -far, far);
}

/** Probability that the next error is at most x. */
export const errorRank = (runs: readonly Run[], x: number, inflation: number, settings: RunSettings): number =>
  runs.reduce((sum, run) => {
    const scaled = x / (scaleOf(run, settings) * inflation);
    return sum + run.probability * studentDistribution(scaled, degreesOf(run, settings));
  }, 0);

/** Probability that the present regime began within the last `days`. */
export const changedWithin = (runs: readonly Run[], days: number): number =>
  runs.filter(({ length }) => length <= days).reduce((sum, { probability }) => sum + probability, 0);

/** How long the present regime has lasted, in expectation. */
export const expectedRun = (runs: readonly Run[]): number =>
  runs.reduce((sum, { length, probability }) => sum + length * probability, 0);
