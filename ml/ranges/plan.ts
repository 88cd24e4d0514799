import type { Offsets } from "../risk/position.ts";
import type { Bounds, Candidate, Numeraire, PlannedMove, Range, VaultState } from "../types.ts";
import {
  bpsToRatio,
  fromWad,
  lnPriceToSqrtPriceX96,
  MAX_SQRT_PRICE_X96,
  MIN_SQRT_PRICE_X96,
  mulDivDown,
  mulDivUp,
  toWad,
  WAD,
} from "../units.ts";
import type { Confidence } from "./confidence.ts";
import { type MoveMarket, offsetsOf, type Placement, placement, referenceLoss, swapCost, swapImpact } from "./cost.ts";
import type { Holdings } from "./holdings.ts";

/** Head-room on the declared cost: the pool may be a little thinner, or the price a little off, one block later. */
export const COST_HEADROOM = 1.25;
/** The swap may move the price this much further than expected before it stops, plus a little for the empty pool. */
const IMPACT_HEADROOM = 1.5;
const LEAST_LIMIT_DISTANCE = 0.0005;
/** How long a proposal may wait to be mined, as a share of the day that the spread is about. */
const WAIT_DAYS = 900 / 86_400;
/** How long it usually waits. */
export const MINED_DAYS = 60 / 86_400;

export interface PlanParameters {
  readonly candidate: Candidate;
  /** Net of the holding that the move would leave, basis points of NAV over the horizon. */
  readonly stayNetBps: number;
  readonly state: VaultState;
  readonly holdings: Holdings;
  readonly market: MoveMarket;
  readonly bounds: Bounds;
  readonly confidence: Confidence;
  readonly spreadWad: bigint;
}

/** De-risk: close everything, swap nothing. Never blocked by a bound, so nothing needs declaring. */
export const planStandAside = (): PlannedMove => ({
  ranges: [],
  swap: { zeroForOne: false, amountIn: 0n, sqrtPriceLimitX96: 0n },
  declaredCost: 0n,
  declaredGain: 0n,
  minSharePrice: 0n,
});

/** Orders that bring the holdings into the candidate's range, or the bound that refuses them in words. */
export function planMove(parameters: PlanParameters): PlannedMove | { readonly refusal: string } {
  const { candidate, stayNetBps, state, holdings, market, bounds, confidence, spreadWad } = parameters;
  const range = candidate.range as Range;
  const offsets = offsetsOf(range, market);
  const placed = settlePlacement(offsets, candidate.share, fromWad(confidence.maxShareWad), holdings, market);
  const swap = planSwap(placed.swapShare, state.numeraire, holdings, market);
  const swapped = mulDivUp(swap.value, WAD, holdings.value);
  if (swapped > bounds.maxSwapShareWad) {
    return { refusal: `needs to swap ${(100 * fromWad(swapped)).toFixed(1)} % of NAV` };
  }
  const cost = swapCost(placed.swapShare, Number(holdings.value), market);
  // Low and high reference reach at most twice as far from spot as their middle does; spot itself drifts until mined.
  const gap = 2 * Math.abs(market.referenceGap) + fromWad(spreadWad) * Math.sqrt(MINED_DAYS);
  const measured = cost * COST_HEADROOM + referenceLoss(offsets, placed.swapShare, gap);
  const roundings = 4n + 4n * BigInt(state.positions.length);
  const declaredCost = mulDivUp(holdings.value, toWad(measured) + 1n, WAD) + roundings;
  const gain = bpsToRatio(candidate.netBps + candidate.costBps - stayNetBps);
  const declaredGain = gain > 0 ? mulDivDown(holdings.value, toWad(gain), WAD) : 0n;
  if (declaredGain * WAD < declaredCost * bounds.gainMarginWad) {
    return {
      refusal: `gain ${declaredGain} is below ${fromWad(bounds.gainMarginWad).toFixed(2)} x cost ${declaredCost}`,
    };
  }
  // A weight at its maximum must equal the bound, which a float may miss by a unit.
  const weightWad = placed.weight < fromWad(confidence.maxShareWad) ? toWad(placed.weight) : confidence.maxShareWad;
  return {
    ranges: [{ lowerTick: range.lowerTick, upperTick: range.upperTick, weightWad }],
    swap: { zeroForOne: swap.zeroForOne, amountIn: swap.amountIn, sqrtPriceLimitX96: swap.sqrtPriceLimitX96 },
    declaredCost,
    declaredGain,
    minSharePrice: leastSharePrice(state, holdings.value, declaredCost, spreadWad),
  };
}

/** The share price may fall by the cost and by what the market may do while the proposal waits. */
export function leastSharePrice(state: VaultState, value: bigint, declaredCost: bigint, spreadWad: bigint): bigint {
  if (value === 0n) return 0n;
  const market = toWad(fromWad(spreadWad) * Math.sqrt(WAIT_DAYS));
  const kept = WAD - market - mulDivUp(declaredCost, WAD, value);
  return kept <= 0n ? 0n : mulDivDown(state.sharePrice, kept, WAD);
}

interface PlannedSwap {
  readonly zeroForOne: boolean;
  readonly amountIn: bigint;
  readonly sqrtPriceLimitX96: bigint;
  /** Asset units. */
  readonly value: bigint;
}

/** The placement at the price that its own swap leads to: a few rounds settle it. */
function settlePlacement(
  start: Offsets,
  target: number,
  maxWeight: number,
  holdings: Holdings,
  market: MoveMarket,
): Placement {
  const value = Number(holdings.value);
  let placed = placement(start, holdings.otherShare, target, maxWeight);
  for (let i = 0; i < 8; i++) {
    const { swapShare } = placed;
    const move = 2 * swapImpact(Math.abs(swapShare) * value, market) * Math.sign(swapShare);
    const moved = { lower: start.lower - move, upper: start.upper - move };
    const next = placement(moved, holdings.otherShare, target, maxWeight);
    // Half steps: a swap that is large against the pool would swing from side to side.
    placed = { swapShare: (swapShare + next.swapShare) / 2, weight: next.weight };
  }
  return placed;
}

function planSwap(share: number, numeraire: Numeraire, holdings: Holdings, market: MoveMarket): PlannedSwap {
  const value = Number(holdings.value);
  const sellsAsset = share > 0;
  const zeroForOne = sellsAsset === (numeraire === 0);
  const none = { zeroForOne, amountIn: 0n, sqrtPriceLimitX96: 0n, value: 0n };
  const swapValue = BigInt(Math.floor(Math.abs(share) * value));
  if (swapValue === 0n) return none;
  const available = zeroForOne ? holdings.amount0 : holdings.amount1;
  const wanted = sellsAsset ? swapValue : BigInt(Math.floor(Number(swapValue) / Math.exp(market.lnPrice)));
  const amountIn = wanted < available ? wanted : available;
  if (amountIn === 0n) return none;
  const distance = 2 * IMPACT_HEADROOM * swapImpact(Number(swapValue), market) + LEAST_LIMIT_DISTANCE;
  const limit = lnPriceToSqrtPriceX96(market.lnPrice + (sellsAsset ? distance : -distance), numeraire);
  return { zeroForOne, amountIn, sqrtPriceLimitX96: insideLimits(limit), value: swapValue };
}

function insideLimits(limit: bigint): bigint {
  if (limit <= MIN_SQRT_PRICE_X96) return MIN_SQRT_PRICE_X96 + 1n;
  return limit >= MAX_SQRT_PRICE_X96 ? MAX_SQRT_PRICE_X96 - 1n : limit;
}
