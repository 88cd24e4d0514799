import type { RangeQuery } from "../../types.ts";
import type { TableName } from "./tables.ts";

const DAY = 86_400;

/** What to draw from a series; 0 draws nothing. */
export interface SeriesSamples {
  /** Hours between rows of the volatility table. */
  readonly volatilityStrideHours: number;
  /** A row of the volatility table must know this far ahead. */
  readonly varianceSeconds: number;
  /** Hours between times of the range tables. */
  readonly rangeStrideHours: number;
  /** Ranges per time in the range table and in the yield table. */
  readonly rangesPerTime: number;
  readonly yieldsPerTime: number;
  /** Seconds; one that stands twice is drawn twice as often. */
  readonly horizonsSeconds: readonly number[];
  /** History before the first row. */
  readonly warmUpHours: number;
  /** Whether what a fixed set of ranges earned and lost in a day is written as well. */
  readonly decisions: boolean;
}

/** What is drawn at one time: ranges, seen from one side of the market. */
export interface Draw {
  /** Whether the other token is the asset. */
  readonly flip: boolean;
  readonly queries: readonly RangeQuery[];
}

/** Draws ranges for one table of one series, time by time. */
export interface Sampler {
  readonly table: Exclude<TableName, "volatility">;
  readonly strideHours: number;
  readonly warmUpHours: number;
  /** Whether one row without labels takes the rows of its time with it. */
  readonly allOrNothing: boolean;
  draw(): Draw;
}

/** Half widths in per cent of every decision's candidates; 0 = the whole price axis. */
export const DECISION_PERCENTS = [0.5, 1, 2, 5, 10, 20, 50, 0] as const;
/** A day ahead, four phases a day: each phase is a sequence of decisions that do not overlap. */
const DECISIONS = { horizonSeconds: DAY, strideHours: 6, warmUpHours: 25 } as const;
/** As far as a price can go and still be a number of ticks: ±e^10. */
const FULL_RANGE_OFFSET = 10;

/** The samplers of a series, each with a source of randomness of its own. */
export function samplersOf(samples: SeriesSamples, random: (table: TableName) => () => number): Sampler[] {
  const { rangeStrideHours: strideHours, warmUpHours, horizonsSeconds } = samples;
  const samplers: Sampler[] = [];
  for (const [table, perTime] of [
    ["ranges", samples.rangesPerTime],
    ["yield", samples.yieldsPerTime],
  ] as const) {
    if (strideHours === 0 || perTime === 0) continue;
    const next = random(table);
    const draw = (): Draw => {
      const flip = next() >= 0.5;
      return { flip, queries: Array.from({ length: perTime }, () => drawQuery(horizonsSeconds, next)) };
    };
    samplers.push({ table, strideHours, warmUpHours, allOrNothing: false, draw });
  }
  if (samples.decisions) {
    const queries = DECISION_PERCENTS.map(decisionQuery);
    samplers.push({ table: "decisions", ...DECISIONS, allOrNothing: true, draw: () => ({ flip: false, queries }) });
  }
  return samplers;
}

function decisionQuery(percent: number): RangeQuery {
  const lowerOffset = percent === 0 ? -FULL_RANGE_OFFSET : Math.log(1 - percent / 100);
  const upperOffset = percent === 0 ? FULL_RANGE_OFFSET : Math.log(1 + percent / 100);
  return { lowerOffset, upperOffset, horizonSeconds: DECISIONS.horizonSeconds };
}

/** A range drawn log-uniformly from ±0.5 % to ±50 % wide; a third off centre, one in twelve away from the price. */
function drawQuery(horizons: readonly number[], random: () => number): RangeQuery {
  const halfWidth = Math.exp(Math.log(0.005) + random() * Math.log(100));
  const place = random();
  const shift = random() * 2 - 1;
  const centre = place < 1 / 12 ? Math.sign(shift) * (1 + Math.abs(shift)) : place < 5 / 12 ? 0.9 * shift : 0;
  const horizonSeconds = horizons[Math.floor(random() * horizons.length)] ?? DAY;
  return {
    lowerOffset: round((centre - 1) * halfWidth),
    upperOffset: round((centre + 1) * halfWidth),
    horizonSeconds,
  };
}

// Labels must belong to exactly the offsets that are written.
const round = (value: number): number => Number(value.toPrecision(6));
