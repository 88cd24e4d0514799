import { integrate } from "./quadrature.ts";
import { type RangePosition, rangeValue } from "./range.ts";

/**
 * A range is cash and a strip of short puts: V(P) = L(√Pb − √Pa) − ∫ L/(2K^{3/2}) (K−P)⁺ dK over [Pa, Pb], for every P
 * (the payoff decomposition of Carr and Madan applied to V). Finite ranges only: the cash of a full range is infinite.
 */
export interface StripReturnType {
  /** L(√Pb − √Pa): what the range is worth above its upper price. */
  readonly cash: number;
  /** The strip's intrinsic value at the price, asset units. */
  readonly puts: number;
  /** cash − puts. */
  readonly value: number;
}

/** Puts of strike K in the strip, per unit of strike: L/(2K^{3/2}). */
export const stripDensity = (liquidity: number, strike: number): number => liquidity / (2 * strike ** 1.5);

/** The strip with its integral in closed form: ∫ over [max(P,Pa), Pb] = L(√Pb + P/√Pb − √m − P/√m), m the lower end. */
export function stripValue({ lowerPrice, upperPrice, liquidity }: RangePosition, price: number): StripReturnType {
  const cash = (liquidity * (upperPrice - lowerPrice)) / (Math.sqrt(upperPrice) + Math.sqrt(lowerPrice));
  const from = Math.max(price, lowerPrice);
  // √Pb + P/√Pb − √m − P/√m = (√Pb − √m)(1 − P/√(m Pb)), and 1 − P/√(m Pb) is free of cancellation when written out.
  const gap = from >= upperPrice ? 0 : (upperPrice - from) / (Math.sqrt(upperPrice) + Math.sqrt(from));
  const root = Math.sqrt(from * upperPrice);
  const rest = from === price ? gap / Math.sqrt(upperPrice) : (root - price) / root;
  const puts = liquidity * gap * rest;
  return { cash, puts, value: cash - puts };
}

/** The same integral by Gauss–Legendre over the strikes, in panels in which a strike at most doubles. */
export function stripByQuadrature(position: RangePosition, price: number): StripReturnType {
  const { lowerPrice, upperPrice, liquidity } = position;
  const cash = rangeValue(position, upperPrice);
  const first = Math.max(price, lowerPrice);
  const panels = Math.max(0, Math.ceil(Math.log2(upperPrice / first)));
  let [from, puts] = [first, 0];
  for (let panel = 1; panel <= panels; panel++) {
    const to = panel === panels ? upperPrice : 2 * from;
    // Strikes as distances from the panel's start, so that K − P keeps its digits in a narrow range.
    const start = from;
    puts += integrate((beyond) => stripDensity(liquidity, start + beyond) * (start - price + beyond), 0, to - from);
    from = to;
  }
  return { cash, puts, value: cash - puts };
}
