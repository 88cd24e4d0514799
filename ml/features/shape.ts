import { AT_BAR_END, type FeatureDescriptor } from "./descriptor.ts";
import {
  clamp,
  enoughBars,
  type FeatureView,
  HOUR_SECONDS,
  lnFloored,
  shared,
  windowMean,
  windowStart,
} from "./window.ts";

const DAY = 24;
const WEEK = 168;
/** Variance of a log price within a window below which its slope against anything says nothing. */
const STILL = 1e-8;

interface Moments {
  readonly known: number;
  readonly priceVariance: number;
  readonly depthVariance: number;
  readonly covariance: number;
}

/** Variances of log price and log liquidity over the week's hours that know both. */
const moments = shared((view): Moments => {
  const { close, logLiquidity } = view.bars;
  const { end } = view;
  const start = windowStart(view, WEEK);
  let known = 0;
  let price = 0;
  let depth = 0;
  for (let i = start; i < end; i++) {
    const x = close[i] as number;
    const y = logLiquidity[i] as number;
    if (Number.isNaN(x) || Number.isNaN(y)) continue;
    known++;
    price += x;
    depth += y;
  }
  const meanPrice = price / known;
  const meanDepth = depth / known;
  let priceVariance = 0;
  let depthVariance = 0;
  let covariance = 0;
  for (let i = start; i < end; i++) {
    const x = (close[i] as number) - meanPrice;
    const y = (logLiquidity[i] as number) - meanDepth;
    if (Number.isNaN(x) || Number.isNaN(y)) continue;
    priceVariance += x * x;
    depthVariance += y * y;
    covariance += x * y;
  }
  return {
    known,
    priceVariance: priceVariance / known,
    depthVariance: depthVariance / known,
    covariance: covariance / known,
  };
});

/** How unevenly swaps came over the day's hours: 0 for a Poisson stream, more where they bunch. */
function dispersion(view: FeatureView): number {
  const { values, known } = view.bars.swaps;
  const mean = windowMean(view, view.bars.swaps, DAY);
  let sum = 0;
  let count = 0;
  for (let i = windowStart(view, DAY); i < view.end; i++) {
    if (known[i + 1] === known[i]) continue;
    sum += ((values[i] as number) - mean) ** 2;
    count++;
  }
  return mean === 0 ? Number.NaN : lnFloored(sum / (count - 1) / mean, 1e-3);
}

const pool = { version: 1, since: 2, needs: "pool", knowable: AT_BAR_END } as const;

/** How in-range liquidity lies about the price, as far as the price walked through it, and how swaps arrive. */
export const shapeFeatures: readonly FeatureDescriptor[] = [
  {
    ...pool,
    name: "liquidity_spread_168h",
    unit: "ln(liquidity)",
    windowSeconds: WEEK * HOUR_SECONDS,
    describe: "standard deviation of the log of hourly in-range liquidity: how uneven the depth is that the price met",
    compute(view) {
      const { known, depthVariance } = moments(view);
      return known < enoughBars(WEEK) ? Number.NaN : Math.sqrt(depthVariance);
    },
  },
  {
    ...pool,
    name: "liquidity_tilt_168h",
    unit: "ln(liquidity) per ln(price), within ±100",
    windowSeconds: WEEK * HOUR_SECONDS,
    describe: "slope of log liquidity against log price: above 0 where it is deeper at higher prices",
    compute(view) {
      const { known, priceVariance, covariance } = moments(view);
      return known < enoughBars(WEEK) ? Number.NaN : clamp(covariance / Math.max(priceVariance, STILL), -100, 100);
    },
  },
  {
    ...pool,
    name: "swap_dispersion_24h",
    unit: "ln(variance / mean)",
    windowSeconds: DAY * HOUR_SECONDS,
    describe: "variance of the hourly counts of swaps over their mean; 0 where they come independently",
    compute: dispersion,
  },
];
