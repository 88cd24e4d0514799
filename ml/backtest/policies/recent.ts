import type { Bar } from "../../types.ts";

const HOUR = 3600;
const DAY = 86_400;

/** What the last hours say about the market; rates per day. Null where too little is known. */
export interface RecentMarket {
  /** Variance of the log price a day, exponentially weighted. */
  readonly variance: number;
  /** Mean log return a day, exponentially weighted. */
  readonly logDrift: number;
  /** Fees of a full-range position as a fraction of its value, a day, exponentially weighted; 0 where not known. */
  readonly feeYield: number;
}

export interface RecentParameters {
  readonly halfLifeHours: number;
  /** Fewer known bars than this say nothing. */
  readonly leastBars: number;
}

/** Exponentially weighted averages over the known bars, the newest weighing most. */
export function recentMarket(
  bars: readonly Bar[],
  { halfLifeHours, leastBars }: RecentParameters,
): RecentMarket | null {
  const decay = 0.5 ** (1 / halfLifeHours);
  let [weights, variance, drift, fees, known] = [0, 0, 0, 0, 0];
  let weight = 1;
  for (let i = bars.length - 1; i >= 0 && weight > 1e-6; i--) {
    const bar = bars[i] as Bar;
    if (!Number.isNaN(bar.close) && !Number.isNaN(bar.realisedVariance)) {
      const perDay = DAY / (bar.endSeconds - bar.startSeconds || HOUR);
      weights += weight;
      variance += weight * bar.realisedVariance * perDay;
      drift += weight * (bar.close - bar.open) * perDay;
      fees += weight * (Number.isNaN(bar.feeYield) ? 0 : bar.feeYield) * perDay;
      known++;
    }
    weight *= decay;
  }
  if (known < leastBars || !(variance > 0)) return null;
  return { variance: variance / weights, logDrift: drift / weights, feeYield: fees / weights };
}
