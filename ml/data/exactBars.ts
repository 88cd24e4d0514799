import { InvalidInputError } from "../errors.ts";
import { amount0Between, amount1Between } from "../sim/exact/sqrtPrice.ts";
import type { StoredEvent } from "./store/eventTypes.ts";

/**
 * A bar of a pool's own numbers, nothing rounded to floats. It holds the events of (start, end]. Amounts are token units,
 * prices Q64.96 of token1 per token0.
 */
export interface ExactBar {
  readonly startSeconds: number;
  readonly endSeconds: number;
  /** Price before the bar's first swap, its extremes after swaps, and after the last one; null until one is known. */
  readonly openX96: bigint | null;
  readonly highX96: bigint | null;
  readonly lowX96: bigint | null;
  readonly closeX96: bigint | null;
  readonly closeTick: number | null;
  /** Paid in by those who sell token0, and what they got; then the same of those who sell token1. */
  readonly in0: bigint;
  readonly out1: bigint;
  readonly in1: bigint;
  readonly out0: bigint;
  /** In-range liquidity times the seconds it lasted, and the seconds over which it is known. */
  readonly liquiditySeconds: bigint;
  readonly knownSeconds: number;
  /** In-range liquidity at the end; null while unknown. */
  readonly liquidity: bigint | null;
  /** What the bar added to the pool's fee growth per unit of in-range liquidity, Q128.128. */
  readonly feeGrowth0X128: bigint;
  readonly feeGrowth1X128: bigint;
  readonly swaps: number;
  /** Swaps that may have passed an initialised tick: their part of the fee growth is right but for rounding. */
  readonly approximateSwaps: number;
  readonly mints: number;
  readonly burns: number;
}

export interface ExactBarsParameters {
  readonly barSeconds: number;
  readonly feePips: number;
  readonly tickSpacing: number;
  /** As the contract packs it, until a SET_FEE_PROTOCOL event changes it; 0 = the protocol takes nothing. */
  readonly feeProtocol?: number;
}

const Q128_SHIFT = 128n;
const MILLION = 1_000_000n;

/**
 * Bars of `barSeconds` on a grid of multiples of it, made of events that come in order and in pieces of any size. Fee
 * growth is the pool's own to the last digit for every swap that ends between the same two usable ticks at which it
 * began; of the others, which are counted, it follows from the price move and misses the rounding of each step only.
 */
export function* exactBars(
  events: Iterable<readonly StoredEvent[]>,
  parameters: ExactBarsParameters,
): Generator<ExactBar> {
  const builder = createExactBars(parameters);
  for (const batch of events) for (const event of batch) yield* builder.see(event);
  yield* builder.end();
}

export interface ExactBarsBuilder {
  /** Takes the next event; answers the bars that are finished by it. */
  see(event: StoredEvent): ExactBar[];
  /** The last bar. */
  end(): ExactBar[];
}

type Open = { -readonly [Key in keyof ExactBar]: ExactBar[Key] };

/** The same as `exactBars`, asked for event by event. */
export function createExactBars(parameters: ExactBarsParameters): ExactBarsBuilder {
  const { barSeconds, tickSpacing } = parameters;
  if (!Number.isSafeInteger(barSeconds) || barSeconds <= 0) {
    throw new InvalidInputError(`barSeconds ${barSeconds} must be a positive whole number`);
  }
  const feePips = BigInt(parameters.feePips);
  let [protocol0, protocol1] = [BigInt((parameters.feeProtocol ?? 0) & 15), BigInt((parameters.feeProtocol ?? 0) >> 4)];
  let price: bigint | null = null;
  let tick: number | null = null;
  let liquidity: bigint | null = null;
  let changedAt = 0;
  let bar: Open | null = null;

  const begin = (startSeconds: number): Open => ({
    startSeconds,
    endSeconds: startSeconds + barSeconds,
    openX96: price,
    highX96: price,
    lowX96: price,
    closeX96: price,
    closeTick: tick,
    in0: 0n,
    out1: 0n,
    in1: 0n,
    out0: 0n,
    liquiditySeconds: 0n,
    knownSeconds: 0,
    liquidity,
    feeGrowth0X128: 0n,
    feeGrowth1X128: 0n,
    swaps: 0,
    approximateSwaps: 0,
    mints: 0,
    burns: 0,
  });

  /** Counts the liquidity that held until now. */
  function pass(into: Open, until: number): void {
    if (liquidity !== null && until > changedAt) {
      into.liquiditySeconds += liquidity * BigInt(until - changedAt);
      into.knownSeconds += until - changedAt;
    }
    changedAt = until;
  }

  function finish(into: Open): ExactBar {
    pass(into, into.endSeconds);
    into.liquidity = liquidity;
    return { ...into };
  }

  /** Fees that stay with liquidity, per unit of it, added to the bar. */
  function grow(into: Open, token: 0 | 1, fee: bigint, over: bigint): void {
    if (over <= 0n || fee <= 0n) return;
    const part = token === 0 ? protocol0 : protocol1;
    const kept = part > 0n ? fee - fee / part : fee;
    if (token === 0) into.feeGrowth0X128 += (kept << Q128_SHIFT) / over;
    else into.feeGrowth1X128 += (kept << Q128_SHIFT) / over;
  }

  /**
   * At every liquidity the amount paid in is the liquidity times the move of 1/√P or √P, so the fee per unit of liquidity
   * is the move times fee/(1 − fee), whatever ticks are passed on the way: true but for the rounding of each step.
   */
  function growByMove(into: Open, down: boolean, from: bigint, to: bigint): void {
    const [lower, upper] = down ? [to, from] : [from, to];
    if (lower >= upper) return;
    const move = down ? ((upper - lower) << 224n) / (lower * upper) : (upper - lower) << 32n;
    const growth = (move * feePips) / (MILLION - feePips);
    const part = down ? protocol0 : protocol1;
    const kept = part > 0n ? growth - growth / part : growth;
    if (down) into.feeGrowth0X128 += kept;
    else into.feeGrowth1X128 += kept;
  }

  function swap(into: Open, event: StoredEvent & { type: "SWAP" }): void {
    const down = event.amount0 > 0n || (event.amount0 === 0n && event.amount1 < 0n);
    const paidIn = down ? event.amount0 : event.amount1;
    if (down) {
      into.in0 += event.amount0;
      into.out1 -= event.amount1;
    } else {
      into.in1 += event.amount1;
      into.out0 -= event.amount0;
    }
    into.swaps++;
    const cell = (at: number): number => Math.floor(at / tickSpacing);
    const inside =
      price !== null &&
      tick !== null &&
      liquidity !== null &&
      cell(tick) === cell(event.tick) &&
      liquidity === event.liquidity;
    if (inside && price !== null && liquidity !== null && liquidity > 0n) {
      const [lower, upper] = down ? [event.sqrtPriceX96, price] : [price, event.sqrtPriceX96];
      const net = lower > upper ? paidIn : (down ? amount0Between : amount1Between)(lower, upper, liquidity, true);
      grow(into, down ? 0 : 1, paidIn - net, liquidity);
    } else {
      into.approximateSwaps++;
      if (price === null) grow(into, down ? 0 : 1, (paidIn * feePips) / MILLION, event.liquidity);
      else growByMove(into, down, price, event.sqrtPriceX96);
    }
    price = event.sqrtPriceX96;
    tick = event.tick;
    liquidity = event.liquidity;
    see(into, price, tick);
  }

  function see(into: Open, at: bigint, atTick: number): void {
    into.openX96 ??= at;
    if (into.highX96 === null || at > into.highX96) into.highX96 = at;
    if (into.lowX96 === null || at < into.lowX96) into.lowX96 = at;
    into.closeX96 = at;
    into.closeTick = atTick;
  }

  return {
    see(event) {
      const done: ExactBar[] = [];
      // The last second of a bar belongs to it.
      const start = (Math.ceil(event.timestamp / barSeconds) - 1) * barSeconds;
      if (bar === null) {
        bar = begin(start);
        changedAt = start;
      }
      while (event.timestamp > bar.endSeconds) {
        done.push(finish(bar));
        bar = begin(bar.endSeconds);
      }
      pass(bar, event.timestamp);
      if (event.type === "SWAP") swap(bar, event);
      else if (event.type === "MINT" || event.type === "BURN") {
        if (event.type === "MINT") bar.mints++;
        else bar.burns++;
        const { tickLower, tickUpper, liquidityDelta } = event;
        if (liquidity !== null && tick !== null && tickLower <= tick && tick < tickUpper) liquidity += liquidityDelta;
      } else if (event.type === "INITIALIZE") {
        [price, tick, liquidity] = [event.sqrtPriceX96, event.tick, 0n];
        see(bar, price, tick);
      } else if (event.type === "FLASH" && liquidity !== null) {
        grow(bar, 0, event.paid0, liquidity);
        grow(bar, 1, event.paid1, liquidity);
      } else if (event.type === "SET_FEE_PROTOCOL") {
        [protocol0, protocol1] = [BigInt(event.feeProtocol0), BigInt(event.feeProtocol1)];
      }
      return done;
    },
    end() {
      if (bar === null) return [];
      const last = finish(bar);
      bar = null;
      return [last];
    },
  };
}
