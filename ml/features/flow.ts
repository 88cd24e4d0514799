import { fullRangeValue } from "../data/bars.ts";
import type { Bar } from "../types.ts";
import { lnFloored, windowMean } from "./window.ts";

/** Fee yield and turnover per day below which logs are cut. */
const FLOOR = 1e-8;

const feeYield = (bars: readonly Bar[], hours: number): number =>
  lnFloored(24 * windowMean(bars, hours, (bar) => bar.feeYield), FLOOR);

const turnover = (bars: readonly Bar[], hours: number): number =>
  lnFloored(24 * windowMean(bars, hours, (bar) => bar.volume / fullRangeValue(bar.liquidity, bar.close)), FLOOR);

/** Ratio of two window means, `whenEmpty` when nothing traded. */
function share(bars: readonly Bar[], hours: number, pick: (bar: Bar) => number): number {
  const volume = windowMean(bars, hours, (bar) => bar.volume);
  const part = windowMean(bars, hours, pick);
  return volume === 0 ? 0 : part / volume;
}

function liquidityRatio(bars: readonly Bar[], short: number, long: number): number {
  const ratio = windowMean(bars, short, (bar) => bar.liquidity) / windowMean(bars, long, (bar) => bar.liquidity);
  return Math.max(-5, Math.min(5, Math.log(ratio)));
}

/**
 * What trades and what it pays. Fee yield: ln of the fraction that a full-range position earns per day. Turnover: ln of
 * volume over the value of in-range liquidity as if it were full range, per day. Flow and toxicity: shares of volume.
 * Liquidity: ln ratio of time-weighted means. Swaps: ln(1 + swaps). Known at the end of the last bar.
 */
export const flowFeatures = {
  log_fee_1h: (bars: readonly Bar[]) => feeYield(bars, 1),
  log_fee_6h: (bars: readonly Bar[]) => feeYield(bars, 6),
  log_fee_24h: (bars: readonly Bar[]) => feeYield(bars, 24),
  log_fee_168h: (bars: readonly Bar[]) => feeYield(bars, 168),
  log_turnover_24h: (bars: readonly Bar[]) => turnover(bars, 24),
  flow_1h: (bars: readonly Bar[]) => share(bars, 1, (bar) => bar.signedVolume),
  flow_24h: (bars: readonly Bar[]) => share(bars, 24, (bar) => bar.signedVolume),
  toxicity_24h: (bars: readonly Bar[]) => share(bars, 24, (bar) => Math.abs(bar.signedVolume)),
  liquidity_1h_24h: (bars: readonly Bar[]) => liquidityRatio(bars, 1, 24),
  liquidity_24h_168h: (bars: readonly Bar[]) => liquidityRatio(bars, 24, 168),
  log_swaps_24h: (bars: readonly Bar[]) => Math.log1p(24 * windowMean(bars, 24, (bar) => bar.swaps)),
} as const;
