/**
 * Bayesian linear regression with a conjugate normal prior around zero and exponential forgetting: what is kept of the
 * past is its weighted moments, so an update costs the square of the number of inputs.
 */
export interface Regression {
  /** Lower triangle by rows of Σ λ^age x x'. */
  readonly moments: number[];
  /** Σ λ^age x y. */
  readonly cross: number[];
  /** Σ λ^age. */
  readonly weight: number;
}

export interface RegressionPosterior {
  /** Expected y at x. */
  mean(x: readonly number[]): number;
  /** x' V x: how much of the noise variance the coefficients' own uncertainty adds at x. */
  leverage(x: readonly number[]): number;
}

export const emptyRegression = (inputs: number): Regression => ({
  moments: new Array((inputs * (inputs + 1)) / 2).fill(0),
  cross: new Array(inputs).fill(0),
  weight: 0,
});

/** One more observation; everything before it counts `forgetting` times as much as it did. */
export function learn(
  { moments, cross, weight }: Regression,
  x: readonly number[],
  y: number,
  forgetting: number,
): Regression {
  const next = moments.map((value) => forgetting * value);
  for (let i = 0, k = 0; i < x.length; i++) {
    for (let j = 0; j <= i; j++, k++) next[k] = (next[k] as number) + (x[i] as number) * (x[j] as number);
  }
  return {
    moments: next,
    cross: cross.map((value, i) => forgetting * value + (x[i] as number) * y),
    weight: forgetting * weight + 1,
  };
}

/** The posterior under a prior whose precision is `prior[i]` on coefficient i. */
export function posterior({ moments, cross }: Regression, prior: readonly number[]): RegressionPosterior {
  const size = cross.length;
  const factor = cholesky(moments, prior);
  const at = (i: number, j: number): number => factor[(i * (i + 1)) / 2 + j] as number;
  const forward = (b: readonly number[]): number[] => {
    const z: number[] = [];
    for (let i = 0; i < size; i++) {
      let sum = b[i] as number;
      for (let j = 0; j < i; j++) sum -= at(i, j) * (z[j] as number);
      z.push(sum / at(i, i));
    }
    return z;
  };
  const coefficients = forward(cross);
  for (let i = size - 1; i >= 0; i--) {
    let sum = coefficients[i] as number;
    for (let j = i + 1; j < size; j++) sum -= at(j, i) * (coefficients[j] as number);
    coefficients[i] = sum / at(i, i);
  }
  return {
    mean: (x) => x.reduce((sum, value, i) => sum + value * (coefficients[i] as number), 0),
    leverage: (x) => forward(x).reduce((sum, value) => sum + value * value, 0),
  };
}

/** Lower triangle L with L L' = moments + diag(prior); the prior keeps it positive definite. */
function cholesky(moments: readonly number[], prior: readonly number[]): readonly number[] {
  const factor = [...moments];
  const at = (i: number, j: number): number => factor[(i * (i + 1)) / 2 + j] as number;
  for (let i = 0, k = 0; i < prior.length; i++) {
    for (let j = 0; j <= i; j++, k++) {
      let sum = at(i, j) + (i === j ? (prior[i] as number) : 0);
      for (let n = 0; n < j; n++) sum -= at(i, n) * at(j, n);
      factor[k] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
  }
  return factor;
}
