import type { Bar } from "../../types.ts";

/** A straight piece of a bar's price path. Prices are natural logs in the bar's numeraire. */
export interface PathStep {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly from: number;
  readonly to: number;
  /** Part of the bar's fees that is earned here. */
  readonly share: number;
}

/**
 * A path that has the bar's open, extremes and close: from the last close over the open to the extreme on the way back,
 * the other one, and the close, which is the shortest path through them. Time and volume are spread evenly over its
 * length. A bar without movement is one step.
 */
export function barPath(bar: Bar, lastClose: number): PathStep[] {
  const { open, high, low, close, startSeconds, endSeconds } = bar;
  const start = Number.isNaN(lastClose) ? firstKnown(open, close) : lastClose;
  const stops = [firstKnown(open, start), ...(close >= firstKnown(open, start) ? [low, high] : [high, low]), close];
  const length = stops.reduce((sum, stop, i) => sum + Math.abs(stop - (stops[i - 1] ?? start)), 0);
  if (length === 0) return [{ fromSeconds: startSeconds, toSeconds: endSeconds, from: start, to: close, share: 1 }];
  const steps: PathStep[] = [];
  let [from, fromSeconds] = [start, startSeconds];
  for (const to of stops) {
    if (to === from) continue;
    const share = Math.abs(to - from) / length;
    const toSeconds = fromSeconds + share * (endSeconds - startSeconds);
    steps.push({ fromSeconds, toSeconds, from, to, share });
    [from, fromSeconds] = [to, toSeconds];
  }
  // Rounding must not leave the bar's end open.
  return steps.map((step, i) => (i === steps.length - 1 ? { ...step, toSeconds: endSeconds } : step));
}

const firstKnown = (value: number, otherwise: number): number => (Number.isNaN(value) ? otherwise : value);

/** The part of a step up to a time, and what is left of it. */
export function splitStep(step: PathStep, seconds: number): [PathStep, PathStep] {
  const done = (seconds - step.fromSeconds) / (step.toSeconds - step.fromSeconds);
  const price = step.from + done * (step.to - step.from);
  return [
    { ...step, toSeconds: seconds, to: price, share: step.share * done },
    { ...step, fromSeconds: seconds, from: price, share: step.share * (1 - done) },
  ];
}

/** Part of a step's length that lies between two log prices; for a step without length, whether its price does. */
export function insideShare({ from, to }: PathStep, lower: number, upper: number): number {
  const [low, high] = from < to ? [from, to] : [to, from];
  if (high - low < 1e-12) return low >= lower && low < upper ? 1 : 0;
  return Math.max(0, Math.min(high, upper) - Math.max(low, lower)) / (high - low);
}
