import type { Bounds, Candidate, PlannedMove, Range, VaultState } from "../types.ts";
import { bpsToRatio, fromWad, mulDivDown, mulDivUp, toWad, WAD } from "../units.ts";
import { type MoveMarket, offsetsOf, otherShareOf, referenceLoss } from "./cost.ts";
import type { Holdings } from "./holdings.ts";
import { COST_HEADROOM, leastSharePrice, MINED_DAYS } from "./plan.ts";

export interface PlanWeightedParameters {
  /** Each range with the part of both tokens that is offered to it, and its row of the candidate table. */
  readonly orders: readonly { readonly range: Range; readonly weightWad: bigint; readonly candidate: Candidate }[];
  readonly stayNetBps: number;
  readonly state: VaultState;
  readonly holdings: Holdings;
  readonly market: MoveMarket;
  readonly bounds: Bounds;
  readonly spreadWad: bigint;
}

/** Orders that offer given parts of the holdings to given ranges, without a swap; or the bound that refuses them. */
export function planWeighted(parameters: PlanWeightedParameters): PlannedMove | { readonly refusal: string } {
  const { orders, stayNetBps, state, holdings, market, bounds, spreadWad } = parameters;
  const gap = 2 * Math.abs(market.referenceGap) + fromWad(spreadWad) * Math.sqrt(MINED_DAYS);
  let grossBps = 0;
  let loss = 0;
  for (const { range, weightWad, candidate } of orders) {
    const offsets = offsetsOf(range, market);
    const share = placedShare(otherShareOf(offsets), holdings.otherShare, fromWad(weightWad));
    // A row is about its own share of NAV; what is placed here earns in proportion.
    if (candidate.share > 0) grossBps += (share / candidate.share) * (candidate.netBps + candidate.costBps);
    loss += referenceLoss(offsets, 0, gap);
  }
  const roundings = 4n + 4n * BigInt(state.positions.length + orders.length);
  const declaredCost = mulDivUp(holdings.value, toWad(loss * COST_HEADROOM) + 1n, WAD) + roundings;
  const gain = bpsToRatio(grossBps - stayNetBps);
  const declaredGain = gain > 0 ? mulDivDown(holdings.value, toWad(gain), WAD) : 0n;
  if (declaredGain * WAD < declaredCost * bounds.gainMarginWad) {
    const margin = fromWad(bounds.gainMarginWad).toFixed(2);
    return { refusal: `gain ${declaredGain} is below ${margin} x cost ${declaredCost}` };
  }
  return {
    ranges: orders
      .map(({ range: { lowerTick, upperTick }, weightWad }) => ({ lowerTick, upperTick, weightWad }))
      .sort((a, b) => a.lowerTick - b.lowerTick || a.upperTick - b.upperTick),
    swap: { zeroForOne: false, amountIn: 0n, sqrtPriceLimitX96: 0n },
    declaredCost,
    declaredGain,
    minSharePrice: leastSharePrice(state, holdings.value, declaredCost, spreadWad),
  };
}

/** Part of NAV that a range takes when a part of both tokens is offered: the token that is scarce decides. */
function placedShare(wantedOther: number, otherShare: number, weight: number): number {
  const byOther = wantedOther > 0 ? (weight * otherShare) / wantedOther : Number.POSITIVE_INFINITY;
  const byAsset = wantedOther < 1 ? (weight * (1 - otherShare)) / (1 - wantedOther) : Number.POSITIVE_INFINITY;
  return Math.min(byOther, byAsset);
}
