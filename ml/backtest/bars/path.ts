import type { Bar } from "../../types.ts";

/** A straight piece of a bar's price path. Prices are ln of token1 per token0. */
export interface PathStep {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly from: number;
  readonly to: number;
  /** Parts of the bar's fees in each token that are earned by moving along here. */
  readonly share0: number;
  readonly share1: number;
  /** Parts that are earned meanwhile by going back and forth somewhere in the bar. */
  readonly rest0: number;
  readonly rest1: number;
  /** Extremes of the bar. */
  readonly low: number;
  readonly high: number;
}

/** How far the price went down and up inside a bar in all, there and back again counted each time; natural logs. */
export interface PathLengths {
  readonly down: number;
  readonly up: number;
}

/**
 * The shortest path through a bar's open, extremes and close, from the last close on. Who pays token1 in moves the price
 * up, and who pays token0 in moves it down, each by the fee that he pays times (1 − fee) / fee: so a bar's fees tell how
 * far the price went in each direction. What it went beyond that path is going back and forth between the extremes. Time
 * passes evenly along the path.
 */
export function barPath(bar: Bar, lastClose: number, lengths: PathLengths): PathStep[] {
  const { open, high, low, close, startSeconds, endSeconds } = bar;
  const begin = Number.isNaN(lastClose) ? known(open, close) : lastClose;
  const first = known(open, begin);
  // Over both extremes the shorter way is the one that ends on the side it came from.
  const stops = [begin, first, ...(close >= first ? [low, high] : [high, low]), close];
  const moves = stops.slice(1).map((to, i) => ({ from: stops[i] as number, to }));
  const up = moves.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0);
  const down = moves.reduce((sum, { from, to }) => sum + Math.max(0, from - to), 0);
  const extremes = { low: Math.min(...stops), high: Math.max(...stops) };
  if (up + down === 0) {
    const all = { share0: 1, share1: 1, rest0: 0, rest1: 0 };
    return [{ fromSeconds: startSeconds, toSeconds: endSeconds, from: begin, to: close, ...all, ...extremes }];
  }
  // Fees that the path itself explains; the rest was earned going back and forth.
  const perUp = up === 0 ? 0 : 1 / Math.max(up, lengths.up);
  const perDown = down === 0 ? 0 : 1 / Math.max(down, lengths.down);
  const steps: PathStep[] = [];
  let fromSeconds = startSeconds;
  for (const { from, to } of moves) {
    const length = Math.abs(to - from);
    if (length === 0) continue;
    const part = length / (up + down);
    const toSeconds = fromSeconds + part * (endSeconds - startSeconds);
    steps.push({
      fromSeconds,
      toSeconds,
      from,
      to,
      share0: to < from ? length * perDown : 0,
      share1: to > from ? length * perUp : 0,
      rest0: part * (1 - down * perDown),
      rest1: part * (1 - up * perUp),
      ...extremes,
    });
    fromSeconds = toSeconds;
  }
  // Rounding must not leave the bar's end open.
  return steps.map((step, i) => (i === steps.length - 1 ? { ...step, toSeconds: endSeconds } : step));
}

const known = (value: number, otherwise: number): number => (Number.isNaN(value) ? otherwise : value);

/** The part of a step up to a time, and what is left of it. */
export function splitStep(step: PathStep, seconds: number): [PathStep, PathStep] {
  const done = (seconds - step.fromSeconds) / (step.toSeconds - step.fromSeconds);
  const price = step.from + done * (step.to - step.from);
  const part = (share: number) => ({
    share0: step.share0 * share,
    share1: step.share1 * share,
    rest0: step.rest0 * share,
    rest1: step.rest1 * share,
  });
  return [
    { ...step, toSeconds: seconds, to: price, ...part(done) },
    { ...step, fromSeconds: seconds, from: price, ...part(1 - done) },
  ];
}

/** Part of a step's length that lies between two log prices; for a step without length, whether its price does. */
export function insideShare({ from, to }: PathStep, lower: number, upper: number): number {
  const [low, high] = from < to ? [from, to] : [to, from];
  if (high - low < 1e-12) return low >= lower && low < upper ? 1 : 0;
  return Math.max(0, Math.min(high, upper) - Math.max(low, lower)) / (high - low);
}

/**
 * Part of the going back and forth in a bar that is between two log prices. Its density is taken as (u (1 − u))², u from
 * 0 at the low to 1 at the high: extremes are where the price was least. Of even, parabolic and this one, it had the
 * least error on the recorded days.
 */
export function restShare({ low, high }: PathStep, lower: number, upper: number): number {
  const width = high - low;
  if (width < 1e-12) return low >= lower && low < upper ? 1 : 0;
  const below = (price: number): number => {
    const u = Math.max(0, Math.min(1, (price - low) / width));
    return u ** 3 * (10 - 15 * u + 6 * u * u);
  };
  return below(upper) - below(lower);
}
