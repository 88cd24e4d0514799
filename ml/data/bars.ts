import { InvalidInputError } from "../errors.ts";
import type { Bar, Numeraire, PoolHistory, SwapEvent } from "../types.ts";
import { pipsToRatio, sqrtPriceX96ToLnPrice } from "../units.ts";
import type { PoolEvent } from "./events.ts";

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

/** Value in the asset of a full-range position with this liquidity at a price: 2 L sqrt(P), raw units. */
export const fullRangeValue = (liquidity: number, lnPrice: number): number => 2 * liquidity * Math.exp(lnPrice / 2);

/**
 * Bars of `barSeconds` that end exactly at `untilSeconds` and reach back as far as the history is complete. A bar holds
 * the swaps of (start, end]; one without swaps repeats the last price. Before the first known price a bar is all NaN.
 */
export function toBars(source: BarSource, numeraire: Numeraire, parameters: ToBarsParameters): Bar[] {
  const { barSeconds, untilSeconds, atMost = Number.POSITIVE_INFINITY } = parameters;
  if (!Number.isInteger(barSeconds) || barSeconds <= 0) {
    throw new InvalidInputError(`barSeconds ${barSeconds} must be a positive whole number`);
  }
  const count = Math.min(atMost, Math.max(0, Math.floor((untilSeconds - source.fromTimestamp) / barSeconds)));
  const firstStart = untilSeconds - count * barSeconds;
  const fee = pipsToRatio(source.pool.feePips);
  const { swaps } = source;
  let i = 0;
  while (i < swaps.length && (swaps[i] as SwapEvent).timestamp <= firstStart) i++;
  let last = spotAfter(swaps[i - 1], numeraire);
  const bars: Bar[] = [];
  for (let k = 0; k < count; k++) {
    const startSeconds = firstStart + k * barSeconds;
    const endSeconds = startSeconds + barSeconds;
    const first = i;
    while (i < swaps.length && (swaps[i] as SwapEvent).timestamp <= endSeconds) i++;
    const inside = swaps.slice(first, i);
    bars.push(swapsToBar(inside, last, { numeraire, fee, startSeconds, endSeconds }));
    if (inside.length > 0) last = spotAfter(inside.at(-1), numeraire);
  }
  return bars;
}

interface Spot {
  readonly price: number;
  readonly liquidity: number;
}

/** What a swap left behind; not known where there was none. */
const spotAfter = (swap: SwapEvent | undefined, numeraire: Numeraire): Spot =>
  swap === undefined
    ? { price: Number.NaN, liquidity: Number.NaN }
    : { price: sqrtPriceX96ToLnPrice(swap.sqrtPriceX96, numeraire), liquidity: Number(swap.liquidity) };

interface SwapsToBarParameters {
  readonly numeraire: Numeraire;
  /** Ratio. */
  readonly fee: number;
  readonly startSeconds: number;
  readonly endSeconds: number;
}

function swapsToBar(swaps: readonly SwapEvent[], before: Spot, parameters: SwapsToBarParameters): Bar {
  const { numeraire, fee, startSeconds, endSeconds } = parameters;
  let { price, liquidity } = before;
  let [open, high, low, gridPrice] = [price, price, price, price];
  let gridEnd = startSeconds + VARIANCE_GRID_SECONDS;
  let [variance, volume, signedVolume, feeYield, liquiditySeconds] = [0, 0, 0, 0, 0];
  let lastChange = startSeconds;
  let [arrivals, lastBlock] = [0, -1];
  for (const swap of swaps) {
    if (swap.block !== lastBlock) arrivals++;
    lastBlock = swap.block;
    if (swap.timestamp > gridEnd) {
      if (!Number.isNaN(gridPrice)) variance += (price - gridPrice) ** 2;
      gridPrice = price;
      gridEnd += Math.ceil((swap.timestamp - gridEnd) / VARIANCE_GRID_SECONDS) * VARIANCE_GRID_SECONDS;
    }
    price = sqrtPriceX96ToLnPrice(swap.sqrtPriceX96, numeraire);
    if (Number.isNaN(open)) [open, high, low, gridPrice] = [price, price, price, price];
    high = Math.max(high, price);
    low = Math.min(low, price);
    const assetIn = numeraire === 0 ? swap.amount0 : swap.amount1;
    const otherIn = numeraire === 0 ? swap.amount1 : swap.amount0;
    // Who pays the asset in buys the other token.
    const value = assetIn > 0n ? Number(assetIn) : Number(otherIn) * Math.exp(price);
    volume += value;
    signedVolume += assetIn > 0n ? value : -value;
    const after = Number(swap.liquidity);
    liquiditySeconds += (Number.isNaN(liquidity) ? after : liquidity) * (swap.timestamp - lastChange);
    lastChange = swap.timestamp;
    liquidity = after;
    if (liquidity > 0) feeYield += (fee * value) / fullRangeValue(liquidity, price);
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
    swaps: swaps.length,
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
