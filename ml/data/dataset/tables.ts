import { FEATURE_NAMES, POOL_FEATURES, PRICE_FEATURES } from "../../features/index.ts";
import type { ModelTask } from "../../types.ts";

const HOUR = 3600;

/** Rows of one table: series and unix time, then numbers; NaN = missing. */
export interface DatasetRow {
  readonly series: string;
  readonly at: number;
  readonly values: readonly number[];
}

export const TABLES = ["volatility", "ranges", "yield", "decisions"] as const;
export type TableName = (typeof TABLES)[number];

/** How far ahead realised variance is told, seconds. */
export const VARIANCE_HORIZONS = [HOUR, 4 * HOUR, 24 * HOUR, 168 * HOUR] as const;
const RANGE_COLUMNS = ["lower_offset", "upper_offset", "horizon_seconds"] as const;

/** Header of each table after `series` and `at`. */
export const DATASET_COLUMNS: Readonly<Record<TableName, readonly string[]>> = {
  volatility: [...FEATURE_NAMES, ...VARIANCE_HORIZONS.map((seconds) => `rv_${seconds / HOUR}h`)],
  ranges: [...FEATURE_NAMES, ...RANGE_COLUMNS, "il", "lvr", "in_range"],
  yield: [...FEATURE_NAMES, ...RANGE_COLUMNS, "fee_yield"],
  decisions: [...FEATURE_NAMES, ...RANGE_COLUMNS, "percent", "fee_yield", "lvr"],
};

/**
 * The features that each task's model should take. The long exchange series have prices alone, so a volatility or loss
 * model fed with flow features would carry weights that nothing trained.
 */
export const DATASET_FIELDS: Readonly<Record<ModelTask, readonly string[]>> = {
  volatility: PRICE_FEATURES,
  il: PRICE_FEATURES,
  // Counts of swaps and arrivals are those of events alone; bars do not tell them.
  yield: POOL_FEATURES.filter((name) => !/^log_(swaps|arrivals)_/.test(name)),
};

/** What one unit of each column that is no feature is. */
export const DATASET_UNITS = {
  at: "unix seconds, end of the last bar that the features see",
  ...Object.fromEntries(
    VARIANCE_HORIZONS.map((seconds) => [
      `rv_${seconds / HOUR}h`,
      `sum of squared hourly log returns over the next ${seconds / HOUR} h; empty = not known`,
    ]),
  ),
  lower_offset: "ln(lower price / spot) in the asset",
  upper_offset: "ln(upper price / spot) in the asset",
  horizon_seconds: "seconds",
  il: "fraction of starting value, <= 0, against holding the starting amounts",
  lvr: "fraction of starting value, expected value >= 0, along the closes of the source's bars (300 s for events)",
  in_range: "share of the horizon, 0..1",
  fee_yield:
    "fraction of starting value over the horizon, before dilution, valued at the close of the bar that earned it; of " +
    "events: what a position of a billionth of the pool's liquidity earned in the exact engine",
  percent: "half width of a centred range in per cent of spot, 0 = full range",
} as const;
