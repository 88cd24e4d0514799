import { fullRangeValue } from "../../data/bars.ts";
import { otherShareOf } from "../../ranges/cost.ts";
import { holdingsOf } from "../../ranges/holdings.ts";
import type { Offsets } from "../../risk/position.ts";
import type { Numeraire, PoolMeta, Range } from "../../types.ts";
import { bpsToRatio, lnPriceToSqrtPriceX96, orientation, pipsToRatio, tickToLnPrice } from "../../units.ts";
import { GAS_TOKENS } from "../gas.ts";
import type { CostSettings, PolicyContext } from "../types.ts";
import { spotOf } from "./place.ts";

/** Edges of a range as natural logs of the raw price in the numeraire, lower < upper. */
export function edgesOf({ lowerTick, upperTick }: Range, numeraire: Numeraire): Offsets {
  const [a, b] = [tickToLnPrice(lowerTick, numeraire), tickToLnPrice(upperTick, numeraire)];
  return orientation(numeraire) === 1 ? { lower: a, upper: b } : { lower: b, upper: a };
}

/** Part of NAV in the other token. */
export function otherShareHeld(context: PolicyContext): number {
  const { lnPrice, tick } = spotOf(context);
  const sqrtPriceX96 = lnPriceToSqrtPriceX96(lnPrice, context.numeraire);
  return holdingsOf(context.state, { sqrtPriceX96, tick: Math.floor(tick) }).otherShare;
}

/** Part of a position's value that is in the other token at a log price. */
export const otherShareAt = (edges: Offsets, lnPrice: number): number =>
  otherShareOf({ lower: edges.lower - lnPrice, upper: edges.upper - lnPrice });

/**
 * Gas of a move in whole asset units, `price` being whole asset units per other token. A recorded gas price is not known
 * to a rule: it reckons with none.
 */
export function gasOf(
  costs: CostSettings,
  positions: number,
  price: number,
  { pool, numeraire }: Pick<PolicyContext, "pool" | "numeraire">,
): number {
  if (costs.gasGwei === "recorded") return 0;
  const asset = numeraire === 0 ? pool.token0 : pool.token1;
  const assetPaysGas = (GAS_TOKENS[pool.chainId] ?? ["WETH"]).includes(asset.symbol);
  const units = costs.gasPerMove + positions * costs.gasPerPosition;
  return units * costs.gasGwei * 1e-9 * costs.gasScale * (costs.gasTokenPrice ?? (assetPaysGas ? 1 : price));
}

export interface SwapTerms {
  readonly pool: Pick<PoolMeta, "feePips">;
  readonly costs: Pick<CostSettings, "mevBps">;
  /** Raw asset value of half a full-range position with the liquidity in range; Infinity = no impact. */
  readonly depth: number;
}

/** Pool depth at a price from in-range liquidity in pool units; unknown liquidity has no impact. */
export const depthOf = (liquidity: number, lnPrice: number): number =>
  liquidity > 0 ? fullRangeValue(liquidity, lnPrice) / 2 : Number.POSITIVE_INFINITY;

/** What swapping a raw asset value loses to fee, price impact and sandwiches, a fraction of the value swapped. */
export const swapLoss = (value: number, { pool, costs, depth }: SwapTerms): number =>
  pipsToRatio(pool.feePips) + bpsToRatio(costs.mevBps) + value / depth;
