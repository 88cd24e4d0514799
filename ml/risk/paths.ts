import { optionGreeks } from "./option.ts";
import type { Holding } from "./portfolio.ts";
import { isInside, rangeDelta, rangeValue } from "./range.ts";
import type { StressParameters } from "./stress.ts";

/** A price path as factors of the starting price, evenly spaced in time, straight in log price between the points. */
export interface StressPath {
  readonly name: string;
  readonly years: number;
  readonly factors: readonly number[];
  /** What one unit of the asset is worth outside at the end, 1 = its peg. */
  readonly assetPeg: number;
}

const HOUR = 1 / (365 * 24);
const DAY = 24 * HOUR;

/** Shapes that pools have lived through: crashes with and without recovery, depegs of either token, a slow bleed. */
export const PATHS: readonly StressPath[] = [
  { name: "flash crash -30 %, back in 1 h", years: HOUR, factors: [1, 0.7, 0.9, 1], assetPeg: 1 },
  { name: "flash crash -50 %, half back in 1 d", years: DAY, factors: [1, 0.5, 0.65, 0.75], assetPeg: 1 },
  { name: "flash rally +40 %, back in 1 d", years: DAY, factors: [1, 1.4, 1.1, 1], assetPeg: 1 },
  { name: "slow bleed -50 % in 30 d", years: 30 * DAY, factors: [1, 0.5], assetPeg: 1 },
  { name: "whipsaw ±20 % for 7 d", years: 7 * DAY, factors: [1, 1.2, 0.8, 1.2, 0.8, 1.2, 0.8, 1], assetPeg: 1 },
  { name: "other token depegs to 0.88, back in 3 d", years: 3 * DAY, factors: [1, 0.88, 0.96, 1], assetPeg: 1 },
  { name: "other token depegs to 0.10 in 3 d", years: 3 * DAY, factors: [1, 0.7, 0.3, 0.1], assetPeg: 1 },
  { name: "asset depegs to 0.88 in 3 d", years: 3 * DAY, factors: [1, 1 / 0.95, 1 / 0.88], assetPeg: 0.88 },
];

export interface PathResult {
  readonly name: string;
  readonly years: number;
  /** Change of the portfolio's value at the end, fees included, in what one asset unit was worth at the start. */
  readonly profit: number;
  /** The lowest change of value on the way or at the end. */
  readonly worst: number;
  readonly fees: number;
  /** What holding the ranges' delta from one named price to the next gains more than they do: the LVR of a hedger who
   * acts at those prices only, asset units. */
  readonly lvr: number;
  /** Share of the time in which the price was inside a range, averaged over the ranges. */
  readonly inRange: number;
}

const STEPS = 200;

/** Walks a path in 200 steps a segment. Options are priced at the unchanged sigma; fees accrue at the given yield. */
export function walkPath(parameters: StressParameters, path: StressPath): PathResult {
  const { holdings, price, sigma, feeYieldPerYear } = parameters;
  const segments = path.factors.length - 1;
  const step = path.years / (segments * STEPS);
  const ranges = holdings.flatMap((holding) => (holding.kind === "range" ? [holding.position] : []));
  const start = worth(holdings, price, sigma, 0);
  let [at, fees, lvr, inside, worst] = [price, 0, 0, 0, 0];
  for (let i = 1; i <= segments * STEPS; i++) {
    const segment = Math.ceil(i / STEPS);
    const [from, to] = [path.factors[segment - 1] ?? 1, path.factors[segment] ?? 1];
    const next = price * from * (to / from) ** ((i - (segment - 1) * STEPS) / STEPS);
    if (i % STEPS === 0) {
      const named = price * from;
      for (const position of ranges) {
        lvr +=
          rangeDelta(position, named) * (next - named) - (rangeValue(position, next) - rangeValue(position, named));
      }
    }
    for (const position of ranges) {
      if (!isInside(position, at)) continue;
      fees += feeYieldPerYear * 2 * position.liquidity * Math.sqrt(at) * step;
      inside += 1 / ranges.length;
    }
    at = next;
    worst = Math.min(worst, worth(holdings, at, sigma, i * step) + fees - start);
  }
  const profit = (worth(holdings, at, sigma, path.years) + fees) * path.assetPeg - start;
  return {
    name: path.name,
    years: path.years,
    profit,
    worst: Math.min(worst, profit),
    fees,
    lvr,
    inRange: inside / (segments * STEPS),
  };
}

/** Value of a portfolio after some years have passed, fees apart. */
const worth = (holdings: readonly Holding[], price: number, sigma: number, years: number): number =>
  holdings.reduce((sum, holding) => {
    if (holding.kind === "cash") return sum + holding.amount;
    if (holding.kind === "spot") return sum + holding.amount * price;
    if (holding.kind === "range") return sum + rangeValue(holding.position, price);
    const { option } = holding;
    return sum + optionGreeks({ ...option, years: option.years - years }, { price, sigma }).value;
  }, 0);
