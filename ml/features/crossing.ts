import { AT_BAR_END, type FeatureDescriptor } from "./descriptor.ts";
import { closeVariance } from "./volatility.ts";
import { enoughBars, type FeatureView, HOUR_SECONDS, windowMean, windowStart } from "./window.ts";

const DAY = 24;
const ONE_PERCENT = Math.log(1.01);
const FLOOR = 1e-8;

/** Hours that a driftless price with the last day's variance takes on average to leave a band, in logs. */
const logHours = (view: FeatureView, halfWidth: number): number =>
  Math.log((DAY * halfWidth ** 2) / Math.max(closeVariance(view, DAY), FLOOR));

/** The fee that trades paid: what they yielded over what they turned over. */
const feePaid = (view: FeatureView): number =>
  windowMean(view, view.bars.feeYield, DAY) / windowMean(view, view.bars.turnover, DAY);

/** How often the hourly close left a band of ±1 % that is drawn anew around it each time. */
function crossings(view: FeatureView): number {
  const { close } = view.bars;
  let anchor = Number.NaN;
  let known = 0;
  let count = 0;
  for (let i = windowStart(view, DAY + 1); i < view.end; i++) {
    const price = close[i] as number;
    if (Number.isNaN(price)) continue;
    known++;
    if (Number.isNaN(anchor)) anchor = price;
    else if (Math.abs(price - anchor) >= ONE_PERCENT) {
      anchor = price;
      count++;
    }
  }
  return known < enoughBars(DAY) ? Number.NaN : count;
}

const day = { version: 1, since: 2, windowSeconds: DAY * HOUR_SECONDS, knowable: AT_BAR_END } as const;

/** How long a price stays where it is. */
export const crossingFeatures: readonly FeatureDescriptor[] = [
  {
    ...day,
    name: "log_hours_to_1pct",
    needs: "price",
    unit: "ln(hours)",
    describe: "expected time for a driftless price with the day's variance to leave ±1 %",
    compute: (view) => logHours(view, ONE_PERCENT),
  },
  {
    ...day,
    name: "crossings_1pct_24h",
    needs: "price",
    unit: "count",
    describe: "times that the hourly close left a band of ±1 % that is drawn anew around it each time",
    compute: crossings,
  },
  {
    ...day,
    name: "log_hours_to_fee",
    needs: "pool",
    unit: "ln(hours)",
    describe: "expected time for a driftless price with the day's variance to move by the fee that trades paid",
    compute: (view) => logHours(view, feePaid(view)),
  },
];
