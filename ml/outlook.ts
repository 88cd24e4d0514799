import { toBars } from "./data/bars.ts";
import type { KeptBars } from "./data/keptBars.ts";
import { computeFeatures, LOOKBACK_BARS } from "./features/index.ts";
import { candidateRanges, type GridSize } from "./ranges/candidates.ts";
import { forecastRanges, type RangeForecasts } from "./ranges/forecast.ts";
import type { Bar, Bounds, Features, ModelSet, Numeraire, PoolHistory, Range, VolatilityPrediction } from "./types.ts";

const HOUR = 3600;
const DAY = 86_400;

export interface GridForecastParameters {
  readonly numeraire: Numeraire;
  readonly bounds: Bounds;
  readonly minWidthTicks: number;
  readonly referenceTick: number;
  readonly horizonSeconds: number;
  readonly grid: GridSize;
}

/**
 * What a model set makes of a history: everything in a decision that has nothing to do with the vault. Each part is
 * computed when it is first asked for and once, so vaults of a pool that decide on one outlook share it; the answers are
 * those that an outlook of their own would give.
 */
export interface Outlook {
  readonly history: PoolHistory;
  readonly models: ModelSet;
  /** Hourly bars that end with the history. */
  bars(numeraire: Numeraire): readonly Bar[];
  /** Null when the history holds no price to measure from. */
  features(numeraire: Numeraire): Features | null;
  /** Of a day ahead. */
  volatility(numeraire: Numeraire): Promise<VolatilityPrediction>;
  /** The candidate ranges that bounds allow, with their forecasts. */
  candidates(parameters: GridForecastParameters): Promise<RangeForecasts>;
  /** Ranges that a vault holds, with their forecasts. */
  held(numeraire: Numeraire, ranges: readonly Range[], horizonSeconds: number): Promise<RangeForecasts>;
}

export interface OutlookParameters {
  readonly history: PoolHistory;
  readonly models: ModelSet;
  /** Hourly bars that end with the history, from a market whose swaps are not known; absent = made of its swaps. */
  readonly bars?: readonly Bar[];
  /** What makes bars of such histories; absent = `toBars`. */
  readonly kept?: Readonly<Record<Numeraire, KeptBars>>;
}

/** A fresh outlook; nothing is computed yet. */
export function outlookOf({ history, models, bars, kept }: OutlookParameters): Outlook {
  const known = new Map<string, unknown>();
  /** Failures are remembered too: a model that failed for one vault fails for all. */
  const once = <T>(key: string, compute: () => T): T => {
    if (!known.has(key)) known.set(key, compute());
    return known.get(key) as T;
  };
  const barsOf = (numeraire: Numeraire): readonly Bar[] =>
    bars ??
    once(`bars ${numeraire}`, () => {
      const span = { barSeconds: HOUR, untilSeconds: history.toTimestamp, atMost: LOOKBACK_BARS };
      return kept ? kept[numeraire](history, span) : toBars(history, numeraire, span);
    });
  const features = (numeraire: Numeraire): Features | null =>
    once(`features ${numeraire}`, () => {
      const found = barsOf(numeraire);
      return found.length === 0 || Number.isNaN(found.at(-1)?.close) ? null : computeFeatures(found, history.outside);
    });
  const forecast = (numeraire: Numeraire, ranges: readonly Range[], horizonSeconds: number) =>
    forecastRanges({ models, features: features(numeraire) as Features, history, numeraire, ranges, horizonSeconds });
  return {
    history,
    models,
    bars: barsOf,
    features,
    volatility: (numeraire) =>
      once(`volatility ${numeraire}`, () => models.volatility.predict(features(numeraire) as Features, DAY)),
    candidates({ numeraire, bounds, minWidthTicks, referenceTick, horizonSeconds, grid }) {
      const { tickSpacing } = history.pool;
      const limits = [bounds.minWidthTicks, bounds.maxWidthTicks, bounds.maxCentreDistanceTicks, minWidthTicks];
      const key = [numeraire, ...limits, referenceTick, horizonSeconds, grid.widths, grid.centres].join();
      return once(`candidates ${key}`, () =>
        forecast(
          numeraire,
          candidateRanges({ bounds, minWidthTicks, referenceTick, tickSpacing, grid }),
          horizonSeconds,
        ),
      );
    },
    held: (numeraire, ranges, horizonSeconds) =>
      once(
        `held ${numeraire} ${horizonSeconds} ${ranges.map(({ lowerTick, upperTick }) => `${lowerTick},${upperTick}`)}`,
        () => forecast(numeraire, ranges, horizonSeconds),
      ),
  };
}
