import type { SwapSample } from "./pool.ts";

/** What a market looks like from its swaps; ratios and shares unless the name says otherwise. */
export interface MarketStatistics {
  readonly swapsPerDay: number;
  /** Volume a day over the value of a full-range position with all in-range liquidity. */
  readonly turnoverPerDay: number;
  readonly medianSize: number;
  /** Swaps that trade towards the price elsewhere and were further from it than the fee less 5 bps. */
  readonly informedShareOfSwaps: number;
  readonly informedShareOfVolume: number;
  readonly towardShare: number;
  /** Realised volatility of the pool's price a day, from hourly and 5-minute prices. */
  readonly volatilityHourly: number;
  readonly volatilityFiveMinutes: number;
  /** Fees over LVR of a full-range position, its price sampled hourly and every 5 minutes. */
  readonly feeOverLvrHourly: number;
  readonly feeOverLvrFiveMinutes: number;
  /** Standard deviation of ln(price elsewhere / pool price) before swaps, basis points. */
  readonly gapSdBps: number;
}

const DAY_SECONDS = 86_400;
const TOLERANCE = 5e-4;

/** Whether a swap looks like arbitrage: it closes a gap that pays its fee. */
export const looksInformed = (swap: SwapSample, feeRatio: number): boolean =>
  (swap.buys ? 1 : -1) * (swap.lnReference - swap.lnBefore) > feeRatio - TOLERANCE;

/** Measures a market; the same for real and simulated swaps. */
export function measureMarket(swaps: readonly SwapSample[], feeRatio: number): MarketStatistics {
  const [first, last] = [swaps[0], swaps.at(-1)];
  const days = first && last ? (last.seconds - first.seconds) / DAY_SECONDS : Number.NaN;
  const total = (value: (swap: SwapSample) => number) => swaps.reduce((sum, swap) => sum + value(swap), 0);
  const informed = (swap: SwapSample) => (looksInformed(swap, feeRatio) ? 1 : 0);
  const toward = (swap: SwapSample) => (swap.buys === swap.lnReference > swap.lnBefore ? 1 : 0);
  const turnover = total((swap) => swap.size / swap.depth);
  const volume = total((swap) => swap.size);
  const gaps = swaps.map((swap) => swap.lnReference - swap.lnBefore);
  const gapMean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
  const variance = { hour: gridVariance(swaps, 3600), fiveMinutes: gridVariance(swaps, 300) };
  return {
    swapsPerDay: swaps.length / days,
    turnoverPerDay: turnover / days,
    medianSize: quantile(
      swaps.map((swap) => swap.size),
      0.5,
    ),
    informedShareOfSwaps: total(informed) / swaps.length,
    informedShareOfVolume: total((swap) => informed(swap) * swap.size) / volume,
    towardShare: total(toward) / swaps.length,
    volatilityHourly: Math.sqrt(variance.hour / days),
    volatilityFiveMinutes: Math.sqrt(variance.fiveMinutes / days),
    // A full-range position loses an eighth of the squared log return.
    feeOverLvrHourly: (turnover * feeRatio) / (variance.hour / 8),
    feeOverLvrFiveMinutes: (turnover * feeRatio) / (variance.fiveMinutes / 8),
    gapSdBps: Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - gapMean) ** 2, 0) / gaps.length) * 1e4,
  };
}

/** Sum of squared log returns of the pool's price on a time grid. */
function gridVariance(swaps: readonly SwapSample[], gridSeconds: number): number {
  let sum = 0;
  let cell: number | null = null;
  let atGrid: number | null = null;
  let current = 0;
  for (const { seconds, lnAfter } of swaps) {
    const now = Math.floor(seconds / gridSeconds);
    if (cell !== null && now !== cell) {
      if (atGrid !== null) sum += (current - atGrid) ** 2;
      atGrid = current;
    }
    cell = now;
    current = lnAfter;
  }
  return sum;
}

/** Value below which a share of the numbers lies, interpolated; NaN for none. */
export function quantile(values: readonly number[], probability: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = probability * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  return low + ((sorted[Math.ceil(at)] ?? low) - low) * (at - Math.floor(at));
}
