import type { PoolEvent } from "../../data/events.ts";
import { UNLIMITED } from "../../sim/exact/orders.ts";
import { eventPlayer } from "../../sim/exact/replay.ts";
import type { ExactPool, SwapOutcome } from "../../sim/exact/types.ts";
import type { Address, HeldPosition, PoolHistory, Range, SwapEvent } from "../../types.ts";
import { amountsForLiquidity, pipsToRatio } from "../../units.ts";
import type { MarketSession, OpenMarketParameters, OwnHoldings } from "../market.ts";
import { amountsPerLiquidity, type Edges, edgesOf, sqrtFloat } from "../ownPosition.ts";
import { orientationOf, priceAtSqrt, wholeAmounts } from "../price.ts";
import type { EventRecord } from "./eventMarket.ts";
import { createHourlyBars, firstAfter } from "./hourlyBars.ts";

/** All recorded events of one block. */
export interface RecordedBlock {
  readonly block: number;
  readonly timestamp: number;
  readonly events: readonly PoolEvent[];
}

/** Owner of our positions in the pool. */
const US: Address = "0x00000000000000000000000000000000ba7c7e57";

/** How far the pool's price may be from the edge of the fee band before anybody bothers, as a ratio. */
const BAND_TOLERANCE = 1e-9;

/** A session that knows more of its pool than runs need. */
export interface EventSession extends MarketSession {
  /** Of the whole pool, Q128.128 modulo 2^256. */
  feeGrowth(): { readonly feeGrowth0: bigint; readonly feeGrowth1: bigint };
}

interface Own {
  readonly range: Range;
  readonly edges: Edges;
  readonly liquidity: bigint;
}

/** Plays a recorded market up to a time and stands there, ready to be traded in. */
export function openEventSession(record: EventRecord, { fromSeconds, numeraire }: OpenMarketParameters): EventSession {
  const { blocks, timeline } = record;
  const pool = record.createPool(record.state);
  pool.setTime(record.startTimestamp);
  const play = eventPlayer(pool, record.orders);
  const orientation = orientationOf(record.pool, numeraire);
  const hourly = createHourlyBars(record.pool, numeraire, blocks[0]?.timestamp ?? record.startTimestamp);
  const swaps: SwapEvent[] = [];
  let own: readonly Own[] = [];
  let next = 0;
  let now = { atSeconds: record.startTimestamp, block: (blocks[0]?.block ?? 1) - 1 };
  let outside = record.state.sqrtPriceX96;
  let recordedGas: number | null = null;
  let arbitrage = { swaps: 0, volume: 0 };

  function note(outcome: SwapOutcome | null, logIndex: number): void {
    if (outcome === null) return;
    swaps.push({ block: now.block, timestamp: now.atSeconds, logIndex, ...outcome });
  }

  function playBlock({ block, timestamp, events }: RecordedBlock): void {
    now = { atSeconds: timestamp, block };
    for (const event of events) {
      const played = play(event);
      if (event.gasPriceWei !== null) recordedGas = Number(event.gasPriceWei);
      if (!("order" in played)) continue;
      outside = played.event.sqrtPriceX96;
      note(played.outcome, event.order);
    }
    const outcome = closeGap(pool, outside);
    if (outcome === null) return;
    note(outcome, (events.at(-1)?.order ?? 0) + 1);
    const { asset } = wholeAmounts(Math.abs(Number(outcome.amount0)), Math.abs(Number(outcome.amount1)), orientation);
    arbitrage = { swaps: arbitrage.swaps + 1, volume: arbitrage.volume + asset };
  }

  function advance(untilSeconds: number, onStep: () => void): void {
    for (let at = blocks[next]; at !== undefined && at.timestamp <= untilSeconds; at = blocks[next]) {
      next++;
      playBlock(at);
      onStep();
    }
    if (untilSeconds > now.atSeconds) now = { atSeconds: untilSeconds, block: timeline.blockAt(untilSeconds) };
    pool.setTime(now.atSeconds);
  }

  advance(fromSeconds, () => {});
  arbitrage = { swaps: 0, volume: 0 };
  const keyOf = ({ lowerTick, upperTick }: Range) => ({ owner: US, tickLower: lowerTick, tickUpper: upperTick });

  return {
    get atSeconds() {
      return now.atSeconds;
    },
    get block() {
      return now.block;
    },
    get price() {
      return priceAtSqrt(outside, orientation);
    },
    get sqrtPriceX96() {
      return pool.sqrtPriceX96;
    },
    get tick() {
      return pool.tick;
    },
    get liquidity() {
      return pool.liquidity;
    },
    get gasPriceWei() {
      return record.gasPriceWei === null ? recordedGas : record.gasPriceWei(now.atSeconds);
    },
    get arbitrage() {
      return arbitrage;
    },
    advance,
    actsAt: (latencyBlocks) => Math.max(now.atSeconds + 1, timeline.timeOf(now.block + latencyBlocks)),
    history(lookbackSeconds): PoolHistory {
      const start = Math.max(record.completeFrom, now.atSeconds - lookbackSeconds);
      return {
        pool: record.pool,
        swaps: swaps.slice(firstAfter(swaps, start - 1)),
        fromTimestamp: start,
        toBlock: now.block,
        toTimestamp: now.atSeconds,
        sqrtPriceX96: pool.sqrtPriceX96,
        tick: pool.tick,
        liquidity: pool.liquidity,
      };
    },
    bars: (count) => hourly(swaps, now.atSeconds, count),
    meanTick: (windowSeconds) => meanTick(swaps, pool.tick, now.atSeconds, windowSeconds),

    feeGrowth: () => ({ feeGrowth0: pool.feeGrowthGlobal0X128, feeGrowth1: pool.feeGrowthGlobal1X128 }),

    positions: () =>
      own.map(({ range, liquidity }): HeldPosition => {
        const fees = pool.uncollectedFees(keyOf(range));
        const principal = amountsForLiquidity(pool.sqrtPriceX96, range.lowerTick, range.upperTick, liquidity);
        return { ...range, liquidity, ...principal, fees0: fees.amount0, fees1: fees.amount1 };
      }),
    holdings(): OwnHoldings {
      const sqrtPrice = sqrtFloat(pool.sqrtPriceX96);
      let [principal0, principal1, fees0, fees1, inRange] = [0, 0, 0, 0, false];
      for (const { range, edges, liquidity } of own) {
        const per = amountsPerLiquidity(edges, sqrtPrice);
        principal0 += Number(liquidity) * per.amount0;
        principal1 += Number(liquidity) * per.amount1;
        const fees = pool.uncollectedFees(keyOf(range));
        fees0 += Number(fees.amount0);
        fees1 += Number(fees.amount1);
        inRange ||= range.lowerTick <= pool.tick && pool.tick < range.upperTick;
      }
      return { principal0, principal1, fees0, fees1, inRange };
    },
    mint(range, liquidity) {
      const amounts = pool.mint(keyOf(range), liquidity);
      const before = own.find((held) => sameRange(held.range, range));
      const grown = { range, edges: edgesOf(range), liquidity: (before?.liquidity ?? 0n) + liquidity };
      own = [...own.filter((held) => held !== before), grown].sort((a, b) => byTicks(a.range, b.range));
      return amounts;
    },
    close(range) {
      const key = keyOf(range);
      const principal = pool.burn(key, pool.position(key).liquidity);
      const all = pool.collect(key, UNLIMITED, UNLIMITED);
      own = own.filter((held) => !sameRange(held.range, range));
      const fees = { amount0: all.amount0 - principal.amount0, amount1: all.amount1 - principal.amount1 };
      return { principal, fees };
    },
    swap(order) {
      const outcome = pool.swap(order);
      note(outcome, 1_000_000);
      return outcome;
    },
    checkpoint() {
      const taken = { pool: pool.snapshot(), own, swaps: swaps.length };
      return () => {
        pool.restore(taken.pool);
        own = taken.own;
        swaps.length = taken.swaps;
      };
    },
  };
}

/** The arbitrageur's swap to the edge of the fee band around the price outside; null inside of it. */
function closeGap(pool: ExactPool, outside: bigint): SwapOutcome | null {
  const kept = Math.sqrt(1 - pipsToRatio(pool.feePips));
  const edge = (ratio: number): bigint => (outside * BigInt(Math.round(ratio * 2 ** 52))) / 2n ** 52n;
  const above = edge(1 / kept);
  const below = edge(kept);
  const tolerance = 1 + BAND_TOLERANCE;
  if (Number(pool.sqrtPriceX96) > Number(above) * tolerance) {
    return pool.swap({ zeroForOne: true, amountSpecified: UNLIMITED, sqrtPriceLimitX96: above });
  }
  if (Number(pool.sqrtPriceX96) * tolerance < Number(below)) {
    return pool.swap({ zeroForOne: false, amountSpecified: UNLIMITED, sqrtPriceLimitX96: below });
  }
  return null;
}

function meanTick(swaps: readonly SwapEvent[], tick: number, now: number, windowSeconds: number): number {
  const start = now - windowSeconds;
  let [sum, until, after] = [0, now, tick];
  for (let i = swaps.length - 1; i >= 0 && until > start; i--) {
    const swap = swaps[i] as SwapEvent;
    const from = Math.max(start, swap.timestamp);
    sum += swap.tick * (until - from);
    until = from;
    after = swap.tick;
  }
  return (sum + after * Math.max(0, until - start)) / windowSeconds;
}

const sameRange = (a: Range, b: Range): boolean => a.lowerTick === b.lowerTick && a.upperTick === b.upperTick;

const byTicks = (a: Range, b: Range): number => a.lowerTick - b.lowerTick || a.upperTick - b.upperTick;
