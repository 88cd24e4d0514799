import { toBars } from "../../data/bars.ts";
import type { Bar, Numeraire, PoolMeta, SwapEvent } from "../../types.ts";

const HOUR = 3600;

/** Index of the first swap after a time. */
export function firstAfter(swaps: readonly SwapEvent[], seconds: number): number {
  let [low, high] = [0, swaps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((swaps[middle] as SwapEvent).timestamp > seconds) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Hourly bars that end at any time asked for, from swaps that are only ever added to: each bar is made once. The same
 * as `toBars` over all of the swaps.
 */
export function createHourlyBars(pool: PoolMeta, numeraire: Numeraire, fromTimestamp: number) {
  const byPhase = new Map<number, Bar[]>();
  return (swaps: readonly SwapEvent[], untilSeconds: number, count: number): readonly Bar[] => {
    const phase = untilSeconds % HOUR;
    const bars = byPhase.get(phase) ?? [];
    byPhase.set(phase, bars);
    const end = bars.at(-1)?.endSeconds;
    if (end === undefined) {
      bars.push(...toBars({ swaps, fromTimestamp, pool }, numeraire, { barSeconds: HOUR, untilSeconds }));
    } else if (end < untilSeconds) {
      // One swap from before, for the price that the next bar opens at.
      const since = swaps.slice(Math.max(0, firstAfter(swaps, end) - 1));
      bars.push(...toBars({ swaps: since, fromTimestamp: end, pool }, numeraire, { barSeconds: HOUR, untilSeconds }));
    }
    const last = bars.findLastIndex(({ endSeconds }) => endSeconds <= untilSeconds);
    return bars.slice(Math.max(0, last + 1 - count), last + 1);
  };
}
