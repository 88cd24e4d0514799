import { swapsOf, toBars } from "../../../ml/data/bars.ts";
import type { MarketData } from "../../../ml/data/market.ts";
import { computeFeatures, FEATURE_NAMES, LOOKBACK_BARS } from "../../../ml/features/index.ts";
import type { Outside } from "../../../ml/features/outsideSeries.ts";
import type { Features, Numeraire } from "../../../ml/types.ts";

const HOUR = 3600;

export interface FeaturesAtParameters {
  readonly market: MarketData;
  readonly numeraire: Numeraire;
  readonly atSeconds: number;
  /** How much history a worker would hold then. */
  readonly lookbackSeconds: number;
  /** What was known of the world outside; absent = nothing. */
  readonly outside?: Outside;
}

/** The features at a moment of a recorded market, from its swaps and what was known until then; null before its first price. */
export function featuresAt(parameters: FeaturesAtParameters): Features | null {
  const { market, numeraire, atSeconds, lookbackSeconds, outside } = parameters;
  const first = market.events[0]?.timestamp ?? atSeconds;
  const fromTimestamp = Math.max(first, atSeconds - lookbackSeconds);
  const swaps = swapsOf(market.events).filter(({ timestamp }) => timestamp >= fromTimestamp && timestamp <= atSeconds);
  const source = { swaps, fromTimestamp, pool: market.pool };
  const bars = toBars(source, numeraire, { barSeconds: HOUR, untilSeconds: atSeconds, atMost: LOOKBACK_BARS });
  return bars.length === 0 || Number.isNaN(bars.at(-1)?.close) ? null : computeFeatures(bars, outside);
}

/** One feature in two sources. */
export interface Skew {
  readonly name: string;
  /** Rows that both know, that only one of them knows, and that differ in any bit. */
  readonly compared: number;
  readonly oneSided: number;
  readonly different: number;
  /** Largest difference between two known values. */
  readonly largest: number;
}

/** What was recorded at a moment; null = missing. */
export interface RecordedFeatures {
  readonly atSeconds: number;
  readonly numeraire: Numeraire;
  readonly values: readonly (number | null)[];
  /** Wei per gas that features were told; undefined = they were not. */
  readonly baseFeePerGas?: bigint | undefined;
}

/** Each feature's differences between what was recorded and what `recompute` gives for the same moments. */
export function skewOf(
  recorded: readonly RecordedFeatures[],
  recompute: (row: RecordedFeatures) => Features | null,
): readonly Skew[] {
  const tally = tallySkew();
  for (const row of recorded) {
    // A record of an earlier feature set has fewer values, in the same places.
    tally.add(
      row.values.map((value) => value ?? Number.NaN),
      recompute(row)?.values,
    );
  }
  return tally.skews;
}

/** Counts what differs, moment by moment; of the second as much as the first tells. */
export function tallySkew() {
  const skews = FEATURE_NAMES.map((name) => ({ name, compared: 0, oneSided: 0, different: 0, largest: 0 }));
  return {
    skews: skews as readonly Skew[],
    add(one: ArrayLike<number>, other: ArrayLike<number> | undefined): void {
      for (let i = 0; i < one.length; i++) {
        const tally = skews[i];
        const [was, is] = [one[i] ?? Number.NaN, other?.[i] ?? Number.NaN];
        if (tally === undefined || (Number.isNaN(was) && Number.isNaN(is))) continue;
        if (!Object.is(was, is)) tally.different++;
        if (Number.isNaN(was) || Number.isNaN(is)) tally.oneSided++;
        else {
          tally.compared++;
          tally.largest = Math.max(tally.largest, Math.abs(was - is));
        }
      }
    },
  };
}
