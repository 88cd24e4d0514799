import { InvalidInputError } from "../errors.ts";
import type { Bar, Features } from "../types.ts";
import { FEATURES } from "./descriptors.ts";
import type { Outside } from "./outsideSeries.ts";
import { featureTable } from "./table.ts";

/**
 * Name and version of the feature set. A version adds features behind those of the one before, which keep their names,
 * places and values; a feature whose meaning changes counts up a version of its own.
 */
export const FEATURE_SCHEMA = "main@2";

/** Most history a feature looks at, in hourly bars; more changes nothing. */
export const LOOKBACK_BARS = 721;

/** Names in the order of `Features.values`. */
export const FEATURE_NAMES: readonly string[] = FEATURES.map(({ name }) => name);

/** Features that need prices alone: known for every series. */
export const PRICE_FEATURES: readonly string[] = FEATURES.filter(({ needs }) => needs === "price").map(
  ({ name }) => name,
);

/** Features that prices and a pool's own swaps give. */
export const POOL_FEATURES: readonly string[] = FEATURES.filter(({ needs }) => needs !== "outside").map(
  ({ name }) => name,
);

const versions = new Map(FEATURES.map(({ name, version }) => [name, version]));

/** Version of one feature, counted up when what it means changes. */
export function featureVersion(name: string): number {
  const version = versions.get(name);
  if (version === undefined) {
    throw new InvalidInputError(`feature ${JSON.stringify(name)} must be in the schema ${FEATURE_SCHEMA}`);
  }
  return version;
}

/**
 * The features at the end of the last of these hourly bars, from it and the bars before alone, and from what outside
 * sources had made known by then. NaN = missing.
 */
export function computeFeatures(bars: readonly Bar[], outside: Outside = {}): Features {
  const recent = bars.slice(-LOOKBACK_BARS);
  const last = recent.at(-1);
  if (last === undefined) throw new InvalidInputError("bars must hold at least one bar to compute features, not 0");
  const values = featureTable(recent, outside).at(recent.length - 1);
  return { schema: FEATURE_SCHEMA, atSeconds: last.endSeconds, values };
}

/** One feature by name; NaN when it is missing. */
export function feature(features: Features, name: string): number {
  const index = FEATURE_NAMES.indexOf(name);
  if (index < 0) throw new InvalidInputError(`feature ${JSON.stringify(name)} must be in the schema ${FEATURE_SCHEMA}`);
  return features.values[index] ?? Number.NaN;
}
