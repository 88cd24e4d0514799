import type { PolicyContext } from "../types.ts";
import { hold, moveTo, type PolicyDefinition } from "./definition.ts";
import { centred, inRange, ticksOfRatio } from "./place.ts";

/** Half widths in per cent of price: [P / (1 + w), P (1 + w)]. */
const WIDTHS_PERCENT = [1, 2, 5, 10, 20, 50] as const;

/** Opened once around spot and left alone. Source: the passive position of every LP study, e.g. Loesch et al., arXiv 2111.09192. */
export const fixed: readonly PolicyDefinition[] = WIDTHS_PERCENT.map((percent) => ({
  id: `fixed-${percent}`,
  label: `fixed ±${percent} %`,
  family: "fixed",
  clairvoyant: false,
  source: "passive range, Loesch et al., arXiv 2111.09192",
  start: () => (context: PolicyContext) =>
    context.state.positions.length > 0
      ? hold("keeps its range")
      : moveTo(centred(context, ticksOfRatio(percent / 100)), "opens its range"),
}));

/** The same width, put around spot again whenever spot has left it. Source: "reset" rules of Xu and Brini, arXiv 2501.07508. */
export const fixedReset: readonly PolicyDefinition[] = WIDTHS_PERCENT.map((percent) => ({
  id: `fixed-${percent}-reset`,
  label: `fixed ±${percent} %, reset`,
  family: "fixed-reset",
  clairvoyant: false,
  source: "recentred when out of range, Xu and Brini, arXiv 2501.07508",
  start: () => (context: PolicyContext) => {
    if (inRange(context)) return hold("in range");
    const reason = context.state.positions.length > 0 ? "out of range" : "opens its range";
    return moveTo(centred(context, ticksOfRatio(percent / 100)), reason);
  },
}));
