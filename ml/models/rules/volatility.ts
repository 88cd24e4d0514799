import { feature } from "../../features/index.ts";
import { ModelInputError } from "../../runtime/errors.ts";
import type { Features, Quantiles, VolatilityModel } from "../../types.ts";
import { Z90 } from "./normal.ts";
import { sourceSha256 } from "./source.ts";

const DAY_SECONDS = 86_400;

/** Spread of log variance around its forecast where a week of history is not there to measure it. */
const DEFAULT_SPREAD = 0.8;

/**
 * Variance per day: the mean of what the last day, three days and week had. Their overlap weighs recent days like an
 * exponential average with a half-life of about two days. Falls back to the last six hours.
 */
export function varianceForecast(features: Features): number {
  const known = ["log_rv_24h", "log_rv_72h", "log_rv_168h"].map((name) => feature(features, name)).filter(isKnown);
  if (known.length === 0) known.push(...["log_rv_6h"].map((name) => feature(features, name)).filter(isKnown));
  if (known.length === 0) {
    throw new ModelInputError("rules: log_rv_6h to log_rv_168h are all missing, but one must be known for a forecast");
  }
  return known.reduce((sum, value) => sum + Math.exp(value), 0) / known.length;
}

/** Standard deviation of log realised variance around the forecast. */
export function varianceSpread(features: Features): number {
  const measured = feature(features, "vol_of_vol");
  return Number.isNaN(measured) ? DEFAULT_SPREAD : Math.min(1.5, Math.max(0.4, measured));
}

/** Quantiles of a lognormal with this mean and log spread. */
export function lognormalQuantiles(mean: number, spread: number): Quantiles {
  const median = mean * Math.exp(-(spread ** 2) / 2);
  return { mean, q10: median * Math.exp(-Z90 * spread), q50: median, q90: median * Math.exp(Z90 * spread) };
}

const isKnown = (value: number): boolean => !Number.isNaN(value);

/** Baseline without weights: tomorrow is like the last week, the last days counting more. */
export const loadRulesVolatility = async (): Promise<VolatilityModel> => ({
  id: "rules-volatility",
  version: "1.0.0",
  task: "volatility",
  sha256: sourceSha256(import.meta.url),
  predict: async (features, horizonSeconds) =>
    lognormalQuantiles((varianceForecast(features) * horizonSeconds) / DAY_SECONDS, varianceSpread(features)),
});
