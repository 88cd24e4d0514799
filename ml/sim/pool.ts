import type { MarketMoment } from "./market.ts";

/** One swap as the statistics see it. Prices are token0 per token1 in whole tokens, sizes whole token0. */
export interface SwapSample {
  readonly seconds: number;
  /** ln of the pool's price before and after. */
  readonly lnBefore: number;
  readonly lnAfter: number;
  /** ln of the price elsewhere. */
  readonly lnReference: number;
  readonly size: number;
  /** true = it bought token1, so the price rose. */
  readonly buys: boolean;
  /** Value of a position over all prices that holds the whole in-range liquidity, whole token0. */
  readonly depth: number;
}

export interface PlayInPoolParameters {
  readonly feeRatio: number;
  readonly marginRatio: number;
  /** Liquidity in whole-token units: sqrt(whole token0 x whole token1), the same at every price. */
  readonly liquidity: number;
}

/** Plays moments in a pool of even liquidity, in floats: for the statistics of a market, never for money. */
export function* playInPool(
  moments: Iterable<MarketMoment>,
  { feeRatio, marginRatio, liquidity }: PlayInPoolParameters,
): Generator<SwapSample> {
  let lnPool: number | null = null;
  for (const { seconds, price, orders } of moments) {
    const lnReference = Math.log(price);
    lnPool ??= lnReference;
    const depth = () => 2 * liquidity * Math.exp((lnPool ?? 0) / 2);
    const moveTo = (target: number): SwapSample => {
      const before = lnPool ?? target;
      const buys = target > before;
      // Token0 on either side of the trade, fee included when it is the token paid in.
      const amount = liquidity * Math.abs(Math.exp(target / 2) - Math.exp(before / 2));
      lnPool = target;
      return {
        seconds,
        lnBefore: before,
        lnAfter: target,
        lnReference,
        size: buys ? amount / (1 - feeRatio) : amount,
        buys,
        depth: depth(),
      };
    };
    const gap = lnReference - lnPool;
    if (Math.abs(gap) > feeRatio + marginRatio) yield moveTo(lnReference - Math.sign(gap) * feeRatio);
    for (const { toward, size } of orders) {
      const buys = lnPool <= lnReference === toward;
      const net = size * (1 - feeRatio);
      const root: number = Math.exp(lnPool / 2) + ((buys ? 1 : -1) * net) / liquidity;
      yield { ...moveTo(2 * Math.log(Math.max(root, Math.exp(lnPool / 2) / 2))), size };
    }
  }
}
