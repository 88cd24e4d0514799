import { quickNormalDistribution } from "../risk/normal.ts";
import type { Offsets } from "../risk/position.ts";

/**
 * Where a position has lost a part of its value to impermanent loss: log-price moves up and down from the start, infinite
 * where no move that way loses so much. Closed form: with s the root of the relative price, the loss times the starting
 * value is (s − 1)² inside a range around the start, and linear in s² outside.
 */
export function lossMoves({ lower, upper }: Offsets, loss: number): { readonly down: number; readonly up: number } {
  const low = Math.exp(lower / 2);
  const high = Math.exp(upper / 2);
  if (lower >= 0) {
    // All in the other token: only a rise costs.
    const start = 1 / low - 1 / high;
    const inside = low + Math.sqrt(loss * start * low);
    const squared = inside <= high ? inside ** 2 : (loss * start + high - low) / start;
    return { down: Number.NEGATIVE_INFINITY, up: Math.log(squared) };
  }
  if (upper <= 0) {
    // All in the asset: only a fall costs.
    const start = high - low;
    const inside = high - Math.sqrt(loss * start * high);
    const squared = inside >= low ? inside ** 2 : (1 - loss) * low * high;
    return { down: squared > 0 ? Math.log(squared) : Number.NEGATIVE_INFINITY, up: Number.POSITIVE_INFINITY };
  }
  const start = 2 - 1 / high - low;
  const root = Math.sqrt(loss * start);
  const above = 1 + root <= high ? (1 + root) ** 2 : ((loss * start + high - 1) * high) / (high - 1);
  const below = 1 - root >= low ? (1 - root) ** 2 : low * (1 - (loss * start) / (1 - low));
  return { down: below > 0 ? Math.log(below) : Number.NEGATIVE_INFINITY, up: Math.log(above) };
}

/**
 * Chance that a range's impermanent loss at the horizon exceeds a part of its value, for a price that ends lognormally
 * around today's with this variance and no drift.
 */
export function breachProbability(range: Offsets, variance: number, loss: number): number {
  if (loss <= 0) return 1;
  if (variance <= 0) return 0;
  const { down, up } = lossMoves(range, loss);
  const deviation = Math.sqrt(variance);
  const half = variance / 2;
  const falls = down === Number.NEGATIVE_INFINITY ? 0 : quickNormalDistribution((down + half) / deviation);
  const rises = up === Number.POSITIVE_INFINITY ? 0 : quickNormalDistribution(-(up + half) / deviation);
  return Math.min(1, falls + rises);
}
