/**
 * A loss rule: LVR is the variance's eighth, times how much the range concentrates, times the time inside; impermanent
 * loss has the same mean. `forecast` gets the features that manifest.json names (NaN = missing) and a range as log-price
 * distances from spot, and answers fractions of the position's starting value.
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
const USUAL = -6.5;
const [LEAST, MOST] = [-20, 3];
/** No range loses more than all. */
const WORST = 0.99;

export function forecast(
  features: Readonly<Record<string, number>>,
  { horizonSeconds, lowerOffset, upperOffset }: Question,
): { readonly il: Quantiles; readonly lvr: Quantiles; readonly inRange: number } {
  const known = (name: string, other: number): number => {
    const value = features[name] ?? Number.NaN;
    return Number.isNaN(value) ? other : value;
  };
  const level = Math.min(MOST, Math.max(LEAST, known("log_rv_168h", known("log_rv_24h", USUAL))));
  const variance = (Math.exp(level) * horizonSeconds) / DAY_SECONDS;
  const concentration = 1 / (1 - Math.exp(-(upperOffset - lowerOffset) / 4));
  // Mean deviation over the horizon, and a logistic stand-in for the normal distribution.
  const deviation = Math.sqrt(variance / 2);
  const below = (x: number): number => 1 / (1 + Math.exp((-1.702 * x) / deviation));
  const inRange = Math.max(0, below(upperOffset) - below(lowerOffset));
  const mean = Math.min(WORST, (variance / 8) * concentration * inRange);
  const at = (times: number): number => Math.min(WORST, mean * times);
  return {
    il: { mean: -mean, q10: -at(2.5), q50: -at(0.45), q90: -at(0.02) },
    lvr: { mean, q10: at(0.4), q50: at(0.8), q90: at(1.9) },
    inRange,
  };
}
