import { expectedInside } from "./bridge.ts";
import { optionGreeks } from "./option.ts";
import type { Holding } from "./portfolio.ts";
import { rangeDelta, rangeValue } from "./range.ts";

export interface StressParameters {
  readonly holdings: readonly Holding[];
  readonly price: number;
  /** Per square root of a year; also what options are priced with at the start. */
  readonly sigma: number;
  /** Full-range fee yield per year that ranges earn while in range. */
  readonly feeYieldPerYear: number;
}

/** One what-if: the price ends at `price × (1 + move)` after `years`, at `sigma × volatility` from now on. */
export interface StressCell {
  readonly move: number;
  readonly volatility: number;
  readonly years: number;
  /** Change of the portfolio's value, fees included, asset units. */
  readonly profit: number;
  /** Fees in it. */
  readonly fees: number;
  /** Change in value of holding the starting amounts of the ranges instead, everything else equal. */
  readonly held: number;
}

export const MOVES = [-0.5, -0.3, -0.2, -0.1, -0.05, 0, 0.05, 0.1, 0.2, 0.3, 0.5] as const;
export const VOLATILITIES = [0.5, 1, 2, 3] as const;

/**
 * The change in value of one what-if. A range's value depends on the end price alone; its fees accrue over the expected
 * time in range between the two prices, ∫ y·2L·E[√P_t; inside] dt; options are repriced at the new price, volatility and
 * age. Volume is not assumed to rise with volatility: `feeYieldPerYear` is what the caller says.
 */
export function stress(
  parameters: StressParameters,
  cell: Pick<StressCell, "move" | "volatility" | "years">,
): StressCell {
  const { holdings, price, sigma, feeYieldPerYear } = parameters;
  const { move, volatility, years } = cell;
  const to = price * (1 + move);
  let [profit, fees, held] = [0, 0, 0];
  for (const holding of holdings) {
    let change = 0;
    let kept: number | null = null;
    if (holding.kind === "spot") change = holding.amount * (to - price);
    if (holding.kind === "option") {
      const { option } = holding;
      const after = { ...option, years: option.years - years };
      const now = optionGreeks(option, { price, sigma }).value;
      change = optionGreeks(after, { price: to, sigma: sigma * volatility }).value - now;
    }
    if (holding.kind === "range") {
      const { position } = holding;
      const bridge = { from: price, to, sigma: sigma * volatility, years };
      const earned = years > 0 ? feeYieldPerYear * 2 * position.liquidity * expectedInside(position, bridge, 0.5) : 0;
      change = rangeValue(position, to) - rangeValue(position, price) + earned;
      kept = rangeDelta(position, price) * (to - price);
      fees += earned;
    }
    profit += change;
    held += kept ?? change;
  }
  return { move, volatility, years, profit, fees, held };
}

/** The stress table: every move at every volatility after every time. */
export const stressTable = (
  parameters: StressParameters,
  years: readonly number[],
  moves: readonly number[] = MOVES,
  volatilities: readonly number[] = VOLATILITIES,
): StressCell[] =>
  years.flatMap((time) =>
    moves.flatMap((move) => volatilities.map((volatility) => stress(parameters, { move, volatility, years: time }))),
  );
