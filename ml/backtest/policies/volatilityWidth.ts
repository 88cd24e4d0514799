import { LN_TICK } from "../../units.ts";
import type { PolicyContext } from "../types.ts";
import { hold, moveTo, type PolicyDefinition } from "./definition.ts";
import { centred, inRange } from "./place.ts";
import { recentMarket } from "./recent.ts";

/** A held width this many times too wide or too narrow is replaced although spot is inside. */
const STALE_FACTOR = 2;

/**
 * Half width = k standard deviations of a day's log return, from an exponentially weighted variance with a half life of
 * a day; recentred when spot leaves. Source: "VolProp" of Xu and Brini, arXiv 2501.07508.
 */
export const volatilityWidth: readonly PolicyDefinition[] = [1, 2, 4].map((deviations) => ({
  id: `vol-${deviations}`,
  label: `volatility width, ${deviations} σ`,
  family: "volatility",
  clairvoyant: false,
  source: "volatility-proportional, Xu and Brini, arXiv 2501.07508",
  start: () => (context: PolicyContext) => {
    const recent = recentMarket(context.bars, { halfLifeHours: 24, leastBars: 12 });
    if (recent === null) return hold("too little history");
    const range = centred(context, (deviations * Math.sqrt(recent.variance)) / LN_TICK);
    const [held] = context.state.positions;
    if (held === undefined) return moveTo(range, "opens its range");
    if (!inRange(context)) return moveTo(range, "out of range");
    const ratio = (held.upperTick - held.lowerTick) / (range.upperTick - range.lowerTick);
    return ratio > STALE_FACTOR || ratio < 1 / STALE_FACTOR ? moveTo(range, "volatility changed") : hold("in range");
  },
}));
