import type { Offsets } from "../../risk/position.ts";
import type { Bar, PoolMeta } from "../../types.ts";
import { LN_TICK, orientation } from "../../units.ts";
import type { PolicyContext } from "../types.ts";
import { barEarnings } from "./barEarnings.ts";
import { hold, moveTo, type PolicyDefinition } from "./definition.ts";
import { inRange, rangeAround, spotOf } from "./place.ts";
import { recentMarket } from "./recent.ts";

const DAY = 86_400;
const DAY_BARS = 24;
const LEAST_DAYS = 3;
/** Spreads on which the concentration cost is measured, about ±1 % to fourfold either way. */
const CALIBRATION_SPREADS = [0.02, 0.04, 0.1, 0.2, 0.5, 1, 2] as const;
/** δ/2 = 1 is a price of zero or infinity. */
const WIDEST_SIDE = 1.9;

/** Rates per day. */
export interface SpreadInputs {
  /** π: fees of the pool over the value of a full-range position with all its liquidity, a day. */
  readonly feeRate: number;
  /** σ²: variance of the log price a day. */
  readonly variance: number;
  /** γ: what concentration costs, so that a range of spread δ earns 4π/δ − γ/δ² a day. */
  readonly concentrationCost: number;
  /** μ: expected return of the price a day (dZ = μ Z dt + σ Z dW). */
  readonly drift: number;
}

/** Spread to the upper and the lower side; Z_u = Z / (1 − upper/2)², Z_l = Z (1 − lower/2)². */
export interface Spread {
  readonly upper: number;
  readonly lower: number;
}

/**
 * The optimal range of Cartea, Drissi and Monga (arXiv 2309.08431) for log utility, or null where providing liquidity
 * does not pay. A position of value x in [Z (1 − δl/2)², Z / (1 − δu/2)²] with δ = δu + δl changes by
 *   x [ (4π − σ²/2) / δ − γ/δ² + μ δu/δ ] dt + x σ (δu/δ) dW:
 * fees, the predictable loss −σ²/(2δ), the concentration cost, and the exposure. With the skew δu/δ = ρ = 1/2 + μ/δ, log
 * utility adds −σ²ρ²/2, and what depends on δ is A/δ − B/δ² with A = 4π − σ²/2 + μ (μ − σ²/2), B = γ + μ² σ²/2; so
 *   δ* = 2B/A = (2γ + μ²σ²) / (4π − σ²/2 + μ (μ − σ²/2)) where A > 0.
 * The skew is held inside [0, 1]: a drift beyond ±δ/2 is a view, not a range.
 */
export function optimalSpread({ feeRate, variance, concentrationCost, drift }: SpreadInputs): Spread | null {
  const a = 4 * feeRate - variance / 2 + drift * (drift - variance / 2);
  if (!(a > 0)) return null;
  const spread = (2 * concentrationCost + drift ** 2 * variance) / a;
  if (!(spread > 0)) return null;
  const skew = Math.min(1, Math.max(0, 0.5 + drift / spread));
  return { upper: Math.min(WIDEST_SIDE, skew * spread), lower: Math.min(WIDEST_SIDE, (1 - skew) * spread) };
}

/** Log-price distances of a spread's edges from spot. */
export const offsetsOfSpread = ({ upper, lower }: Spread): Offsets => ({
  lower: 2 * Math.log1p(-lower / 2),
  upper: -2 * Math.log1p(-upper / 2),
});

/**
 * γ over 4π, measured: ranges of several spreads, centred at the start of each day of the bars and left alone, earn less
 * than 4π/δ because the price leaves them; the missing part is fitted by (γ/4π)/δ over the spreads that keep at least
 * half, where that first order holds. Null with too few days.
 */
export function concentrationCostRatio(bars: readonly Bar[]): number | null {
  const kept = CALIBRATION_SPREADS.map(() => 0);
  let days = 0;
  for (let end = bars.length; end >= DAY_BARS; end -= DAY_BARS) {
    const day = bars
      .slice(end - DAY_BARS, end)
      .filter((bar) => !Number.isNaN(bar.close) && !Number.isNaN(bar.feeYield));
    const pool = day.reduce((sum, bar) => sum + bar.feeYield, 0);
    if (day.length < DAY_BARS / 2 || !(pool > 0)) continue;
    days++;
    for (const [index, spread] of CALIBRATION_SPREADS.entries()) {
      const { lower, upper } = offsetsOfSpread({ upper: spread / 2, lower: spread / 2 });
      const open = (day[0] as Bar).open;
      const edges = { lower: lower + open, upper: upper + open };
      const earned = day.reduce((sum, bar) => sum + barEarnings(edges, bar).fees, 0);
      kept[index] = (kept[index] as number) + (earned * spread) / (4 * pool);
    }
  }
  if (days < LEAST_DAYS) return null;
  let [product, square] = [0, 0];
  for (const [index, spread] of CALIBRATION_SPREADS.entries()) {
    const missing = 1 - (kept[index] as number) / days;
    // The widest stands in when even it loses more than half.
    if (missing > 0.5 && index < CALIBRATION_SPREADS.length - 1) continue;
    product += missing / spread;
    square += 1 / spread ** 2;
  }
  return Math.max(0, product / square);
}

const variants = [
  { id: "cartea", label: "Cartea, no drift", withDrift: false },
  { id: "cartea-drift", label: "Cartea, drift skew", withDrift: true },
] as const;

/** The closed form, re-derived daily and whenever spot has left the range; idle while fees do not pay the predictable loss. */
export const cartea: readonly PolicyDefinition[] = variants.map(({ id, label, withDrift }) => ({
  id,
  label,
  family: "cartea",
  clairvoyant: false,
  source: "Cartea, Drissi and Monga, arXiv 2309.08431",
  start: () => (context: PolicyContext) => {
    const { positions, lastMoveAt } = context.state;
    const due = context.atSeconds - lastMoveAt >= DAY;
    if (positions.length > 0 && inRange(context) && !due) return hold("in range");
    const inputs = inputsOf(context, withDrift);
    if (inputs === null) return hold("too little history");
    const spread = optimalSpread(inputs);
    if (spread === null) {
      return positions.length > 0
        ? { kind: "idle", reason: "fees below predictable loss", sell: true }
        : hold("fees below predictable loss");
    }
    return moveTo(
      rangeOfSpread(context, spread, context.pool),
      positions.length > 0 ? "new spread" : "opens its range",
    );
  },
}));

function inputsOf({ bars }: PolicyContext, withDrift: boolean): SpreadInputs | null {
  const recent = recentMarket(bars, { halfLifeHours: 24, leastBars: 24 });
  const ratio = concentrationCostRatio(bars);
  if (recent === null || ratio === null || recent.feeYield === 0) return null;
  return {
    feeRate: recent.feeYield,
    variance: recent.variance,
    concentrationCost: ratio * 4 * recent.feeYield,
    drift: withDrift ? recent.logDrift + recent.variance / 2 : 0,
  };
}

function rangeOfSpread(context: PolicyContext, spread: Spread, pool: PoolMeta) {
  const { lower, upper } = offsetsOfSpread(spread);
  const [down, up] = [-lower / LN_TICK, upper / LN_TICK];
  const { tick } = spotOf(context);
  return orientation(context.numeraire) === 1 ? rangeAround(tick, down, up, pool) : rangeAround(tick, up, down, pool);
}
