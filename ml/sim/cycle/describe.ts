import { quantile } from "../statistics.ts";

/** What a series of hourly log prices looks like; NaN where it is too short. */
export interface SeriesDescription {
  readonly days: number;
  /** Per square root of a day, from hourly returns. */
  readonly volatility: number;
  readonly kurtosis: number;
  /** Autocorrelation of squared hourly returns, an hour and a day apart. */
  readonly clusteringHour: number;
  readonly clusteringDay: number;
  /** Percentiles of hourly returns in standard deviations. */
  readonly p01: number;
  readonly p05: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly worstHour: number;
  readonly bestHour: number;
  /** Median and largest over windows of 30 days: the deepest fall from a high, a share. */
  readonly drawdownMedian: number;
  readonly drawdownWorst: number;
}

const WINDOW_HOURS = 720;

/** Describes hourly log prices of one or several paths; NaN in a path is a gap that returns do not cross. */
export function describeSeries(paths: readonly (readonly number[])[]): SeriesDescription {
  const returns = paths.map((path) => path.slice(1).map((ln, i) => ln - (path[i] ?? Number.NaN)));
  const all = returns.flat().filter((r) => Number.isFinite(r));
  const mean = average(all);
  const variance = average(all.map((r) => (r - mean) ** 2));
  const sorted = Float64Array.from(all).sort();
  const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN) / Math.sqrt(variance);
  const drawdowns = paths.flatMap((path) => windows(path, WINDOW_HOURS).map(drawdown));
  return {
    days: all.length / 24,
    volatility: Math.sqrt(variance * 24),
    kurtosis: average(all.map((r) => (r - mean) ** 4)) / variance ** 2,
    clusteringHour: squaredCorrelation(returns, 1),
    clusteringDay: squaredCorrelation(returns, 24),
    p01: at(0.01),
    p05: at(0.05),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    worstHour: sorted[0] ?? Number.NaN,
    bestHour: sorted.at(-1) ?? Number.NaN,
    drawdownMedian: drawdowns.length > 0 ? quantile(drawdowns, 0.5) : Number.NaN,
    drawdownWorst: drawdowns.length > 0 ? Math.max(...drawdowns) : Number.NaN,
  };
}

function squaredCorrelation(returns: readonly (readonly number[])[], lag: number): number {
  const pairs = returns.flatMap((path) =>
    path.slice(lag).flatMap((later, i) => {
      const earlier = path[i] ?? Number.NaN;
      return Number.isFinite(later) && Number.isFinite(earlier) ? [[earlier ** 2, later ** 2] as const] : [];
    }),
  );
  const [meanX, meanY] = [average(pairs.map(([x]) => x)), average(pairs.map(([, y]) => y))];
  const covariance = average(pairs.map(([x, y]) => (x - meanX) * (y - meanY)));
  const [varX, varY] = [average(pairs.map(([x]) => (x - meanX) ** 2)), average(pairs.map(([, y]) => (y - meanY) ** 2))];
  return covariance / Math.sqrt(varX * varY);
}

function windows(path: readonly number[], size: number): number[][] {
  const found: number[][] = [];
  for (let start = 0; start + size < path.length; start += size) found.push(path.slice(start, start + size + 1));
  return found;
}

/** The deepest fall from an earlier high, as a share of it. */
function drawdown(lnPrices: readonly number[]): number {
  let [high, deepest] = [Number.NEGATIVE_INFINITY, 0];
  for (const ln of lnPrices) {
    if (!Number.isFinite(ln)) continue;
    high = Math.max(high, ln);
    deepest = Math.max(deepest, 1 - Math.exp(ln - high));
  }
  return deepest;
}

const average = (values: readonly number[]): number => {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
};
