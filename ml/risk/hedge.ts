import { InvalidInputError } from "../errors.ts";
import { optionGreeks, type VanillaOption } from "./option.ts";
import { type Greeks, type Holding, portfolioGreeks, type RiskMarket } from "./portfolio.ts";

export interface HedgeReturnType {
  /** Units of the other token to add; negative = sell or short. */
  readonly spot: number;
  /** Options to add; 0 without an option to hedge with. */
  readonly options: number;
  /** Asset units paid for the options; negative = received. */
  readonly premium: number;
  /** Greeks of portfolio and hedge together: delta 0, and gamma 0 where an option was given. */
  readonly after: Greeks;
}

/**
 * The hedge that takes a portfolio's delta to zero with the other token and, given an option, its gamma first:
 * q = −Γ/Γ_option, then spot = −(Δ + q Δ_option).
 */
export function hedge(
  holdings: readonly Holding[],
  market: RiskMarket,
  option: Omit<VanillaOption, "quantity"> | null = null,
): HedgeReturnType {
  const before = portfolioGreeks(holdings, market);
  const added: Holding[] = [];
  let [options, premium] = [0, 0];
  if (option) {
    const one = optionGreeks({ ...option, quantity: 1 }, market);
    if (!(one.gamma > 0)) {
      const { right, strike, years } = option;
      throw new InvalidInputError(
        `hedge ${right}:${strike}:${years * 365}: rule: an option with gamma at price ${market.price}`,
      );
    }
    options = -before.gamma / one.gamma;
    premium = options * one.value;
    added.push({ kind: "option", option: { ...option, quantity: options } }, { kind: "cash", amount: -premium });
  }
  const spot = -portfolioGreeks([...holdings, ...added], market).delta;
  added.push({ kind: "spot", amount: spot }, { kind: "cash", amount: -spot * market.price });
  return { spot, options, premium, after: portfolioGreeks([...holdings, ...added], market) };
}
