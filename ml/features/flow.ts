import type { Quantity } from "./columns.ts";
import { AT_BAR_END, type FeatureDescriptor } from "./descriptor.ts";
import { clamp, type FeatureView, HOUR_SECONDS, lnFloored, windowMean } from "./window.ts";

/** Fee yield and turnover per day below which logs are cut. */
const FLOOR = 1e-8;
const HOURS_PER_DAY = 24;

const perDay = (view: FeatureView, quantity: Quantity, hours: number): number =>
  HOURS_PER_DAY * windowMean(view, quantity, hours);

/** A part of the volume over all of it, 0 when nothing traded. */
function share(view: FeatureView, hours: number, part: Quantity): number {
  const volume = windowMean(view, view.bars.volume, hours);
  const mean = windowMean(view, part, hours);
  return volume === 0 ? 0 : mean / volume;
}

/** Natural logarithm of a short window's mean over a long one's, within ±5. */
export function lnRatio(view: FeatureView, quantity: Quantity, short: number, long: number): number {
  const ratio = windowMean(view, quantity, short) / windowMean(view, quantity, long);
  return clamp(Math.log(ratio), -5, 5);
}

const pool = { version: 1, needs: "pool", knowable: AT_BAR_END } as const;
const hoursOf = (hours: number) => ({ windowSeconds: hours * HOUR_SECONDS });

const feeYield = (hours: number, since = 1): FeatureDescriptor => ({
  ...pool,
  ...hoursOf(hours),
  name: `log_fee_${hours}h`,
  since,
  unit: "ln(fraction per day)",
  describe: "fee growth as what a full-range position earns on its value",
  compute: (view) => lnFloored(perDay(view, view.bars.feeYield, hours), FLOOR),
});

const turnover = (hours: number, since = 1): FeatureDescriptor => ({
  ...pool,
  ...hoursOf(hours),
  name: `log_turnover_${hours}h`,
  since,
  unit: "ln(fraction per day)",
  describe: "volume over the value of in-range liquidity, valued as if it were full range",
  compute: (view) => lnFloored(perDay(view, view.bars.turnover, hours), FLOOR),
});

const flow = (hours: number, since = 1): FeatureDescriptor => ({
  ...pool,
  ...hoursOf(hours),
  name: `flow_${hours}h`,
  since,
  unit: "share of volume, -1..1",
  describe: "volume that bought the other token less volume that sold it",
  compute: (view) => share(view, hours, view.bars.signedVolume),
});

const toxicity = (hours: number, since = 1): FeatureDescriptor => ({
  ...pool,
  ...hoursOf(hours),
  name: `toxicity_${hours}h`,
  since,
  unit: "share of volume, 0..1",
  describe: "size of the hours' one-sided volume, whichever side it was on",
  compute: (view) => share(view, hours, view.bars.absoluteFlow),
});

const ratio = (
  name: string,
  [short, long]: readonly [number, number],
  since: number,
  describe: string,
  pick: (view: FeatureView) => Quantity,
): FeatureDescriptor => ({
  ...pool,
  ...hoursOf(long),
  name: `${name}_${short}h_${long}h`,
  since,
  unit: "ln(ratio), within ±5",
  describe,
  compute: (view) => lnRatio(view, pick(view), short, long),
});

const depth = (short: number, long: number) =>
  ratio(
    "liquidity",
    [short, long],
    1,
    "time-weighted in-range liquidity against its longer mean",
    (view) => view.bars.liquidity,
  );
const volume = (short: number, long: number) =>
  ratio("volume", [short, long], 2, "volume against its longer mean", (view) => view.bars.volume);

const count = (name: string, hours: number, since: number, what: string, pick: (view: FeatureView) => Quantity) => ({
  ...pool,
  ...hoursOf(hours),
  name: `${name}_${hours}h`,
  since,
  unit: "ln(1 + count per day)",
  describe: what,
  compute: (view: FeatureView) => Math.log1p(perDay(view, pick(view), hours)),
});

/** What trades and what it pays. */
export const flowFeatures: readonly FeatureDescriptor[] = [
  ...[1, 6, 24, 168].map((hours) => feeYield(hours)),
  turnover(24),
  flow(1),
  flow(24),
  toxicity(24),
  depth(1, 24),
  depth(24, 168),
  count("log_swaps", 24, 1, "swaps", (view) => view.bars.swaps),
  feeYield(720, 2),
  turnover(1, 2),
  turnover(168, 2),
  {
    ...pool,
    ...hoursOf(24),
    name: "log_volume_24h",
    since: 2,
    unit: "ln(1 + raw asset units per day)",
    describe: "volume; its scale is the asset's, so it compares times of one pool, not pools",
    compute: (view) => Math.log1p(perDay(view, view.bars.volume, 24)),
  },
  volume(1, 24),
  volume(24, 168),
  flow(6, 2),
  toxicity(1, 2),
  count("log_swaps", 1, 2, "swaps", (view) => view.bars.swaps),
  count("log_arrivals", 1, 2, "blocks with swaps", (view) => view.bars.arrivals),
  count("log_arrivals", 24, 2, "blocks with swaps", (view) => view.bars.arrivals),
];
