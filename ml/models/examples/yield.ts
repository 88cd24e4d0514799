/**
 * A fee rule: the last day's full-range fee yield goes on, times how much the range concentrates, times the time inside.
 * `forecast` gets the features that manifest.json names (NaN = missing) and a range as log-price distances from spot, and
 * answers fees as a fraction of the position's starting value.
 */
interface Quantiles {
  readonly mean: number;
  readonly q10: number;
  readonly q50: number;
  readonly q90: number;
}

interface Question {
  readonly horizonSeconds: number;
  readonly lowerOffset: number;
  readonly upperOffset: number;
}

const DAY_SECONDS = 86_400;
const [USUAL_FEE, USUAL_VARIANCE] = [-8.5, -6.5];
const bounded = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

export function forecast(
  features: Readonly<Record<string, number>>,
  { horizonSeconds, lowerOffset, upperOffset }: Question,
): Quantiles {
  const known = (name: string, other: number): number => {
    const value = features[name] ?? Number.NaN;
    return Number.isNaN(value) ? other : value;
  };
  const days = horizonSeconds / DAY_SECONDS;
  const fee = Math.exp(bounded(known("log_fee_24h", USUAL_FEE), -20, -2)) * days;
  const variance = Math.exp(bounded(known("log_rv_24h", USUAL_VARIANCE), -20, 3)) * days;
  const concentration = 1 / (1 - Math.exp(-(upperOffset - lowerOffset) / 4));
  const deviation = Math.sqrt(variance / 2);
  const below = (x: number): number => 1 / (1 + Math.exp((-1.702 * x) / deviation));
  const mean = fee * concentration * Math.max(0, below(upperOffset) - below(lowerOffset));
  return { mean, q10: 0.4 * mean, q50: 0.85 * mean, q90: 1.8 * mean };
}
