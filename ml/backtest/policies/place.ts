import type { PoolMeta, Range } from "../../types.ts";
import { ceilToSpacing, floorToSpacing, LN_TICK, lnPriceToTick, MAX_TICK, MIN_TICK } from "../../units.ts";
import type { PolicyContext } from "../types.ts";

/** Where the market stands, in the two ways that ranges need it. */
export interface Spot {
  /** ln of raw asset units per raw unit of the other token: the unit of bars. */
  readonly lnPrice: number;
  /** Real-valued pool tick. */
  readonly tick: number;
}

/** Spot at the decision. */
export function spotOf({ pool, numeraire, price }: Pick<PolicyContext, "pool" | "numeraire" | "price">): Spot {
  const [asset, other] = numeraire === 0 ? [pool.token0, pool.token1] : [pool.token1, pool.token0];
  const lnPrice = Math.log(price) + (asset.decimals - other.decimals) * Math.LN10;
  return { lnPrice, tick: lnPriceToTick(lnPrice, numeraire) };
}

/** Pool ticks of a price move by this ratio, e.g. 0.1 = from P to 1.1 P. */
export const ticksOfRatio = (ratio: number): number => Math.log1p(ratio) / LN_TICK;

/** The range from `below` to `above` pool ticks around a tick, on the spacing, at least one spacing to either side. */
export function rangeAround(
  tick: number,
  below: number,
  above: number,
  { tickSpacing }: Pick<PoolMeta, "tickSpacing">,
): Range {
  const snap = (value: number) => Math.round(value / tickSpacing) * tickSpacing;
  const [least, most] = [ceilToSpacing(MIN_TICK, tickSpacing), floorToSpacing(MAX_TICK, tickSpacing)];
  // + 0 turns -0 into 0.
  const lowerTick = Math.max(least, Math.min(snap(tick - below), floorToSpacing(tick, tickSpacing))) + 0;
  const upperTick = Math.min(most, Math.max(snap(tick + above), floorToSpacing(tick, tickSpacing) + tickSpacing)) + 0;
  return { lowerTick, upperTick };
}

/** The range of the same half width to both sides of spot. */
export const centred = (context: PolicyContext, halfWidthTicks: number): Range =>
  rangeAround(spotOf(context).tick, halfWidthTicks, halfWidthTicks, context.pool);

/** Whether spot lies inside any of the ranges held, in pool ticks (lower ≤ tick < upper). */
export function inRange(context: PolicyContext): boolean {
  const tick = Math.floor(spotOf(context).tick);
  return context.state.positions.some(({ lowerTick, upperTick }) => lowerTick <= tick && tick < upperTick);
}

/** Whether exactly this one range is held. */
export const holdsOnly = ({ state: { positions } }: PolicyContext, { lowerTick, upperTick }: Range): boolean =>
  positions.length === 1 && positions[0]?.lowerTick === lowerTick && positions[0]?.upperTick === upperTick;
