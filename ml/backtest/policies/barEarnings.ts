import { concentration, lossVersusRebalancing, type Offsets } from "../../risk/position.ts";
import type { Bar } from "../../types.ts";

/** What one unit of value in a range earned and lost during a bar. */
export interface BarEarnings {
  readonly fees: number;
  readonly lvr: number;
}

/**
 * Fees and LVR of a position over one bar, fractions of its value at the bar's open. `edges` are natural logs of the raw
 * price in the numeraire, like the bar's own prices. The price is taken to run from the open over the nearer extreme and
 * the other one to the close: the bar's fees are spread over that path by distance, and the loss along it is scaled to
 * the bar's realised variance. A bar with holes earns nothing.
 */
export function barEarnings(edges: Offsets, bar: Bar): BarEarnings {
  if (Number.isNaN(bar.open) || Number.isNaN(bar.close)) return { fees: 0, lvr: 0 };
  const range = { lower: edges.lower - bar.open, upper: edges.upper - bar.open };
  const path = pathOf(bar);
  let [inside, length, squares, last] = [0, 0, 0, 0];
  for (const x of path) {
    const [low, high] = [Math.min(last, x), Math.max(last, x)];
    inside += Math.max(0, Math.min(high, range.upper) - Math.max(low, range.lower));
    length += high - low;
    squares += (x - last) ** 2;
    last = x;
  }
  const share = length > 0 ? inside / length : range.lower <= 0 && 0 < range.upper ? 1 : 0;
  if (share === 0) return { fees: 0, lvr: 0 };
  const variance = Number.isNaN(bar.realisedVariance) ? squares : bar.realisedVariance;
  return {
    fees: (Number.isNaN(bar.feeYield) ? 0 : bar.feeYield) * concentration(range) * share,
    lvr: squares > 0 ? lossVersusRebalancing(range, path) * (variance / squares) : 0,
  };
}

/** Log prices relative to the open, after it. */
function pathOf({ open, high, low, close }: Bar): number[] {
  const top = Math.max(0, close - open, Number.isNaN(high) ? 0 : high - open);
  const bottom = Math.min(0, close - open, Number.isNaN(low) ? 0 : low - open);
  const end = close - open;
  return top < -bottom ? [top, bottom, end] : [bottom, top, end];
}
