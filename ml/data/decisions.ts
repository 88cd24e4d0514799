import { computeFeatures, FEATURE_NAMES } from "../features/index.ts";
import type { RangeQuery } from "../types.ts";
import { type DatasetRow, type DatasetSeries, rangeOutcome } from "./dataset.ts";

const HOUR = 3600;

/** Half widths in per cent of every decision's candidates; 0 = the whole price axis. */
export const DECISION_PERCENTS = [0.5, 1, 2, 5, 10, 20, 50, 0] as const;

/** Header of the table after `series` and `at`. */
export const DECISION_COLUMNS = [
  ...FEATURE_NAMES,
  "lower_offset",
  "upper_offset",
  "horizon_seconds",
  "percent",
  "fee_yield",
  "lvr",
] as const;

/** As far as a price can go and still be a number of ticks: ±e^10. */
const FULL_RANGE_OFFSET = 10;

function candidate(percent: number, horizonSeconds: number): RangeQuery {
  const lowerOffset = percent === 0 ? -FULL_RANGE_OFFSET : Math.log(1 - percent / 100);
  const upperOffset = percent === 0 ? FULL_RANGE_OFFSET : Math.log(1 + percent / 100);
  return { lowerOffset, upperOffset, horizonSeconds };
}

export interface DecisionRowsParameters {
  readonly horizonSeconds: number;
  readonly strideHours: number;
  readonly warmUpHours: number;
}

/** What each of a fixed set of centred ranges earned and lost after every few hours of pools with fees. */
export function* decisionRows(
  series: readonly DatasetSeries[],
  { horizonSeconds, strideHours, warmUpHours }: DecisionRowsParameters,
): Generator<DatasetRow> {
  for (const { name, hourly, fine } of series) {
    const perHour = fine.length / hourly.length;
    const steps = (horizonSeconds / HOUR) * perHour;
    for (let end = warmUpHours; end * perHour + steps <= fine.length; end += strideHours) {
      const bars = fine.slice(end * perHour - 1, end * perHour + steps);
      const outcomes = DECISION_PERCENTS.map((percent) => {
        const query = candidate(percent, horizonSeconds);
        return { percent, query, outcome: rangeOutcome(bars, query) };
      });
      if (outcomes.some(({ outcome }) => outcome === null || Number.isNaN(outcome.feeYield))) continue;
      const features = computeFeatures(hourly.slice(Math.max(0, end - 200), end));
      for (const { percent, query, outcome } of outcomes) {
        if (outcome === null) continue;
        const range = [query.lowerOffset, query.upperOffset, horizonSeconds, percent];
        yield {
          series: name,
          at: features.atSeconds,
          values: [...features.values, ...range, outcome.feeYield, outcome.lvr],
        };
      }
    }
  }
}
