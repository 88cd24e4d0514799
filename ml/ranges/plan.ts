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
import { type MoveMarket, moveCost, offsetsOf, otherShareOf, referenceLoss, swapImpact } from "./cost.ts";
import type { Holdings } from "./holdings.ts";

/** Head-room on the declared cost: the pool may be a little thinner, or the price a little off, one block later. */
const COST_HEADROOM = 1.25;
/** The swap may move the price this much further than expected before it stops, plus a little for the empty pool. */
const IMPACT_HEADROOM = 1.5;
const LEAST_LIMIT_DISTANCE = 0.0005;
/** How long a proposal may wait to be mined, as a share of the day that the spread is about. */
const WAIT_DAYS = 900 / 86_400;
/** How long it usually waits. */
const MINED_DAYS = 60 / 86_400;

export interface PlanParameters {
  readonly candidate: Candidate;
  /** Net of the holding that the move would leave, basis points of NAV over the horizon. */
  readonly stayNetBps: number;
  readonly state: VaultState;
  readonly holdings: Holdings;
  readonly market: MoveMarket;
  readonly bounds: Bounds;
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
  const { candidate, stayNetBps, state, holdings, market, bounds, spreadWad } = parameters;
  const range = candidate.range as Range;
  const swap = planSwap(range, state.numeraire, holdings, market);
  const swapped = mulDivUp(swap.value, WAD, holdings.value);
  if (swapped > bounds.maxSwapShareWad) {
    return { refusal: `needs to swap ${(100 * fromWad(swapped)).toFixed(1)} % of NAV` };
  }
  const offsets = offsetsOf(range, market);
  const { cost, swapShare } = moveCost(offsets, holdings.otherShare, Number(holdings.value), market);
  // Low and high reference reach at most twice as far from spot as their middle does; spot itself drifts until mined.
  const gap = 2 * Math.abs(market.referenceGap) + fromWad(spreadWad) * Math.sqrt(MINED_DAYS);
  const measured = cost * COST_HEADROOM + referenceLoss(offsets, swapShare, gap);
  const roundings = 4n + 4n * BigInt(state.positions.length);
  const declaredCost = mulDivUp(holdings.value, toWad(measured) + 1n, WAD) + roundings;
  const gain = bpsToRatio(candidate.netBps + candidate.costBps - stayNetBps);
  const declaredGain = gain > 0 ? mulDivDown(holdings.value, toWad(gain), WAD) : 0n;
  if (declaredGain * WAD < declaredCost * bounds.gainMarginWad) {
    return {
      refusal: `gain ${declaredGain} is below ${fromWad(bounds.gainMarginWad).toFixed(2)} x cost ${declaredCost}`,
    };
  }
  const weightWad = BigInt(Math.round(candidate.share * 1e4)) * 10n ** 14n;
  return {
    ranges: [{ lowerTick: range.lowerTick, upperTick: range.upperTick, weightWad }],
    swap: { zeroForOne: swap.zeroForOne, amountIn: swap.amountIn, sqrtPriceLimitX96: swap.sqrtPriceLimitX96 },
    declaredCost,
    declaredGain,
    minSharePrice: leastSharePrice(state, holdings.value, declaredCost, spreadWad),
  };
}

/** The share price may fall by the cost and by what the market may do while the proposal waits. */
function leastSharePrice(state: VaultState, value: bigint, declaredCost: bigint, spreadWad: bigint): bigint {
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

function planSwap(range: Range, numeraire: Numeraire, holdings: Holdings, market: MoveMarket): PlannedSwap {
  const value = Number(holdings.value);
  const start = offsetsOf(range, market);
  let share = otherShareOf(start) - holdings.otherShare;
  const sellsAsset = share > 0;
  // The swap moves the price, and with it what the range takes: a few rounds settle it.
  for (let i = 0; i < 6; i++) {
    const move = 2 * swapImpact(Math.abs(share) * value, market) * Math.sign(share);
    const moved = { lower: start.lower - move, upper: start.upper - move };
    const held = holdings.otherShare + share;
    const next = share + 0.7 * (otherShareOf(moved) - held);
    share = sellsAsset ? Math.max(0, next) : Math.min(0, next);
  }
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
