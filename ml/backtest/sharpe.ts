import { normalDistribution } from "../risk/normal.ts";
import { normalQuantile } from "./significance.ts";

const EULER = 0.5772156649015329;

export interface Moments {
  readonly mean: number;
  /** Of the sample, with n − 1. */
  readonly deviation: number;
  readonly skew: number;
  /** 3 for a normal distribution. */
  readonly kurtosis: number;
}

/** Mean, sample deviation, skewness and kurtosis (standardised third and fourth moments). */
export function momentsOf(values: readonly number[]): Moments {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const central = (power: number) => values.reduce((sum, value) => sum + (value - mean) ** power, 0) / n;
  const variance = central(2);
  return {
    mean,
    deviation: Math.sqrt((variance * n) / (n - 1)),
    skew: variance > 0 ? central(3) / variance ** 1.5 : 0,
    kurtosis: variance > 0 ? central(4) / variance ** 2 : 3,
  };
}

/** Mean over deviation per period, not annualised; null when nothing varies. */
export function sharpeOf(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const { mean, deviation } = momentsOf(values);
  return deviation > 0 ? mean / deviation : null;
}

/** The Sharpe ratio that the best of `trials` unskilled tries is expected to show: Bailey and López de Prado (2014), eq. 1. */
export function expectedBestSharpe(trials: number, varianceOfTrials: number): number {
  if (trials < 2) return 0;
  return (
    Math.sqrt(varianceOfTrials) *
    ((1 - EULER) * normalQuantile(1 - 1 / trials) + EULER * normalQuantile(1 - 1 / (trials * Math.E)))
  );
}

export interface DeflatedSharpeParameters extends Omit<Moments, "mean" | "deviation"> {
  /** Per period, like the variance of the trials. */
  readonly sharpe: number;
  readonly periods: number;
  readonly trials: number;
  readonly varianceOfTrials: number;
}

/**
 * Probability that the true Sharpe ratio exceeds what the best of so many tries would show by luck, given the sample's
 * length, skew and kurtosis: the deflated Sharpe ratio of Bailey and López de Prado (J. Portfolio Management 2014).
 */
export function deflatedSharpe(parameters: DeflatedSharpeParameters): number {
  const { sharpe, periods, skew, kurtosis, trials, varianceOfTrials } = parameters;
  const excess = sharpe - expectedBestSharpe(trials, varianceOfTrials);
  const spread = 1 - skew * sharpe + ((kurtosis - 1) / 4) * sharpe ** 2;
  return normalDistribution((excess * Math.sqrt(periods - 1)) / Math.sqrt(spread));
}
