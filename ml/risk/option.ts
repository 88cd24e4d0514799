import { normalDensity, normalDistribution } from "./normal.ts";

/** A European option on the other token, paid in the asset. Negative quantity = written. */
export interface VanillaOption {
  readonly right: "call" | "put";
  /** Asset units per unit of the other token. */
  readonly strike: number;
  readonly years: number;
  readonly quantity: number;
}

export interface OptionMarket {
  readonly price: number;
  /** Per square root of a year. */
  readonly sigma: number;
  /** Continuously compounded interest of the asset per year; 0 when left out. */
  readonly rate?: number;
}

/** Asset units; theta per year of passing time, vega per 1.00 of sigma. */
export interface OptionGreeks {
  readonly value: number;
  readonly delta: number;
  readonly gamma: number;
  readonly theta: number;
  readonly vega: number;
}

/**
 * Black–Scholes (1973): call = P Φ(d1) − K e^{−rT} Φ(d2), d1 = (ln(P/K) + (r + σ²/2)T)/(σ√T), d2 = d1 − σ√T; the put by
 * parity. At and after expiry (or with σ = 0 and r = 0) the intrinsic value.
 */
export function optionGreeks(option: VanillaOption, { price, sigma, rate = 0 }: OptionMarket): OptionGreeks {
  const { right, strike, quantity } = option;
  const years = Math.max(0, option.years);
  const sign = right === "call" ? 1 : -1;
  const deviation = sigma * Math.sqrt(years);
  const present = strike * Math.exp(-rate * years);
  if (deviation === 0) {
    const inMoney = sign * (price - present) > 0;
    const carry = inMoney && years > 0 ? -sign * rate * present : 0;
    return {
      value: inMoney ? quantity * sign * (price - present) : 0,
      delta: inMoney ? quantity * sign : 0,
      gamma: 0,
      theta: quantity * carry,
      vega: 0,
    };
  }
  const d1 = Math.log(price / present) / deviation + deviation / 2;
  const d2 = d1 - deviation;
  const density = normalDensity(d1);
  const value = sign * (price * normalDistribution(sign * d1) - present * normalDistribution(sign * d2));
  return {
    value: quantity * value,
    delta: quantity * sign * normalDistribution(sign * d1),
    gamma: (quantity * density) / (price * deviation),
    theta:
      quantity *
      ((-price * density * sigma) / (2 * Math.sqrt(years)) - sign * rate * present * normalDistribution(sign * d2)),
    vega: quantity * price * density * Math.sqrt(years),
  };
}
