import type { PolicyContext } from "../types.ts";
import { hold, moveTo, type PolicyDefinition } from "./definition.ts";
import { centred } from "./place.ts";

/** Liquidity at every price, as Uniswap v2 holds it. Its LVR rate is σ²/8 of value (Milionis et al., arXiv 2208.06046). */
export const fullRange: PolicyDefinition = {
  id: "full-range",
  label: "full range",
  family: "full-range",
  clairvoyant: false,
  source: "constant product, Milionis et al., arXiv 2208.06046",
  start: () => (context: PolicyContext) =>
    context.state.positions.length > 0
      ? hold("keeps its range")
      : moveTo(centred(context, Number.POSITIVE_INFINITY), "opens its range"),
};
