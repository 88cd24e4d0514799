// The ring of observations.
import {
  CARDINALITY,
  CARDINALITY_NEXT,
  LIQUIDITY,
  O_CUMULATIVE,
  O_INITIALIZED,
  O_SECONDS_PER_LIQUIDITY,
  O_TIME,
  OBSERVATION_BYTES,
  OBSERVATION_INDEX,
  OBSERVATIONS_AT,
  RING_LENGTH,
  TICK,
  TIME,
} from "../layout";
import { mulDiv } from "./long";
import { NO_REASON, OK, OLD } from "./revert";
import { growthPerLiquidity } from "./step";
import { set4 } from "./wide";

/** What cumulativesNow and cumulativesAgo found: sums of ticks, and of seconds per unit of liquidity (160 bits). */
export let cumulative: i64 = 0;
export let perLiquidity0: u64 = 0;
export let perLiquidity1: u64 = 0;
export let perLiquidity2: u64 = 0;

const SECONDS = memory.data(32, 8);
const GROWTH = memory.data(32, 8);

// @ts-ignore: decorator
@inline
function at(pool: usize, index: u32): usize {
  return pool + load<u32>(pool, OBSERVATIONS_AT) + <usize>index * OBSERVATION_BYTES;
}

// @ts-ignore: decorator
@inline
function isWritten(pool: usize, index: u32): bool {
  return index < load<u32>(pool, RING_LENGTH);
}

function take(observation: usize): void {
  cumulative = load<i64>(observation, O_CUMULATIVE);
  perLiquidity0 = load<u64>(observation, O_SECONDS_PER_LIQUIDITY);
  perLiquidity1 = load<u64>(observation, O_SECONDS_PER_LIQUIDITY + 8);
  perLiquidity2 = load<u64>(observation, O_SECONDS_PER_LIQUIDITY + 16);
}

/** Carries an observation forward to a time, with tick and liquidity as they are now. */
function carryForward(pool: usize, observation: usize, time: u32): void {
  const elapsed = time - load<u32>(observation, O_TIME);
  const l0 = load<u64>(pool, LIQUIDITY);
  const l1 = load<u64>(pool, LIQUIDITY + 8);
  set4(SECONDS, <u64>elapsed, 0, 0, 0);
  growthPerLiquidity(pool, GROWTH, SECONDS, (l0 | l1) == 0 ? 1 : l0, l1);
  take(observation);
  cumulative = ((cumulative + <i64>load<i32>(pool, TICK) * <i64>elapsed) << 8) >> 8;
  const g0 = load<u64>(GROWTH);
  perLiquidity0 += g0;
  const carry = u64(perLiquidity0 < g0);
  const g1 = load<u64>(GROWTH, 8);
  perLiquidity1 += g1;
  const carry1 = u64(perLiquidity1 < g1);
  perLiquidity1 += carry;
  perLiquidity2 = (perLiquidity2 + load<u64>(GROWTH, 16) + (carry1 | u64(perLiquidity1 < carry))) & 0xffffffff;
}

/** The sums now; EMPTY where the ring has no entry yet. */
export function cumulativesNow(pool: usize): void {
  const newest = newestOf(pool);
  const time = load<u32>(pool, TIME);
  if (load<u32>(newest, O_TIME) == time) take(newest);
  else carryForward(pool, newest, time);
}

const EMPTY = memory.data(40, 8);

// @ts-ignore: decorator
@inline
function entry(pool: usize, index: u32): usize {
  return isWritten(pool, index) ? at(pool, index) : EMPTY;
}

// @ts-ignore: decorator
@inline
function newestOf(pool: usize): usize {
  return entry(pool, load<u32>(pool, OBSERVATION_INDEX));
}

/** Clears ring entries up to an index that is about to be written. */
function reach(pool: usize, index: u32): void {
  const length = load<u32>(pool, RING_LENGTH);
  if (index < length) return;
  memory.fill(at(pool, length), 0, at(pool, index + 1) - at(pool, length));
  store<u32>(pool, index + 1, RING_LENGTH);
}

/** Writes what held since the last observation; at most one per block. There must be room up to the next cardinality. */
export function writeObservation(pool: usize): void {
  const newest = newestOf(pool);
  const time = load<u32>(pool, TIME);
  if (load<u32>(newest, O_TIME) == time) return;
  carryForward(pool, newest, time);
  let cardinality = load<u32>(pool, CARDINALITY);
  const cardinalityNext = load<u32>(pool, CARDINALITY_NEXT);
  const index = load<u32>(pool, OBSERVATION_INDEX);
  // The ring only grows when it is at its end, so that its order stays whole.
  if (cardinalityNext > cardinality && index == cardinality - 1) {
    cardinality = cardinalityNext;
    store<u32>(pool, cardinality, CARDINALITY);
  }
  const next = (index + 1) % cardinality;
  store<u32>(pool, next, OBSERVATION_INDEX);
  reach(pool, next);
  const observation = at(pool, next);
  store<u32>(observation, time, O_TIME);
  store<u32>(observation, 1, O_INITIALIZED);
  store<i64>(observation, cumulative, O_CUMULATIVE);
  store<u64>(observation, perLiquidity0, O_SECONDS_PER_LIQUIDITY);
  store<u64>(observation, perLiquidity1, O_SECONDS_PER_LIQUIDITY + 8);
  store<u64>(observation, perLiquidity2, O_SECONDS_PER_LIQUIDITY + 16);
}

/** The first observation, at the pool's initialisation. */
export function startOracle(pool: usize): void {
  reach(pool, 0);
  memory.fill(at(pool, 0), 0, OBSERVATION_BYTES);
  store<u32>(at(pool, 0), load<u32>(pool, TIME), O_TIME);
  store<u32>(at(pool, 0), 1, O_INITIALIZED);
  store<u32>(pool, 0, OBSERVATION_INDEX);
  store<u32>(pool, 1, CARDINALITY);
  store<u32>(pool, 1, CARDINALITY_NEXT);
}

/** Prepares room for more observations, which must be there; a smaller number than now changes nothing. */
export function growOracle(pool: usize, cardinalityNext: u32): void {
  const before = load<u32>(pool, CARDINALITY_NEXT);
  if (cardinalityNext <= before) return;
  reach(pool, cardinalityNext - 1);
  // The contract writes a time so that the slot is paid for now; it is not an observation yet.
  for (let i = before; i < cardinalityNext; i++) store<u32>(at(pool, i), 1, O_TIME);
  store<u32>(pool, cardinalityNext, CARDINALITY_NEXT);
}

/** Whether a is not after b, both at most 2^32 seconds before `time`. */
function notAfter(time: u32, a: u32, b: u32): bool {
  const pastA = <u64>a + (a <= time ? 1 << 32 : 0);
  const pastB = <u64>b + (b <= time ? 1 << 32 : 0);
  return pastA <= pastB;
}

/** The sums some seconds ago, interpolated between observations. */
export function cumulativesAgo(pool: usize, secondsAgo: u32): i32 {
  if (secondsAgo == 0) {
    cumulativesNow(pool);
    return OK;
  }
  const time = load<u32>(pool, TIME);
  const target = time - secondsAgo;
  const newest = newestOf(pool);
  const newestTime = load<u32>(newest, O_TIME);
  if (notAfter(time, newestTime, target)) {
    if (newestTime == target) take(newest);
    else carryForward(pool, newest, target);
    return OK;
  }
  const cardinality = load<u32>(pool, CARDINALITY);
  const first = (load<u32>(pool, OBSERVATION_INDEX) + 1) % cardinality;
  let oldest = entry(pool, first);
  if (load<u32>(oldest, O_INITIALIZED) == 0) oldest = entry(pool, 0);
  if (!notAfter(time, load<u32>(oldest, O_TIME), target)) return OLD;

  let low = first;
  let high = first + cardinality - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const before = entry(pool, middle % cardinality);
    if (load<u32>(before, O_INITIALIZED) == 0) {
      low = middle + 1;
      continue;
    }
    const after = entry(pool, (middle + 1) % cardinality);
    const reached = notAfter(time, load<u32>(before, O_TIME), target);
    if (reached && notAfter(time, target, load<u32>(after, O_TIME))) {
      interpolate(before, after, target);
      return OK;
    }
    if (reached) low = middle + 1;
    else high = middle - 1;
  }
  return NO_REASON;
}

const PART = memory.data(32, 8);
const SPAN = memory.data(32, 8);

function interpolate(before: usize, after: usize, target: u32): void {
  const start = load<u32>(before, O_TIME);
  const end = load<u32>(after, O_TIME);
  if (target == start) return take(before);
  if (target == end) return take(after);
  const span = end - start;
  const part = target - start;
  const first = load<i64>(before, O_CUMULATIVE);
  const ticks = ((load<i64>(after, O_CUMULATIVE) - first) << 8 >> 8) / <i64>span;
  const b0 = load<u64>(before, O_SECONDS_PER_LIQUIDITY);
  const b1 = load<u64>(before, O_SECONDS_PER_LIQUIDITY + 8);
  const b2 = load<u64>(before, O_SECONDS_PER_LIQUIDITY + 16);
  const a0 = load<u64>(after, O_SECONDS_PER_LIQUIDITY);
  const a1 = load<u64>(after, O_SECONDS_PER_LIQUIDITY + 8);
  const a2 = load<u64>(after, O_SECONDS_PER_LIQUIDITY + 16);
  const d1 = a1 - b1 - u64(a0 < b0);
  const borrow = u64(a1 < b1) | u64(a1 == b1 && a0 < b0);
  set4(GROWTH, a0 - b0, d1, (a2 - b2 - borrow) & 0xffffffff, 0);
  set4(PART, <u64>part, 0, 0, 0);
  set4(SPAN, <u64>span, 0, 0, 0);
  mulDiv(GROWTH, GROWTH, PART, SPAN, false);
  cumulative = ((first + ticks * <i64>part) << 8) >> 8;
  const g0 = load<u64>(GROWTH);
  const g1 = load<u64>(GROWTH, 8);
  perLiquidity0 = b0 + g0;
  const carry = u64(perLiquidity0 < g0);
  const sum = b1 + g1;
  perLiquidity1 = sum + carry;
  perLiquidity2 = (b2 + load<u64>(GROWTH, 16) + (u64(sum < g1) | u64(perLiquidity1 < carry))) & 0xffffffff;
}
