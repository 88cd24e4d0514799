import { studentQuantile } from "./studentT.ts";

/** What is kept of past days, oldest first: how far the price went and how far it was thought to go. */
export interface DayScores {
  /** |ln return|. */
  readonly sizes: readonly number[];
  /** ln of the standard deviation that was forecast. */
  readonly lnScales: readonly number[];
}

/**
 * One way to scale an interval: forecast^power × usual^(1 − power). A power below one trusts the forecast's direction more
 * than its size, which pays where returns have fat tails and forecasts have errors.
 */
export const POWERS = [1, 0.8, 0.6, 0.4] as const;

const PRIOR_DAYS = 40;
const PRIOR_DEGREES = 4;
/** Before there is evidence, intervals are this much wider than those of a t with four degrees of freedom. */
const PRIOR_WIDTH = 1.3;

/** Scores that stand for no evidence yet; they fade like others do. */
const PRIOR_SCORES: readonly number[] = Array.from(
  { length: PRIOR_DAYS },
  (_, i) => PRIOR_WIDTH * studentQuantile(0.5 + (0.5 * (i + 0.5)) / PRIOR_DAYS, PRIOR_DEGREES),
);

export interface ConformalSettings {
  /** Part of the scores that may lie beyond. */
  readonly missRate: number;
  /** How much a day counts that is a day older. */
  readonly forgetting: number;
}

/** Half widths of the interval by each power, from the days so far (oldest first), for a forecast and a usual scale. */
export function halfWidths(
  { sizes, lnScales }: DayScores,
  lnScale: number,
  lnUsual: number,
  settings: ConformalSettings,
): number[] {
  return POWERS.map((power) => {
    const scaled = sizes.map((size, i) => size / Math.exp(power * (lnScales[i] as number) + (1 - power) * lnUsual));
    const quantile = fadingQuantile([...PRIOR_SCORES, ...scaled], settings);
    return quantile * Math.exp(power * lnScale + (1 - power) * lnUsual);
  });
}

/** The conformal quantile of scores, oldest first, of which older ones count less. */
export function fadingQuantile(scores: readonly number[], { missRate, forgetting }: ConformalSettings): number {
  const weights = new Float64Array(scores.length);
  let weight = 1;
  // The day to come counts as one that may lie anywhere.
  let total = 1;
  for (let i = scores.length - 1; i >= 0; i--, weight *= forgetting) {
    weights[i] = weight;
    total += weight;
  }
  // From the largest down: only the tail needs to be in order.
  const order = scores.map((_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  let beyond = 1;
  for (const i of order) {
    beyond += weights[i] as number;
    if (beyond > missRate * total) return scores[i] as number;
  }
  return Number.NaN;
}

/** The Winkler score of a symmetric interval, halved: its half width and what a miss costs. */
export const halfWinkler = (halfWidth: number, size: number, missRate: number): number =>
  halfWidth + Math.max(0, size - halfWidth) / missRate;

/** Shares of trust by past losses: exponential weights. */
export function trust(losses: readonly number[], rate: number): number[] {
  const least = Math.min(...losses);
  const raw = losses.map((loss) => Math.exp(-rate * (loss - least)));
  const total = raw.reduce((sum, value) => sum + value, 0);
  return raw.map((value) => value / total);
}
