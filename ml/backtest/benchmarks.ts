import { pipsToRatio } from "../units.ts";

const DAY = 86_400;

/** What else the capital could have done, started at the same time and marked at the same price; whole asset units. */
export interface Alternatives {
  /** Half of the capital exchanged for the other token at the start, then left alone. */
  readonly hodl: number;
  /** The same, and brought back to half and half once a day. */
  readonly fiftyFifty: number;
  readonly assetOnly: number;
}

/**
 * Follows the alternatives. Whatever they exchange pays the pool's fee, at the price outside and without impact or gas:
 * less than it would cost, so that they are not made to look bad.
 */
export function openAlternatives(capital: number, startPrice: number, feePips: number, startSeconds: number) {
  const fee = pipsToRatio(feePips);
  // Half of what is left after the fee on the half that is exchanged.
  const half = (capital - (capital / (2 - fee)) * fee) / 2;
  const bought = half / startPrice;
  let fifty = { asset: half, other: bought };
  let next = startSeconds + DAY;
  return (atSeconds: number, price: number): Alternatives => {
    if (atSeconds >= next) {
      const excess = (fifty.other * price - fifty.asset) / 2;
      const paid = (Math.abs(excess) * fee) / (2 - fee);
      const each = (fifty.other * price + fifty.asset - paid) / 2;
      fifty = { asset: each, other: each / price };
      next += DAY * Math.ceil((atSeconds - next + 1) / DAY);
    }
    return {
      hodl: half + bought * price,
      fiftyFifty: fifty.asset + fifty.other * price,
      assetOnly: capital,
    };
  };
}
