import { InvalidInputError } from "../errors.ts";
import type { Bar, Numeraire, PoolHistory, SwapEvent } from "../types.ts";
import { pipsToRatio } from "../units.ts";
import type { PoolEvent } from "./events.ts";
import { createReadings, fullRangeValue, type Readings, rowsUntil } from "./readings.ts";

export { fullRangeValue };

/** Squared returns of swaps are summed on this grid: a finer one would count the bounce inside the fee band as variance. */
const VARIANCE_GRID_SECONDS = 300;

export interface ToBarsParameters {
  readonly barSeconds: number;
  /** End of the last bar; swaps after it are ignored. */
  readonly untilSeconds: number;
  /** Most bars to make: the latest ones. Absent = all. */
  readonly atMost?: number;
}

/** What bars are made of: a `PoolHistory`, or the part of one that a file gives. */
export type BarSource = Pick<PoolHistory, "swaps" | "fromTimestamp"> & {
  readonly pool: Pick<PoolHistory["pool"], "feePips">;
};

/**
 * Bars of `barSeconds` that end exactly at `untilSeconds` and reach back as far as the history is complete. A bar holds
 * the swaps of (start, end]; one without swaps repeats the last price. Before the first known price a bar is all NaN.
 */
export function toBars(source: BarSource, numeraire: Numeraire, parameters: ToBarsParameters): Bar[] {
  const { barSeconds, untilSeconds, count } = barSpan(source, parameters);
  const firstStart = untilSeconds - count * barSeconds;
  const fee = pipsToRatio(source.pool.feePips);
  const { swaps } = source;
  let from = 0;
  while (from < swaps.length && (swaps[from] as SwapEvent).timestamp <= firstStart) from++;
  // The last swap before the bars is where their first one opens.
  const seen = swaps.slice(Math.max(0, from - 1));
  const readings = createReadings(numeraire, fee, seen.length);
  for (const swap of seen) readings.push(swap);
  return cutBars(readings, { barSeconds, untilSeconds, count });
}

/** How many bars a source gives. */
export function barSpan({ fromTimestamp }: BarSource, parameters: ToBarsParameters): CutBarsParameters {
  const { barSeconds, untilSeconds, atMost = Number.POSITIVE_INFINITY } = parameters;
  if (!Number.isInteger(barSeconds) || barSeconds <= 0) {
    throw new InvalidInputError(`barSeconds ${barSeconds} must be a positive whole number`);
  }
  const count = Math.min(atMost, Math.max(0, Math.floor((untilSeconds - fromTimestamp) / barSeconds)));
  return { barSeconds, untilSeconds, count };
}

export interface CutBarsParameters {
  readonly barSeconds: number;
  readonly untilSeconds: number;
  readonly count: number;
}

/** The last `count` bars that these readings give. */
export function cutBars(readings: Readings, { barSeconds, untilSeconds, count }: CutBarsParameters): Bar[] {
  const firstStart = untilSeconds - count * barSeconds;
  let i = rowsUntil(readings, firstStart, 0);
  const bars: Bar[] = [];
  for (let k = 0; k < count; k++) {
    const startSeconds = firstStart + k * barSeconds;
    const endSeconds = startSeconds + barSeconds;
    const first = i;
    i = rowsUntil(readings, endSeconds, first);
    bars.push(readingsToBar(readings, first, i, startSeconds, endSeconds));
  }
  return bars;
}

/** A bar of rows `from` to `to`; it opens with what the row before them left behind. */
export function readingsToBar(
  readings: Readings,
  from: number,
  to: number,
  startSeconds: number,
  endSeconds: number,
): Bar {
  // Plain variables throughout: this loop is what a block costs a worker.
  const { timestamp: timestamps, block: blocks, price: prices, value: values, liquidity: depths } = readings.columns;
  const { signedValue, feeYield: feeYields } = readings.columns;
  let price = from === 0 ? Number.NaN : (prices[from - 1] as number);
  let liquidity = from === 0 ? Number.NaN : (depths[from - 1] as number);
  let open = price;
  let high = price;
  let low = price;
  let gridPrice = price;
  let gridEnd = startSeconds + VARIANCE_GRID_SECONDS;
  let variance = 0;
  let volume = 0;
  let signedVolume = 0;
  let feeYield = 0;
  let liquiditySeconds = 0;
  let lastChange = startSeconds;
  let arrivals = 0;
  let lastBlock = -1;
  for (let row = from; row < to; row++) {
    const timestamp = timestamps[row] as number;
    const block = blocks[row] as number;
    if (block !== lastBlock) arrivals++;
    lastBlock = block;
    if (timestamp > gridEnd) {
      if (!Number.isNaN(gridPrice)) variance += (price - gridPrice) ** 2;
      gridPrice = price;
      gridEnd += Math.ceil((timestamp - gridEnd) / VARIANCE_GRID_SECONDS) * VARIANCE_GRID_SECONDS;
    }
    price = prices[row] as number;
    if (Number.isNaN(open)) {
      open = price;
      high = price;
      low = price;
      gridPrice = price;
    }
    if (price > high) high = price;
    if (price < low) low = price;
    volume += values[row] as number;
    signedVolume += signedValue[row] as number;
    const after = depths[row] as number;
    liquiditySeconds += (Number.isNaN(liquidity) ? after : liquidity) * (timestamp - lastChange);
    lastChange = timestamp;
    liquidity = after;
    feeYield += feeYields[row] as number;
  }
  if (Number.isNaN(price)) return emptyBar(startSeconds, endSeconds);
  liquiditySeconds += liquidity * (endSeconds - lastChange);
  return {
    startSeconds,
    endSeconds,
    open,
    high,
    low,
    close: price,
    realisedVariance: variance + (price - gridPrice) ** 2,
    volume,
    signedVolume,
    feeYield,
    liquidity: liquiditySeconds / (endSeconds - startSeconds),
    swaps: to - from,
    arrivals,
  };
}

/** A bar of which nothing is known. */
export const emptyBar = (startSeconds: number, endSeconds: number): Bar => ({
  startSeconds,
  endSeconds,
  open: Number.NaN,
  high: Number.NaN,
  low: Number.NaN,
  close: Number.NaN,
  realisedVariance: Number.NaN,
  volume: Number.NaN,
  signedVolume: Number.NaN,
  feeYield: Number.NaN,
  liquidity: Number.NaN,
  swaps: Number.NaN,
});

/** Joins every `size` bars into one, the last ending with the last bar; bars that do not fill one are dropped in front. */
export function joinBars(bars: readonly Bar[], size: number): Bar[] {
  const joined: Bar[] = [];
  for (let start = bars.length % size; start + size <= bars.length; start += size) {
    joined.push(joinOne(bars.slice(start, start + size)));
  }
  return joined;
}

function joinOne(bars: readonly Bar[]): Bar {
  const [startSeconds, endSeconds] = [(bars[0] as Bar).startSeconds, (bars.at(-1) as Bar).endSeconds];
  const known = bars.filter((bar) => !Number.isNaN(bar.close));
  const [first, last] = [known[0], known.at(-1)];
  // A bar that is mostly holes would pass for a calm one.
  if (first === undefined || last === undefined || known.length < bars.length / 2)
    return emptyBar(startSeconds, endSeconds);
  const sum = (pick: (bar: Bar) => number): number => known.reduce((total, bar) => total + pick(bar), 0);
  return {
    startSeconds,
    endSeconds,
    open: first.open,
    high: Math.max(...known.map((bar) => bar.high)),
    low: Math.min(...known.map((bar) => bar.low)),
    close: last.close,
    realisedVariance: sum((bar) => bar.realisedVariance),
    volume: sum((bar) => bar.volume),
    signedVolume: sum((bar) => bar.signedVolume),
    feeYield: sum((bar) => bar.feeYield),
    liquidity: sum((bar) => bar.liquidity) / known.length,
    swaps: sum((bar) => bar.swaps),
    ...(first.arrivals === undefined ? {} : { arrivals: sum((bar) => bar.arrivals ?? Number.NaN) }),
  };
}

/** The same market with the other token as the asset. Volumes change unit at each bar's close. */
export const flipBars = (bars: readonly Bar[]): Bar[] =>
  bars.map((bar) => ({
    ...bar,
    open: -bar.open,
    high: -bar.low,
    low: -bar.high,
    close: -bar.close,
    volume: bar.volume * Math.exp(-bar.close),
    signedVolume: -bar.signedVolume * Math.exp(-bar.close),
  }));

/** Puts bars on a regular grid from the first to the last, with empty bars where some are missing. */
export function fillGaps(bars: readonly Bar[], barSeconds: number): Bar[] {
  const filled: Bar[] = [];
  for (const bar of bars) {
    for (let at = filled.at(-1)?.endSeconds ?? bar.startSeconds; at < bar.startSeconds; at += barSeconds) {
      filled.push(emptyBar(at, at + barSeconds));
    }
    filled.push(bar);
  }
  return filled;
}

/** The swaps of an event file as a history holds them. */
export const swapsOf = (events: readonly PoolEvent[]): SwapEvent[] =>
  events.flatMap((event) =>
    event.type !== "SWAP"
      ? []
      : [
          {
            block: event.block,
            timestamp: event.timestamp,
            logIndex: event.order,
            amount0: event.amount0,
            amount1: event.amount1,
            sqrtPriceX96: event.sqrtPriceX96,
            liquidity: event.liquidity,
            tick: event.tick,
          },
        ],
  );
