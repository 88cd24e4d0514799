import { floorToSpacing } from "../../units.ts";
import type { PolicyContext } from "../types.ts";
import { edgesOf, otherShareAt, otherShareHeld } from "./costs.ts";
import { hold, type PolicyDefinition } from "./definition.ts";
import { centred, spotOf, ticksOfRatio } from "./place.ts";

const DAY = 86_400;
const BASE_TICKS = ticksOfRatio(0.2);
const LIMIT_TICKS = ticksOfRatio(0.05);
/** A share of NAV below this is not worth a position. */
const LEAST_SHARE = 0.01;

/**
 * Charm's passive rebalancing (Alpha Vaults, 2021): once a day all of the scarcer token goes into a base range of ±20 %
 * around spot with its match, and what is left of the other into a limit range beside spot, 5 % wide, which the market
 * trades back towards balance. Never swaps, so it pays no swap fee and no impact.
 */
export const passive: PolicyDefinition = {
  id: "charm-passive",
  label: "base + limit, no swap",
  family: "charm",
  clairvoyant: false,
  source: "Charm Alpha Vaults, passive rebalancing",
  start: () => (context: PolicyContext) => {
    const { positions, lastMoveAt } = context.state;
    if (positions.length > 0 && context.atSeconds - lastMoveAt < DAY) return hold("waits for the day's end");
    const { tick, lnPrice } = spotOf(context);
    const held = otherShareHeld(context);
    const base = centred(context, BASE_TICKS);
    const wanted = otherShareAt(edgesOf(base, context.numeraire), lnPrice);
    const baseWeight = Math.min(1, held / wanted, (1 - held) / (1 - wanted));
    const { tickSpacing } = context.pool;
    const floor = floorToSpacing(tick, tickSpacing);
    const reach = Math.max(tickSpacing, Math.round(LIMIT_TICKS / tickSpacing) * tickSpacing);
    // Token 0 waits above spot, token 1 below it.
    const spareIsToken0 = held > wanted === (context.numeraire === 1);
    const limit = spareIsToken0
      ? { lowerTick: floor + tickSpacing, upperTick: floor + tickSpacing + reach }
      : { lowerTick: floor - reach, upperTick: floor };
    const ranges = [
      { ...base, weight: baseWeight },
      { ...limit, weight: 1 - baseWeight },
    ].filter(({ weight }) => weight >= LEAST_SHARE);
    return {
      kind: "move",
      reason: positions.length > 0 ? "a day has passed" : "opens its ranges",
      ranges,
      swap: "none",
    };
  },
};
