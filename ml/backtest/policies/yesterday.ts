import type { Offsets } from "../../risk/position.ts";
import type { Bar } from "../../types.ts";
import type { PolicyContext, PolicyInput } from "../types.ts";
import { barEarnings } from "./barEarnings.ts";
import { depthOf, edgesOf, gasOf, otherShareAt, otherShareHeld, swapLoss } from "./costs.ts";
import { hold, moveTo, type PolicyDefinition } from "./definition.ts";
import { centred, spotOf, ticksOfRatio } from "./place.ts";

const WIDTHS_PERCENT = [1, 2, 5, 10, 20, 50] as const;
const LOOK_BACK_BARS = 24;

/**
 * Takes at every decision the width that the last day would have paid best, were it to repeat itself from here, after
 * the cost of moving there; staying and standing aside compete. No hysteresis.
 */
export const yesterday: PolicyDefinition = {
  id: "yesterday",
  label: "yesterday's best width",
  family: "yesterday",
  clairvoyant: false,
  source: "follow the leader of the last day",
  start: (input) => (context) => {
    const day = context.bars.slice(-LOOK_BACK_BARS).filter((bar) => !Number.isNaN(bar.close));
    if (day.length < LOOK_BACK_BARS / 2) return hold("too little history");
    const { lnPrice } = spotOf(context);
    const { positions } = context.state;
    const stay = positions.reduce(
      (sum, position) => sum + gainOf(edgesOf(position, context.numeraire), day, lnPrice) / positions.length,
      0,
    );
    const options = WIDTHS_PERCENT.map((percent) => {
      const range = centred(context, ticksOfRatio(percent / 100));
      const edges = edgesOf(range, context.numeraire);
      return { range, gain: gainOf(edges, day, lnPrice) - moveCost(context, input, otherShareAt(edges, lnPrice), 1) };
    });
    const best = options.reduce((a, b) => (b.gain > a.gain ? b : a));
    const aside = positions.length > 0 ? -moveCost(context, input, 0, 0) : 0;
    if (best.gain > stay && best.gain > aside) return moveTo(best.range, "yesterday would have paid more there");
    if (positions.length > 0 && aside > stay) return { kind: "idle", reason: "yesterday would have lost", sell: true };
    return hold("nothing better after costs");
  },
};

/** Fees − LVR of a range over bars that are shifted to start at spot, a fraction of value. */
function gainOf(edges: Offsets, bars: readonly Bar[], lnPrice: number): number {
  const shift = lnPrice - (bars[0] as Bar).open;
  let gain = 0;
  for (const bar of bars) {
    const { fees, lvr } = barEarnings({ lower: edges.lower - shift, upper: edges.upper - shift }, bar);
    gain += fees - lvr;
  }
  return gain;
}

/** Cost of moving to this share of the other token, a fraction of NAV. */
function moveCost(context: PolicyContext, { costs, pool }: PolicyInput, otherShare: number, positions: number): number {
  const { lnPrice } = spotOf(context);
  const swapped = Math.abs(otherShare - otherShareHeld(context));
  const depth = depthOf(context.bars.at(-1)?.liquidity ?? 0, lnPrice);
  const gas = gasOf(costs, positions, context.price, context) / context.nav;
  return swapped * swapLoss(swapped * Number(context.state.nav), { pool, costs, depth }) + gas;
}
