import type { Bar } from "../types.ts";
import { DAY_SECONDS } from "./window.ts";

/** Angle of a moment inside a repeating period. */
const angle = (bars: readonly Bar[], period: number): number => {
  const at = bars.at(-1)?.endSeconds ?? Number.NaN;
  return (2 * Math.PI * (at % period)) / period;
};

/** Hour of day and day of week (UTC) as points on a circle, dimensionless. Known in advance. */
export const calendarFeatures = {
  hour_sin: (bars: readonly Bar[]) => Math.sin(angle(bars, DAY_SECONDS)),
  hour_cos: (bars: readonly Bar[]) => Math.cos(angle(bars, DAY_SECONDS)),
  weekday_sin: (bars: readonly Bar[]) => Math.sin(angle(bars, 7 * DAY_SECONDS)),
  weekday_cos: (bars: readonly Bar[]) => Math.cos(angle(bars, 7 * DAY_SECONDS)),
} as const;
