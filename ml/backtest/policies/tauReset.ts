import type { PolicyAction, PolicyContext } from "../types.ts";
import { hold, type PolicyDefinition } from "./definition.ts";
import { centred, inRange } from "./place.ts";

/** Nested ranges of equal liquidity: reach as a part of τ, and the share of NAV that equal liquidity costs. */
const STEPS = [
  { reach: 1 / 3, weight: 1 / 6 },
  { reach: 2 / 3, weight: 2 / 6 },
  { reach: 1, weight: 3 / 6 },
] as const;

/**
 * τ-reset of Fan et al. (arXiv 2106.12033): liquidity within τ ticks of spot, moved when spot has gone τ ticks from
 * where it was placed. The paper optimises the shape inside; here it falls off towards the edges in three equal steps.
 */
export const tauReset: readonly PolicyDefinition[] = [400, 1000, 3000].map((tau) => ({
  id: `tau-${tau}`,
  label: `τ-reset, τ = ${tau} ticks`,
  family: "tau-reset",
  clairvoyant: false,
  source: "Fan et al., arXiv 2106.12033",
  start: () => (context: PolicyContext) =>
    inRange(context) ? hold("spot is within τ") : nested(context, tau, "spot moved τ ticks"),
}));

function nested(context: PolicyContext, tau: number, reason: string): PolicyAction {
  const ranges = new Map<string, { lowerTick: number; upperTick: number; weight: number }>();
  for (const { reach, weight } of STEPS) {
    const range = centred(context, tau * reach);
    const key = `${range.lowerTick} ${range.upperTick}`;
    // On a coarse spacing two steps may snap to one range.
    ranges.set(key, { ...range, weight: (ranges.get(key)?.weight ?? 0) + weight });
  }
  return {
    kind: "move",
    reason: context.state.positions.length > 0 ? reason : "opens its ranges",
    ranges: [...ranges.values()],
    swap: "to-ratio",
  };
}
