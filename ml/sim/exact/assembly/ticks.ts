// Initialised ticks: a sorted index of (tick, record) pairs, records that stay where they are, and the stops of a swap.
import {
  DOWN,
  GROWTH0,
  GROWTH1,
  SPACING,
  STOP_FROM,
  STOP_PRICE,
  STOP_PRICE_FLOAT,
  STOP_RECORD,
  STOP_TICK,
  STOP_TO,
  T_CUMULATIVE,
  T_GROWTH0,
  T_GROWTH1,
  T_PRICE,
  T_PRICE_FLOAT,
  T_SECONDS,
  T_SECONDS_PER_LIQUIDITY,
  T_TICK,
  TICK,
  TICK_COUNT,
  TICK_FREE,
  TICK_INDEX_AT,
  TICK_INDEX_BYTES,
  TICK_RECORD_BYTES,
  TICK_RECORDS_AT,
  TICK_USED,
  TIME,
  UP,
} from "../layout";
import { cumulative, cumulativesNow, perLiquidity0, perLiquidity1, perLiquidity2 } from "./oracle";
import { MAX_TICK, MIN_TICK } from "./range";
import { price0, price1, price2, priceAtTick } from "./tickMath";
import { float3, sub4 } from "./wide";

/** How many initialised ticks lie at or below a tick. */
export function rankOf(pool: usize, tick: i32): u32 {
  const index = pool + load<u32>(pool, TICK_INDEX_AT);
  let low: u32 = 0;
  let high = load<u32>(pool, TICK_COUNT);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (load<i32>(index + <usize>middle * TICK_INDEX_BYTES) <= tick) low = middle + 1;
    else high = middle;
  }
  return low;
}

// @ts-ignore: decorator
@inline
function indexEntry(pool: usize, i: u32): usize {
  return pool + load<u32>(pool, TICK_INDEX_AT) + <usize>i * TICK_INDEX_BYTES;
}

// @ts-ignore: decorator
@inline
function recordOf(pool: usize, entry: usize): usize {
  return pool + load<u32>(pool, TICK_RECORDS_AT) + <usize>load<u32>(entry, 4) * TICK_RECORD_BYTES;
}

/** The i-th initialised tick's record. */
export function tickRecordAt(pool: usize, i: u32): usize {
  return recordOf(pool, indexEntry(pool, i));
}

/** A tick's record; 0 where it is not initialised. */
export function findTick(pool: usize, tick: i32): usize {
  const rank = rankOf(pool, tick);
  if (rank == 0) return 0;
  const entry = indexEntry(pool, rank - 1);
  return load<i32>(entry) == tick ? recordOf(pool, entry) : 0;
}

export function forgetStops(pool: usize): void {
  store<i32>(pool, i32.MAX_VALUE, DOWN + STOP_FROM);
  store<i32>(pool, i32.MAX_VALUE, UP + STOP_FROM);
}

/** Puts an all-zero record of a tick into the index; there must be room. */
export function insertTick(pool: usize, tick: i32): usize {
  forgetStops(pool);
  const count = load<u32>(pool, TICK_COUNT);
  const entry = indexEntry(pool, rankOf(pool, tick));
  memory.copy(entry + TICK_INDEX_BYTES, entry, indexEntry(pool, count) - entry);
  let slot = load<u32>(pool, TICK_FREE);
  if (slot != 0) {
    slot--;
    store<u32>(pool, load<u32>(pool + load<u32>(pool, TICK_RECORDS_AT) + <usize>slot * TICK_RECORD_BYTES), TICK_FREE);
  } else {
    slot = load<u32>(pool, TICK_USED);
    store<u32>(pool, slot + 1, TICK_USED);
  }
  store<u32>(pool, count + 1, TICK_COUNT);
  store<i32>(entry, tick);
  store<u32>(entry, slot, 4);
  const record = recordOf(pool, entry);
  memory.fill(record, 0, TICK_RECORD_BYTES);
  store<i32>(record, tick, T_TICK);
  priceAtTick(tick);
  store<u64>(record, price0, T_PRICE);
  store<u64>(record, price1, T_PRICE + 8);
  store<u64>(record, price2, T_PRICE + 16);
  store<f64>(record, float3(price0, price1, price2), T_PRICE_FLOAT);
  return record;
}

/** Takes an initialised tick out of the index; its record goes to the free ones. */
export function removeTick(pool: usize, tick: i32): void {
  forgetStops(pool);
  const count = load<u32>(pool, TICK_COUNT);
  const entry = indexEntry(pool, rankOf(pool, tick) - 1);
  const slot = load<u32>(entry, 4);
  memory.copy(entry, entry + TICK_INDEX_BYTES, indexEntry(pool, count) - entry - TICK_INDEX_BYTES);
  store<u32>(pool, count - 1, TICK_COUNT);
  store<u32>(pool + load<u32>(pool, TICK_RECORDS_AT) + <usize>slot * TICK_RECORD_BYTES, load<u32>(pool, TICK_FREE));
  store<u32>(pool, slot + 1, TICK_FREE);
}

export function floorDiv(a: i32, b: i32): i32 {
  const quotient = a / b;
  return quotient - i32(a < 0 && quotient * b != a);
}

function setStop(pool: usize, stop: usize, tick: i32, entry: usize): void {
  tick = max(min(tick, MAX_TICK), MIN_TICK);
  store<i32>(stop, tick, STOP_TICK);
  if (entry != 0) {
    const record = recordOf(pool, entry);
    store<u32>(stop, <u32>(record - pool), STOP_RECORD);
    store<u64>(stop, load<u64>(record, T_PRICE), STOP_PRICE);
    store<u64>(stop, load<u64>(record, T_PRICE + 8), STOP_PRICE + 8);
    store<u64>(stop, load<u64>(record, T_PRICE + 16), STOP_PRICE + 16);
    store<f64>(stop, load<f64>(record, T_PRICE_FLOAT), STOP_PRICE_FLOAT);
  } else {
    store<u32>(stop, 0, STOP_RECORD);
    priceAtTick(tick);
    store<u64>(stop, price0, STOP_PRICE);
    store<u64>(stop, price1, STOP_PRICE + 8);
    store<u64>(stop, price2, STOP_PRICE + 16);
    store<f64>(stop, float3(price0, price1, price2), STOP_PRICE_FLOAT);
  }
}

/** The next stop below a tick or at it: an initialised tick, or the first tick of its word of 256 spacings. */
export function findDown(pool: usize, tick: i32): void {
  const stop = pool + DOWN;
  const spacing = load<i32>(pool, SPACING);
  const word = floorDiv(tick, spacing) >> 8;
  const first = (word << 8) * spacing;
  const rank = rankOf(pool, tick);
  const below = rank > 0 ? indexEntry(pool, rank - 1) : 0;
  const isInitialized = below != 0 && load<i32>(below) >= first;
  let to = first + 256 * spacing;
  if (rank < load<u32>(pool, TICK_COUNT)) to = min(to, load<i32>(indexEntry(pool, rank)));
  const at = isInitialized ? load<i32>(below) : first;
  store<i32>(stop, at, STOP_FROM);
  store<i32>(stop, to, STOP_TO);
  setStop(pool, stop, at, isInitialized ? below : 0);
}

/** The next stop above a tick: an initialised tick, or the last tick of the word of the spacing above. */
export function findUp(pool: usize, tick: i32): void {
  const stop = pool + UP;
  const spacing = load<i32>(pool, SPACING);
  const word = (floorDiv(tick, spacing) + 1) >> 8;
  const last = ((word << 8) + 255) * spacing;
  const rank = rankOf(pool, tick);
  const above = rank < load<u32>(pool, TICK_COUNT) ? indexEntry(pool, rank) : 0;
  const isInitialized = above != 0 && load<i32>(above) <= last;
  let from = ((word << 8) - 1) * spacing;
  if (rank > 0) from = max(from, load<i32>(indexEntry(pool, rank - 1)));
  const at = isInitialized ? load<i32>(above) : last;
  store<i32>(stop, from, STOP_FROM);
  store<i32>(stop, at, STOP_TO);
  setStop(pool, stop, at, isInitialized ? above : 0);
}

/** Begins the growth outside a new tick: by convention all growth so far happened below it. */
export function beginOutside(pool: usize, record: usize): void {
  if (load<i32>(record, T_TICK) > load<i32>(pool, TICK)) return;
  cumulativesNow(pool);
  memory.copy(record + T_GROWTH0, pool + GROWTH0, 64);
  store<i64>(record, cumulative, T_CUMULATIVE);
  store<u64>(record, perLiquidity0, T_SECONDS_PER_LIQUIDITY);
  store<u64>(record, perLiquidity1, T_SECONDS_PER_LIQUIDITY + 8);
  store<u64>(record, perLiquidity2, T_SECONDS_PER_LIQUIDITY + 16);
  store<u32>(record, load<u32>(pool, TIME), T_SECONDS);
}

/** int56 of a number. */
// @ts-ignore: decorator
@inline
export function int56(x: i64): i64 {
  return (x << 8) >> 8;
}

/** "Outside" becomes the other side; the oracle's sums now must have been found. Doing it twice undoes it. */
export function crossTick(pool: usize, record: usize, growth0: usize, growth1: usize): void {
  sub4(record + T_GROWTH0, growth0, record + T_GROWTH0);
  sub4(record + T_GROWTH1, growth1, record + T_GROWTH1);
  store<i64>(record, int56(cumulative - load<i64>(record, T_CUMULATIVE)), T_CUMULATIVE);
  const s0 = load<u64>(record, T_SECONDS_PER_LIQUIDITY);
  const s1 = load<u64>(record, T_SECONDS_PER_LIQUIDITY + 8);
  const s2 = load<u64>(record, T_SECONDS_PER_LIQUIDITY + 16);
  const borrow = u64(perLiquidity0 < s0);
  const middle = perLiquidity1 - s1;
  const lent = u64(perLiquidity1 < s1) | u64(middle < borrow);
  store<u64>(record, perLiquidity0 - s0, T_SECONDS_PER_LIQUIDITY);
  store<u64>(record, middle - borrow, T_SECONDS_PER_LIQUIDITY + 8);
  store<u64>(record, (perLiquidity2 - s2 - lent) & 0xffffffff, T_SECONDS_PER_LIQUIDITY + 16);
  store<u32>(record, load<u32>(pool, TIME) - load<u32>(record, T_SECONDS), T_SECONDS);
}
