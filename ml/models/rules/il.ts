import { delta, type Offsets, value } from "../../risk/position.ts";
import type { Features, RangeQuery, RangeRiskModel, RangeRiskPrediction } from "../../types.ts";
import { normalCdf, normalGrid, Z90 } from "./normal.ts";
import { sourceSha256 } from "./source.ts";
import { varianceForecast, varianceSpread } from "./volatility.ts";

const DAY_SECONDS = 86_400;
const GRID = normalGrid(80);
const TIMES = [0.1, 0.3, 0.5, 0.7, 0.9] as const;

/**
 * Baseline without weights: the price ends lognormally around today's with the forecast variance, so that impermanent
 * loss follows from the shape of the position. Without drift the expected LVR is the expected impermanent loss, and
 * along a path it grows with the variance that the path had.
 */
export const loadRulesRangeRisk = async (): Promise<RangeRiskModel> => ({
  id: "rules-il",
  version: "1.0.0",
  task: "il",
  sha256: sourceSha256(import.meta.url),
  async predict(features: Features, queries: readonly RangeQuery[]) {
    if (queries.length === 0) return [];
    const perDay = varianceForecast(features);
    const spread = varianceSpread(features);
    return queries.map((query) => rangeRisk(query, (perDay * query.horizonSeconds) / DAY_SECONDS, spread));
  },
});

function rangeRisk({ lowerOffset, upperOffset }: RangeQuery, variance: number, spread: number): RangeRiskPrediction {
  const range: Offsets = { lower: lowerOffset, upper: upperOffset };
  const start = value(range, 0);
  const held = delta(range, 0);
  const losses = GRID.map((z) => {
    const x = Math.sqrt(variance) * z - variance / 2;
    return Math.min(0, (value(range, x) - start - held * (Math.exp(x) - 1)) / start);
  });
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  const sorted = losses.toSorted((a, b) => a - b);
  const at = (q: number): number => {
    const place = q * sorted.length - 0.5;
    const i = Math.min(sorted.length - 2, Math.max(0, Math.floor(place)));
    return (sorted[i] as number) + (place - i) * ((sorted[i + 1] as number) - (sorted[i] as number));
  };
  const median = -mean * Math.exp(-(spread ** 2) / 2);
  return {
    il: { mean, q10: at(0.1), q50: at(0.5), q90: Math.min(0, at(0.9)) },
    lvr: { mean: -mean, q10: median * Math.exp(-Z90 * spread), q50: median, q90: median * Math.exp(Z90 * spread) },
    inRange: expectedInRange(range, variance),
  };
}

/** Mean over the horizon of the chance that the price is inside the range. */
export function expectedInRange({ lower, upper }: Offsets, variance: number): number {
  let sum = 0;
  for (const time of TIMES) {
    const deviation = Math.sqrt(Math.max(variance * time, 1e-18));
    const drift = (-variance * time) / 2;
    sum += normalCdf((upper - drift) / deviation) - normalCdf((lower - drift) / deviation);
  }
  return Math.min(1, Math.max(0, sum / TIMES.length));
}
