import { expectedImpermanentLoss, expectedLvr, rangeVega } from "./horizon.ts";
import { optionGreeks, type VanillaOption } from "./option.ts";
import { lvrPerYear, type RangePosition, rangeDelta, rangeGamma, rangeValue } from "./range.ts";

/** Anything a treasury may hold on one pair. `fees` of a range: asset units it earns per year at a price. */
export type Holding =
  | { readonly kind: "range"; readonly position: RangePosition; fees?(price: number): number }
  | { readonly kind: "option"; readonly option: VanillaOption }
  /** Units of the other token; negative = short. */
  | { readonly kind: "spot"; readonly amount: number }
  /** Asset units. */
  | { readonly kind: "cash"; readonly amount: number };

/** Where the greeks are taken. `years` is the horizon of a range's vega and of its expected losses. */
export interface RiskMarket {
  readonly price: number;
  readonly sigma: number;
  readonly years: number;
}

/** Asset units. Rates are per year, vega per 1.00 of sigma (annual), gamma per asset unit of price. */
export interface Greeks {
  readonly value: number;
  /** Units of the other token. */
  readonly delta: number;
  readonly gamma: number;
  /** What passing time brings at an unmoved price: fees of ranges, time decay of options. */
  readonly theta: number;
  readonly vega: number;
  /** −σ²P²Γ/2: what a delta-hedged holder pays for gamma, the LVR of a range; negative where gamma is long. The carry
   * breaks even when theta equals it. */
  readonly gammaCost: number;
}

const ZERO: Greeks = { value: 0, delta: 0, gamma: 0, theta: 0, vega: 0, gammaCost: 0 };

/** Greeks of one holding. Interest is taken as zero, as on an idle token. */
export function holdingGreeks(holding: Holding, market: RiskMarket): Greeks {
  const { price, sigma, years } = market;
  switch (holding.kind) {
    case "cash":
      return { ...ZERO, value: holding.amount };
    case "spot":
      return { ...ZERO, value: holding.amount * price, delta: holding.amount };
    case "option": {
      const greeks = optionGreeks(holding.option, { price, sigma });
      return { ...greeks, gammaCost: (-sigma * sigma * price * price * greeks.gamma) / 2 };
    }
    case "range":
      return {
        value: rangeValue(holding.position, price),
        delta: rangeDelta(holding.position, price),
        gamma: rangeGamma(holding.position, price),
        theta: holding.fees?.(price) ?? 0,
        vega: rangeVega(holding.position, { price, sigma }, years),
        gammaCost: lvrPerYear(holding.position, price, sigma),
      };
  }
}

/** Greeks of a portfolio: the sum over its holdings. */
export function portfolioGreeks(holdings: readonly Holding[], market: RiskMarket): Greeks {
  return holdings
    .map((holding) => holdingGreeks(holding, market))
    .reduce(
      (sum, one) => ({
        value: sum.value + one.value,
        delta: sum.delta + one.delta,
        gamma: sum.gamma + one.gamma,
        theta: sum.theta + one.theta,
        vega: sum.vega + one.vega,
        gammaCost: sum.gammaCost + one.gammaCost,
      }),
      ZERO,
    );
}

/** Expected LVR (>= 0) and impermanent loss (<= 0) of a portfolio's ranges over the market's horizon, asset units. */
export function expectedLosses(holdings: readonly Holding[], { price, sigma, years }: RiskMarket) {
  let [lvr, impermanentLoss] = [0, 0];
  for (const holding of holdings) {
    if (holding.kind !== "range") continue;
    lvr += expectedLvr(holding.position, { price, sigma }, years);
    impermanentLoss += expectedImpermanentLoss(holding.position, { price, sigma }, years);
  }
  return { lvr, impermanentLoss };
}
