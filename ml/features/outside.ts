import type { FeatureDescriptor } from "./descriptor.ts";
import { knownMean, knownPair, lastKnown, type OutsideName } from "./outsideSeries.ts";
import { volatilityFeatures } from "./volatility.ts";
import { DAY_SECONDS, type FeatureView, HOUR_SECONDS } from "./window.ts";

const WEEK_SECONDS = 7 * DAY_SECONDS;
const DAYS_PER_YEAR = 365;

const known = ({ outside, atSeconds }: FeatureView, name: OutsideName): number => lastKnown(outside[name], atSeconds);

/** Natural logarithm of a source's newest value over the one a day before it. */
function dayChange({ outside, atSeconds }: FeatureView, name: OutsideName): number {
  const { now, before } = knownPair(outside[name], atSeconds, DAY_SECONDS);
  return Math.log(now / before);
}

/** A volatility in per cent a year as the log variances of prices are: per day. */
const impliedVariance = (view: FeatureView): number =>
  Math.log((known(view, "implied_vol") / 100) ** 2 / DAYS_PER_YEAR);

const month = volatilityFeatures.find(({ name }) => name === "log_rv_720h") as FeatureDescriptor;

const common = { version: 1, since: 2, needs: "outside" } as const;

/** What is known from outside of the pool. Each one is missing where its source is, or is stale. */
export const outsideFeatures: readonly FeatureDescriptor[] = [
  {
    ...common,
    name: "funding_8h",
    unit: "fraction per 8 h",
    windowSeconds: 8 * HOUR_SECONDS,
    knowable: "when the rate is charged",
    describe: "newest funding rate of perpetual futures: above 0 where longs pay",
    compute: (view) => known(view, "funding"),
  },
  {
    ...common,
    name: "funding_7d",
    unit: "fraction per 8 h",
    windowSeconds: WEEK_SECONDS,
    knowable: "when the last rate is charged",
    describe: "mean funding rate of the week",
    compute: ({ outside, atSeconds }) => knownMean(outside.funding, atSeconds, WEEK_SECONDS),
  },
  {
    ...common,
    name: "open_interest_change_24h",
    unit: "ln(ratio)",
    windowSeconds: DAY_SECONDS,
    knowable: "once the day is published",
    describe: "open interest in dollars against the day before",
    compute: (view) => dayChange(view, "open_interest"),
  },
  {
    ...common,
    name: "liquidations_24h",
    unit: "ln(1 + dollars)",
    windowSeconds: DAY_SECONDS,
    knowable: "as they happen",
    describe: "positions liquidated on futures exchanges; no source at hand, so always missing so far",
    compute: (view) => Math.log1p(known(view, "liquidations")),
  },
  {
    ...common,
    name: "implied_vol",
    unit: "ln(variance per day)",
    windowSeconds: 0,
    knowable: "at the end of the index's hour",
    describe: "variance that options expect over 30 days",
    compute: impliedVariance,
  },
  {
    ...common,
    name: "implied_minus_realised",
    unit: "ln(ratio)",
    windowSeconds: 720 * HOUR_SECONDS,
    knowable: "at the end of the index's hour",
    describe: "implied_vol less log_rv_720h: what options charge above what was",
    compute(view) {
      const implied = impliedVariance(view);
      return Number.isNaN(implied) ? implied : implied - month.compute(view);
    },
  },
  {
    ...common,
    name: "log_base_fee",
    unit: "ln(gwei)",
    windowSeconds: 0,
    knowable: "with the block, or once the day is over",
    describe: "price of gas",
    compute: (view) => Math.log(known(view, "base_fee")),
  },
  {
    ...common,
    name: "base_fee_change_24h",
    unit: "ln(ratio)",
    windowSeconds: DAY_SECONDS,
    knowable: "with the block, or once the day is over",
    describe: "price of gas against the day before",
    compute: (view) => dayChange(view, "base_fee"),
  },
  {
    ...common,
    name: "fear_greed",
    unit: "0..1",
    windowSeconds: DAY_SECONDS,
    knowable: "once the day is published",
    describe: "crypto fear and greed index: 0 = extreme fear",
    compute: (view) => known(view, "fear_greed") / 100,
  },
  {
    ...common,
    name: "vix",
    unit: "ln(points)",
    windowSeconds: 0,
    knowable: "after the close of the American session",
    describe: "implied volatility of American shares",
    compute: (view) => Math.log(known(view, "vix")),
  },
  {
    ...common,
    name: "dxy",
    unit: "ln(points)",
    windowSeconds: 0,
    knowable: "after the close of the American session",
    describe: "the dollar against other currencies",
    compute: (view) => Math.log(known(view, "dxy")),
  },
];
