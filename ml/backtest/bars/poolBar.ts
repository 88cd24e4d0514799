import { flipBars, fullRangeValue } from "../../data/bars.ts";
import type { Bar, Numeraire } from "../../types.ts";
import { orientation } from "../../units.ts";

/** A bar as the pool sees it: prices are ln of token1 per token0, fees are raw token units per unit of liquidity. */
export interface PoolBar {
  readonly bar: Bar;
  readonly known: boolean;
  readonly feeGrowth0: number;
  readonly feeGrowth1: number;
  /** In range, of others. */
  readonly liquidity: number;
}

/**
 * Fees per unit of liquidity from a bar in the numeraire's view. Their total is the bar's fee yield, which may come from
 * every swap; they are split between the tokens as the volume paid in is.
 */
export function poolBarOf(bar: Bar, numeraire: Numeraire): PoolBar {
  const pool = orientation(numeraire) === 1 ? bar : (flipBars([bar])[0] as Bar);
  const known = !Number.isNaN(bar.close);
  if (!known) return { bar: pool, known, feeGrowth0: 0, feeGrowth1: 0, liquidity: Number.NaN };
  const total = Number.isNaN(bar.feeYield) ? 0 : bar.feeYield * fullRangeValue(1, bar.close);
  const assetShare = bar.volume > 0 ? (1 + bar.signedVolume / bar.volume) / 2 : 0.5;
  const asset = total * assetShare;
  const other = (total - asset) / Math.exp(bar.close);
  const [feeGrowth0, feeGrowth1] = numeraire === 0 ? [asset, other] : [other, asset];
  return { bar: pool, known, feeGrowth0, feeGrowth1, liquidity: bar.liquidity };
}
