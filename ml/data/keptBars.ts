import type { Bar, Numeraire, SwapEvent } from "../types.ts";
import { pipsToRatio } from "../units.ts";
import { type BarSource, barSpan, cutBars, type ToBarsParameters } from "./bars.ts";
import { createReadings, type ReadingsBuilder, readingsFrom } from "./readings.ts";

/** Makes bars of a history as `toBars` does, bit for bit. */
export type KeptBars = (source: BarSource, parameters: ToBarsParameters) => Bar[];

/**
 * Bars of a history that grows: what was made of a swap is kept until the history no longer holds that swap, so that a
 * block costs what its own swaps cost. Histories may come in any order; two hold the same swap if it is the same object,
 * and what follows a swap that was replaced was read anew with it.
 */
export function createKeptBars(numeraire: Numeraire): KeptBars {
  let readings: ReadingsBuilder | null = null;
  let fee = Number.NaN;
  let kept: readonly SwapEvent[] = [];
  /** Row of the first kept swap: those before it are forgotten now and then. */
  let first = 0;

  function follow(swaps: readonly SwapEvent[], feePips: number): ReadingsBuilder {
    if (readings === null || fee !== feePips) {
      readings = createReadings(numeraire, pipsToRatio(feePips), swaps.length);
      fee = feePips;
      kept = [];
      first = 0;
    }
    const gone = swaps[0] === undefined ? kept.length : placeOf(kept, swaps[0]);
    const same = sharedFront(kept, gone, swaps);
    first += gone;
    readings.truncate(first + same);
    for (let i = same; i < swaps.length; i++) readings.push(swaps[i] as SwapEvent);
    if (first > readings.length / 2) {
      readings.drop(first);
      first = 0;
    }
    kept = swaps;
    return readings;
  }

  return (source, parameters) => {
    const { barSeconds, untilSeconds, count } = barSpan(source, parameters);
    const rows = follow(source.swaps, source.pool.feePips);
    return cutBars(readingsFrom(rows, first), { barSeconds, untilSeconds, count });
  };
}

/** How many of the first swaps are those from a place of the others on. */
function sharedFront(kept: readonly SwapEvent[], from: number, swaps: readonly SwapEvent[]): number {
  let [low, high] = [0, Math.min(kept.length - from, swaps.length)];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (kept[from + middle] === swaps[middle]) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where a swap is among those in chain order, or would be. */
function placeOf(swaps: readonly SwapEvent[], { block, logIndex }: SwapEvent): number {
  let [low, high] = [0, swaps.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const one = swaps[middle] as SwapEvent;
    if (one.block < block || (one.block === block && one.logIndex < logIndex)) low = middle + 1;
    else high = middle;
  }
  return low;
}
