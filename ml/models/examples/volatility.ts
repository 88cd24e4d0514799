/**
 * A volatility rule: tomorrow's variance is like that of the last day and week, the day counting for more. Plain code
 * behind the same interface as a net: `forecast` gets the features that manifest.json names (NaN = missing) and what is
 * asked, and answers mean and quantiles of the realised variance over the horizon.
 */
interface Quantiles {
  readonly mean: number;
  readonly q10: number;
  readonly q50: number;
  readonly q90: number;
}

const DAY_SECONDS = 86_400;
const DAY_WEIGHT = 0.6;
/** Spread of log variance around its forecast, and the 90 % quantile of the normal distribution. */
const SPREAD = 0.7;
const Z90 = 1.2815515655;
/** Log variance per day where nothing is known, and the edges that an absurd input is drawn back to. */
const USUAL = -6.5;
const [LEAST, MOST] = [-20, 3];

export function forecast(
  features: Readonly<Record<string, number>>,
  question: { readonly horizonSeconds: number },
): Quantiles {
  const known = (name: string, other: number): number => {
    const value = features[name] ?? Number.NaN;
    return Number.isNaN(value) ? other : value;
  };
  const week = known("log_rv_168h", known("log_rv_24h", USUAL));
  const day = known("log_rv_24h", week);
  const level = Math.min(MOST, Math.max(LEAST, DAY_WEIGHT * day + (1 - DAY_WEIGHT) * week));
  const mean = (Math.exp(level) * question.horizonSeconds) / DAY_SECONDS;
  const q50 = mean * Math.exp(-(SPREAD ** 2) / 2);
  return { mean, q10: q50 * Math.exp(-Z90 * SPREAD), q50, q90: q50 * Math.exp(Z90 * SPREAD) };
}
