/** What the kernel keeps of every environment, in its order (assembly/layout.ts). One float each, keys apart. */
export const FIELDS = [
  "ref",
  "pool",
  "halfSigma",
  "flow",
  "rebound",
  "liquidity",
  "regime",
  "own",
  "lower",
  "upper",
  "entry",
  "fee0",
  "fee1",
  "cash",
  "fees",
  "lvr",
  "cost",
  "il",
  "moves",
  "age",
  "reward",
  "varianceFast",
  "varianceSlow",
  "volume",
  "imbalance",
  "poolReturn",
  "arbitrage",
  "gross",
  "key0",
  "key1",
  "action",
] as const;

export type FieldName = (typeof FIELDS)[number];

/** What an agent sees, in its order (assembly/observe.ts); all of the order of one. */
export const OBSERVATIONS = [
  "placed",
  "inRange",
  "placeInRange",
  "toLower",
  "toUpper",
  "width",
  "volatilityFast",
  "volatilitySlow",
  "poolReturn",
  "gapToPriceElsewhere",
  "liquidityMissing",
  "volume",
  "trend",
  "uncollectedFees",
  "age",
  "gain",
] as const;

/** Actions, by their number: the widths are those of the settings, narrow to wide. */
export const ACTIONS = ["hold", "narrow", "middle", "wide", "idle"] as const;
