import { InvalidInputError } from "../errors.ts";
import type { Bar, Features } from "../types.ts";
import { calendarFeatures } from "./calendar.ts";
import { flowFeatures } from "./flow.ts";
import { returnFeatures } from "./returns.ts";
import { volatilityFeatures } from "./volatility.ts";
import { HOUR_SECONDS } from "./window.ts";

/** Name and version of the feature set. A change in any feature's meaning is a new version. */
export const FEATURE_SCHEMA = "main@1";

/** Most history a feature looks at, in hourly bars; more changes nothing. */
export const LOOKBACK_BARS = 169;

/** Features that need prices alone: known for every series. */
export const PRICE_FEATURES = [
  ...Object.keys(volatilityFeatures),
  ...Object.keys(returnFeatures),
  ...Object.keys(calendarFeatures),
] as const;

const all: Readonly<Record<string, (bars: readonly Bar[]) => number>> = {
  ...volatilityFeatures,
  ...returnFeatures,
  ...calendarFeatures,
  ...flowFeatures,
};

/** Names in the order of `Features.values`. */
export const FEATURE_NAMES: readonly string[] = Object.keys(all);

/** The features at the end of the last of these hourly bars, from it and the bars before alone. NaN = missing. */
export function computeFeatures(bars: readonly Bar[]): Features {
  const last = bars.at(-1);
  if (last === undefined) throw new InvalidInputError("bars must hold at least one bar to compute features, not 0");
  if (last.endSeconds - last.startSeconds !== HOUR_SECONDS) {
    throw new InvalidInputError(
      `bars must be hourly (${HOUR_SECONDS} s) to compute features, not ${last.endSeconds - last.startSeconds} s`,
    );
  }
  const recent = bars.slice(-LOOKBACK_BARS);
  const values = Float64Array.from(FEATURE_NAMES, (name) => {
    const value = (all[name] as (bars: readonly Bar[]) => number)(recent);
    // + 0 turns -0 into 0, which JSON cannot tell apart.
    return Number.isFinite(value) ? value + 0 : Number.NaN;
  });
  return { schema: FEATURE_SCHEMA, atSeconds: last.endSeconds, values };
}

/** One feature by name; NaN when it is missing. */
export function feature(features: Features, name: string): number {
  const index = FEATURE_NAMES.indexOf(name);
  if (index < 0) throw new InvalidInputError(`feature ${JSON.stringify(name)} must be in the schema ${FEATURE_SCHEMA}`);
  return features.values[index] ?? Number.NaN;
}
