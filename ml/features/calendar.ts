import type { FeatureDescriptor } from "./descriptor.ts";
import { DAY_SECONDS } from "./window.ts";

const WEEK_SECONDS = 7 * DAY_SECONDS;

/** Angle of a moment inside a repeating period. */
const angle = (atSeconds: number, period: number): number => (2 * Math.PI * (atSeconds % period)) / period;

/** A moment's place in a period as a point on a circle. */
const circle = (name: string, since: number, period: number, harmonic: number, of: string): FeatureDescriptor[] =>
  (["sin", "cos"] as const).map((side) => ({
    name: `${name}_${side}`,
    version: 1,
    since,
    unit: "-1..1",
    windowSeconds: 0,
    needs: "price",
    knowable: "in advance",
    describe: `${side === "sin" ? "sine" : "cosine"} of ${of} (UTC)`,
    compute: ({ atSeconds }) => Math[side](harmonic * angle(atSeconds, period)),
  }));

/** Hour of day and day of week. */
export const calendarFeatures: readonly FeatureDescriptor[] = [
  ...circle("hour", 1, DAY_SECONDS, 1, "the hour of the day"),
  ...circle("weekday", 1, WEEK_SECONDS, 1, "the time of the week"),
  ...circle("weekday2", 2, WEEK_SECONDS, 2, "twice the time of the week"),
  ...circle("weekday3", 2, WEEK_SECONDS, 3, "three times the time of the week"),
];
