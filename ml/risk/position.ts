/**
 * Closed forms of a concentrated position. Prices are relative to the start (1 = spot at the start), ranges are given by
 * log-price offsets `lower < upper`, amounts are per unit of liquidity with the start's sqrt price as unit.
 */
export interface Offsets {
  readonly lower: number;
  readonly upper: number;
}

/** Value in the asset per unit of liquidity at relative price e^x. */
export function value({ lower, upper }: Offsets, x: number): number {
  if (x <= lower) return Math.exp(x) * (Math.exp(-lower / 2) - Math.exp(-upper / 2));
  if (x >= upper) return Math.exp(upper / 2) - Math.exp(lower / 2);
  return 2 * Math.exp(x / 2) - Math.exp(x - upper / 2) - Math.exp(lower / 2);
}

/** Amount of the other token per unit of liquidity: dV/dP. */
export function delta({ lower, upper }: Offsets, x: number): number {
  const inside = Math.max(lower, Math.min(upper, x));
  return Math.exp(-inside / 2) - Math.exp(-upper / 2);
}

/** How much more liquidity a unit of value buys in the range than over all prices: fees scale with it. */
export const concentration = (range: Offsets): number => concentrationOf(value(range, 0));

/** The same of a range by its value at the start. */
export const concentrationOf = (start: number): number => 2 / start;

/** Impermanent loss at relative price e^x against holding the starting amounts, a fraction of the starting value; <= 0. */
export function impermanentLoss(range: Offsets, x: number): number {
  const start = value(range, 0);
  const amount = delta(range, 0);
  const held = start + amount * (Math.exp(x) - 1);
  return Math.min(0, (value(range, x) - held) / start);
}

/**
 * Loss-versus-rebalancing along a path of log prices relative to the start, a fraction of the starting value: what
 * holding the position's delta between the steps gains more than the position does.
 */
export function lossVersusRebalancing(range: Offsets, path: ArrayLike<number>): number {
  let [loss, last] = [0, 0];
  for (let i = 0; i < path.length; i++) {
    const x = path[i] as number;
    loss += rebalancingStep(range, last, x);
    last = x;
  }
  return loss / value(range, 0);
}

/** What holding the position's delta gains more than the position over one step, per unit of liquidity. */
export const rebalancingStep = (range: Offsets, from: number, to: number): number =>
  delta(range, from) * (Math.exp(to) - Math.exp(from)) - (value(range, to) - value(range, from));

/** LVR per unit of time of a position in range at price e^x, a fraction of its value there: σ² √P L / 4 over V. */
export const lvrRate = (range: Offsets, x: number, variance: number): number =>
  x <= range.lower || x >= range.upper ? 0 : (variance * Math.exp(x / 2)) / 4 / value(range, x);

/** Share of a bar's price span that lies inside the range; for a bar without a span, whether its price does. */
export function inRangeShare({ lower, upper }: Offsets, low: number, high: number): number {
  if (high - low < 1e-12) return low >= lower && low < upper ? 1 : 0;
  return Math.max(0, Math.min(high, upper) - Math.max(low, lower)) / (high - low);
}
