import type { Bar } from "../../types.ts";

export interface FallFit {
  readonly perDay: number;
  readonly leastLog: number;
  readonly meanExcessLog: number;
  readonly reboundShare: number;
  readonly reboundHours: number;
}

/** A fall within an hour of at least this log size, and of so many standard deviations of the week before. */
const LEAST = 0.04;
const SIGMAS = 6;
const WEEK_HOURS = 168;
const REBOUND_HOURS = 24;
/** A fall of which less came back within a day is a jump, not a flash crash. */
const LEAST_REBOUND = 0.25;
const MIN_DAYS = 180;

/**
 * Fits flash crashes to hourly bars of at least half a year: falls from an hour's start to its low that came back in
 * part. Null where the bars are too few or there were fewer than three.
 */
export function fitFalls(hours: readonly Bar[]): FallFit | null {
  const known = hours.filter(({ close }) => Number.isFinite(close)).length;
  if (known < MIN_DAYS * 24) return null;
  const found: { size: number; share: number; hours: number }[] = [];
  for (let i = WEEK_HOURS; i + 1 < hours.length; i++) {
    const [before, bar] = [hours[i - 1] as Bar, hours[i] as Bar];
    const size = before.close - bar.low;
    if (!(size >= LEAST) || size < SIGMAS * volatilityBefore(hours, i)) continue;
    const later = hours.slice(i, i + REBOUND_HOURS + 1).map(({ close }) => close - bar.low);
    const best = Math.max(...later.filter(Number.isFinite), 0);
    const share = Math.min(1, best / size);
    if (share < LEAST_REBOUND) continue;
    found.push({ size, share, hours: 1 + later.findIndex((back) => back >= best / 2) });
    // What follows within a day belongs to the same crash.
    i += REBOUND_HOURS;
  }
  if (found.length < 3) return null;
  const mean = (pick: (fall: (typeof found)[number]) => number) =>
    found.reduce((sum, f) => sum + pick(f), 0) / found.length;
  const least = Math.min(...found.map(({ size }) => size));
  return {
    perDay: found.length / (known / 24),
    leastLog: least,
    meanExcessLog: mean(({ size }) => size) - least,
    reboundShare: mean(({ share }) => share),
    // Time constant of an exponential return that is half-way then.
    reboundHours: Math.max(0.5, mean((fall) => fall.hours) / Math.LN2),
  };
}

function volatilityBefore(hours: readonly Bar[], at: number): number {
  let [sum, count] = [0, 0];
  for (let i = at - WEEK_HOURS + 1; i < at; i++) {
    const r = (hours[i]?.close ?? Number.NaN) - (hours[i - 1]?.close ?? Number.NaN);
    if (!Number.isFinite(r)) continue;
    sum += r * r;
    count++;
  }
  return Math.sqrt(sum / count);
}
