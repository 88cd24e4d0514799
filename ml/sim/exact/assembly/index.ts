// The fast exact engine: what ../pool.ts calls. Pools are regions of memory that the caller lays out and grows.
import {
  CARDINALITY,
  FEE_PROTOCOL,
  HASH_AT,
  HASH_MASK,
  HEADER_BYTES,
  LENGTH,
  LIQUIDITY,
  OBSERVATION_BYTES,
  OBSERVATION_CAPACITY,
  OBSERVATIONS_AT,
  POSITION_BYTES,
  POSITION_CAPACITY,
  POSITION_COUNT,
  POSITIONS_AT,
  PRICE,
  RING_LENGTH,
  T_CUMULATIVE,
  T_SECONDS,
  T_SECONDS_PER_LIQUIDITY,
  TICK,
  TICK_CAPACITY,
  TICK_COUNT,
  TICK_INDEX_AT,
  TICK_INDEX_BYTES,
  TICK_RECORD_BYTES,
  TICK_RECORDS_AT,
  TICK_USED,
  TIME,
} from "../layout";
import { checkTicks } from "./liquidity";
import { cumulative, cumulativesAgo, cumulativesNow, perLiquidity0, perLiquidity1, perLiquidity2, startOracle } from "./oracle";
import { rehash } from "./positions";
import { MAX_PRICE_0, MAX_PRICE_1, MAX_PRICE_2, MIN_PRICE } from "./range";
import { AI, I, NO_REASON, OK, R } from "./revert";
import { swap, writeAmounts } from "./swap";
import { S_AMOUNT, S_LIMIT, STEP } from "./swapState";
import { tickAtPrice } from "./tickMath";
import { findTick, forgetStops, int56 } from "./ticks";

export { changePosition, collect, uncollected } from "./liquidity";
export { growOracle } from "./oracle";
export { findPosition, insertPosition } from "./positions";
export { collectProtocol, flash } from "./protocol";
export { findTick, insertTick, tickRecordAt } from "./ticks";

/** Where arguments and answers lie. */
export const IO = memory.data(256, 8);
/** Where a swap's amount (4 limbs, signed) and limit (3 limbs) go. */
export const SWAP_AMOUNT = STEP + S_AMOUNT;
export const SWAP_LIMIT = STEP + S_LIMIT;

/** The first free address. */
export function heapBase(): usize {
  return __heap_base;
}

function aligned(x: usize): usize {
  return (x + 7) & ~7;
}

/** Sets a region's areas, clears the rest of its header and the hash table; the caller gives at least the bytes that this returns. */
export function layOut(
  pool: usize,
  ticks: u32,
  positions: u32,
  hashSlots: u32,
  observations: u32,
): usize {
  let at: usize = HEADER_BYTES;
  memory.fill(pool, 0, HEADER_BYTES);
  store<u32>(pool, ticks, TICK_CAPACITY);
  store<u32>(pool, positions, POSITION_CAPACITY);
  store<u32>(pool, hashSlots - 1, HASH_MASK);
  store<u32>(pool, observations, OBSERVATION_CAPACITY);
  store<u32>(pool, <u32>at, TICK_INDEX_AT);
  at += <usize>ticks * TICK_INDEX_BYTES;
  store<u32>(pool, <u32>at, TICK_RECORDS_AT);
  at += <usize>ticks * TICK_RECORD_BYTES;
  store<u32>(pool, <u32>at, HASH_AT);
  memory.fill(pool + at, 0, <usize>hashSlots << 2);
  at = aligned(at + (<usize>hashSlots << 2));
  store<u32>(pool, <u32>at, POSITIONS_AT);
  at += <usize>positions * POSITION_BYTES;
  store<u32>(pool, <u32>at, OBSERVATIONS_AT);
  at += <usize>observations * OBSERVATION_BYTES;
  store<u32>(pool, <u32>at, LENGTH);
  forgetStops(pool);
  return at;
}

/** Bytes that a region of these capacities takes. */
export function bytesFor(ticks: u32, positions: u32, hashSlots: u32, observations: u32): usize {
  const before: usize = HEADER_BYTES + <usize>ticks * (TICK_INDEX_BYTES + TICK_RECORD_BYTES);
  return (
    aligned(before + (<usize>hashSlots << 2)) + <usize>positions * POSITION_BYTES + <usize>observations * OBSERVATION_BYTES
  );
}

function copyArea(to: usize, from: usize, at: usize, bytes: usize): void {
  memory.copy(to + load<u32>(to + at), from + load<u32>(from + at), bytes);
}

/** Fills a region that was laid out with the pool of another, whose areas are not larger. */
export function moveInto(to: usize, from: usize): void {
  memory.copy(to, from, TICK_COUNT);
  store<u32>(to, load<u32>(from, TICK_COUNT), TICK_COUNT);
  memory.copy(to + TICK_CAPACITY + 4, from + TICK_CAPACITY + 4, 8); // free and used tick records
  store<u32>(to, load<u32>(from, POSITION_COUNT), POSITION_COUNT);
  copyArea(to, from, TICK_INDEX_AT, <usize>load<u32>(from, TICK_COUNT) * TICK_INDEX_BYTES);
  copyArea(to, from, TICK_RECORDS_AT, <usize>load<u32>(from, TICK_USED) * TICK_RECORD_BYTES);
  copyArea(to, from, POSITIONS_AT, <usize>load<u32>(from, POSITION_COUNT) * POSITION_BYTES);
  copyArea(to, from, OBSERVATIONS_AT, <usize>load<u32>(from, RING_LENGTH) * OBSERVATION_BYTES);
  rehash(to);
}

/** Starts a pool at the sqrt price at IO; a ring of one must have room. */
export function initialize(pool: usize): i32 {
  if ((load<u64>(pool, PRICE) | load<u64>(pool, PRICE + 8) | load<u64>(pool, PRICE + 16)) != 0) return AI;
  const p0 = load<u64>(IO);
  const p1 = load<u64>(IO, 8);
  const p2 = load<u64>(IO, 16);
  if (load<u64>(IO, 24) != 0) return R;
  if ((p1 | p2) == 0 && p0 < MIN_PRICE) return R;
  if (p2 > MAX_PRICE_2) return R;
  if (p2 == MAX_PRICE_2 && (p1 > MAX_PRICE_1 || (p1 == MAX_PRICE_1 && p0 >= MAX_PRICE_0))) return R;
  memory.copy(pool + PRICE, IO, 24);
  store<i32>(pool, tickAtPrice(p0, p1, p2), TICK);
  store<u32>(pool, 0, FEE_PROTOCOL);
  startOracle(pool);
  return OK;
}

/** Swaps what lies at SWAP_AMOUNT and SWAP_LIMIT; amounts (4 limbs each, signed) go to IO. */
export function swapOne(pool: usize, zeroForOne: bool): i32 {
  const status = swap(pool, zeroForOne);
  if (status == OK) writeAmounts(IO, zeroForOne);
  return status;
}

export const ORDER_BYTES: usize = 48;
export const OUTCOME_BYTES: usize = 112;

/**
 * Swaps many orders of 6 words: direction (bit 0) and time (high half; 0 = as before), amount (2, signed), limit (3).
 * Each writes 14 words: amounts (4 each), price (3), liquidity (2), tick (low half) and status (high half; 0 = done).
 */
export function swapMany(pool: usize, orders: usize, outcomes: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const order = orders + <usize>i * ORDER_BYTES;
    const outcome = outcomes + <usize>i * OUTCOME_BYTES;
    const time = load<u32>(order, 4);
    if (time != 0) store<u32>(pool, time, TIME);
    const zeroForOne = (load<u32>(order) & 1) != 0;
    const high = load<u64>(order, 16);
    store<u64>(SWAP_AMOUNT, load<u64>(order, 8));
    store<u64>(SWAP_AMOUNT, high, 8);
    store<i64>(SWAP_AMOUNT, <i64>high >> 63, 16);
    store<i64>(SWAP_AMOUNT, <i64>high >> 63, 24);
    store<u64>(SWAP_LIMIT, load<u64>(order, 24));
    store<u64>(SWAP_LIMIT, load<u64>(order, 32), 8);
    store<u64>(SWAP_LIMIT, load<u64>(order, 40), 16);
    const status = swap(pool, zeroForOne);
    if (status == OK) writeAmounts(outcome, zeroForOne);
    else memory.fill(outcome, 0, 64);
    store<u64>(outcome, load<u64>(pool, PRICE), 64);
    store<u64>(outcome, load<u64>(pool, PRICE + 8), 72);
    store<u64>(outcome, load<u64>(pool, PRICE + 16), 80);
    store<u64>(outcome, load<u64>(pool, LIQUIDITY), 88);
    store<u64>(outcome, load<u64>(pool, LIQUIDITY + 8), 96);
    store<i32>(outcome, load<i32>(pool, TICK), 104);
    store<i32>(outcome, status, 108);
  }
}

function writeCumulatives(to: usize): void {
  store<i64>(to, cumulative);
  store<u64>(to, perLiquidity0, 8);
  store<u64>(to, perLiquidity1, 16);
  store<u64>(to, perLiquidity2, 24);
}

/** The oracle's sums some seconds ago: tick (1 limb, signed) and seconds per liquidity (3 limbs) go to IO. */
export function observe(pool: usize, secondsAgo: u32): i32 {
  if (load<u32>(pool, CARDINALITY) == 0) return I;
  const status = cumulativesAgo(pool, secondsAgo);
  if (status == OK) writeCumulatives(IO);
  return status;
}

/** Sums inside a range: tick (1 limb, signed), seconds per liquidity (3 limbs) and seconds (u32) go to IO. */
export function snapshotInside(pool: usize, lowerTick: i32, upperTick: i32): i32 {
  const status = checkTicks(lowerTick, upperTick);
  if (status != OK) return status;
  const lower = findTick(pool, lowerTick);
  const upper = findTick(pool, upperTick);
  if (lower == 0 || upper == 0) return NO_REASON;
  const tick = load<i32>(pool, TICK);
  // outside lower − outside upper, the other way round, or all − both.
  if (tick < lowerTick) {
    takeOutside(lower);
    subtractOutside(upper);
  } else if (tick >= upperTick) {
    takeOutside(upper);
    subtractOutside(lower);
  } else {
    cumulativesNow(pool);
    writeCumulatives(IO);
    store<u32>(IO, load<u32>(pool, TIME), 32);
    subtractOutside(lower);
    subtractOutside(upper);
  }
  return OK;
}

function takeOutside(tick: usize): void {
  store<i64>(IO, load<i64>(tick, T_CUMULATIVE));
  memory.copy(IO + 8, tick + T_SECONDS_PER_LIQUIDITY, 24);
  store<u32>(IO, load<u32>(tick, T_SECONDS), 32);
}

function subtractOutside(tick: usize): void {
  store<i64>(IO, int56(load<i64>(IO) - load<i64>(tick, T_CUMULATIVE)));
  const a0 = load<u64>(IO, 8);
  const a1 = load<u64>(IO, 16);
  const b0 = load<u64>(tick, T_SECONDS_PER_LIQUIDITY);
  const b1 = load<u64>(tick, T_SECONDS_PER_LIQUIDITY + 8);
  const borrow = u64(a0 < b0);
  const middle = a1 - b1;
  const lent = u64(a1 < b1) | u64(middle < borrow);
  store<u64>(IO, a0 - b0, 8);
  store<u64>(IO, middle - borrow, 16);
  store<u64>(IO, (load<u64>(IO, 24) - load<u64>(tick, T_SECONDS_PER_LIQUIDITY + 16) - lent) & 0xffffffff, 24);
  store<u32>(IO, load<u32>(IO, 32) - load<u32>(tick, T_SECONDS), 32);
}
