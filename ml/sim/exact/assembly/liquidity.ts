// Mint, burn and collect. All that may revert is checked before anything is written.
import {
  GROWTH0,
  LIQUIDITY,
  MAX_LIQUIDITY,
  P_GROWTH0,
  P_LIQUIDITY,
  P_LOWER,
  P_OWED0,
  P_OWED1,
  P_UPPER,
  PRICE,
  SPACING,
  T_GROSS,
  T_GROWTH0,
  T_NET,
  TICK,
} from "../layout";
import { writeObservation } from "./oracle";
import { feesOf, findPosition, insertPosition } from "./positions";
import { MAX_TICK, MIN_TICK } from "./range";
import { LA, LO, LOK, LS, NO_REASON, NP, OK, TLM, TLU, TUM } from "./revert";
import { amount0Between, amount1Between } from "./slowStep";
import { addTo2 } from "./swap";
import { price0, price1, price2, priceAtTick } from "./tickMath";
import { beginOutside, findTick, insertTick, removeTick } from "./ticks";
import { set4, sub4 } from "./wide";

export function checkTicks(lower: i32, upper: i32): i32 {
  if (lower >= upper) return TLU;
  if (lower < MIN_TICK) return TLM;
  if (upper > MAX_TICK) return TUM;
  return OK;
}

let sum0: u64 = 0;
let sum1: u64 = 0;

/** sum = liquidity ± delta, which must stay within 0 and 2^128. */
function change(l0: u64, l1: u64, d0: u64, d1: u64, add: bool): i32 {
  if (add) {
    sum0 = l0 + d0;
    const carry = u64(sum0 < d0);
    const part = l1 + d1;
    sum1 = part + carry;
    return part < d1 || sum1 < carry ? LA : OK;
  }
  sum0 = l0 - d0;
  sum1 = l1 - d1 - u64(l0 < d0);
  return l1 < d1 || (l1 == d1 && l0 < d0) ? LS : OK;
}

const NET = memory.data(32, 8); // lower's and upper's net liquidity after the change, 2 limbs each
const GROSS = memory.data(32, 8);

function checkTick(pool: usize, tick: usize, d0: u64, d1: u64, add: bool, isUpper: bool): i32 {
  const g0 = tick != 0 ? load<u64>(tick, T_GROSS) : 0;
  const g1 = tick != 0 ? load<u64>(tick, T_GROSS + 8) : 0;
  const status = change(g0, g1, d0, d1, add);
  if (status != OK) return status;
  const max1 = load<u64>(pool, MAX_LIQUIDITY + 8);
  if (sum1 > max1 || (sum1 == max1 && sum0 > load<u64>(pool, MAX_LIQUIDITY))) return LO;
  const offset: usize = isUpper ? 16 : 0;
  store<u64>(GROSS + offset, sum0);
  store<u64>(GROSS + offset, sum1, 8);
  const n0 = tick != 0 ? load<u64>(tick, T_NET) : 0;
  const n1 = tick != 0 ? load<u64>(tick, T_NET + 8) : 0;
  const rises = add != isUpper;
  const m0 = rises ? n0 + d0 : n0 - d0;
  const m1 = rises ? n1 + d1 + u64(m0 < n0) : n1 - d1 - u64(n0 < d0);
  // d is below 2^127: signs tell an overflow.
  if (rises && <i64>n1 >= 0 && <i64>m1 < 0) return NO_REASON;
  if (!rises && <i64>n1 < 0 && <i64>m1 >= 0) return NO_REASON;
  store<u64>(NET + offset, m0);
  store<u64>(NET + offset, m1, 8);
  return OK;
}

/** Fee growth inside a range, both tokens, 4 limbs each, modulo 2^256. */
export const INSIDE = memory.data(64, 8);
const OUTSIDE = memory.data(64, 8);
const NOTHING = memory.data(64, 8);

/** `lower` and `upper` are where both tokens' growth outside lies. */
function findInside(pool: usize, lowerTick: i32, upperTick: i32, lower: usize, upper: usize): void {
  const tick = load<i32>(pool, TICK);
  for (let i: usize = 0; i < 64; i += 32) {
    const all = pool + GROWTH0 + i;
    if (tick >= lowerTick) memory.copy(OUTSIDE, lower + i, 32);
    else sub4(OUTSIDE, all, lower + i);
    sub4(INSIDE + i, all, OUTSIDE);
    if (tick < upperTick) memory.copy(OUTSIDE, upper + i, 32);
    else sub4(OUTSIDE, all, upper + i);
    sub4(INSIDE + i, INSIDE + i, OUTSIDE);
  }
}

/** Growth inside as it is, whether or not the ticks are initialised. */
export function findInsideNow(pool: usize, lowerTick: i32, upperTick: i32): void {
  const lower = findTick(pool, lowerTick);
  const upper = findTick(pool, upperTick);
  const lowerGrowth = lower != 0 ? lower + T_GROWTH0 : NOTHING;
  findInside(pool, lowerTick, upperTick, lowerGrowth, upper != 0 ? upper + T_GROWTH0 : NOTHING);
}

/** Where a tick's growth outside lies: a new tick begins with all growth so far if it is at or below the price. */
function outsideOf(pool: usize, record: usize, tick: i32, begins: bool): usize {
  if (record != 0) return record + T_GROWTH0;
  return begins && tick <= load<i32>(pool, TICK) ? pool + GROWTH0 : NOTHING;
}

const FEES = memory.data(32, 8);

function writeTick(pool: usize, tick: i32, record: usize, isUpper: bool): void {
  const offset: usize = isUpper ? 16 : 0;
  const g0 = load<u64>(GROSS + offset);
  const g1 = load<u64>(GROSS + offset, 8);
  if ((g0 | g1) == 0) {
    removeTick(pool, tick);
    return;
  }
  if (record == 0) {
    record = insertTick(pool, tick);
    beginOutside(pool, record);
  }
  store<u64>(record, g0, T_GROSS);
  store<u64>(record, g1, T_GROSS + 8);
  memory.copy(record + T_NET, NET + offset, 16);
}

/**
 * Mints or burns: the key is 28 bytes, the change d below 2^128 without its sign. Amounts (4 limbs each) go to `out`.
 * There must be room for two ticks and a position.
 */
export function changePosition(pool: usize, key: usize, d0: u64, d1: u64, add: bool, out: usize): i32 {
  if ((load<u64>(pool, PRICE) | load<u64>(pool, PRICE + 8) | load<u64>(pool, PRICE + 16)) == 0) return LOK;
  const isPoke = (d0 | d1) == 0;
  if ((add && isPoke) || <i64>d1 < 0) return NO_REASON;
  const lowerTick = load<i32>(key, P_LOWER);
  const upperTick = load<i32>(key, P_UPPER);
  const status = checkTicks(lowerTick, upperTick);
  if (status != OK) return status;

  const lower = findTick(pool, lowerTick);
  const upper = findTick(pool, upperTick);
  if (!isPoke) {
    const lowerStatus = checkTick(pool, lower, d0, d1, add, false);
    if (lowerStatus != OK) return lowerStatus;
    const upperStatus = checkTick(pool, upper, d0, d1, add, true);
    if (upperStatus != OK) return upperStatus;
    const spacing = load<i32>(pool, SPACING);
    if (lowerTick % spacing != 0 || upperTick % spacing != 0) return NO_REASON;
  }
  const lowerGrowth = outsideOf(pool, lower, lowerTick, !isPoke);
  findInside(pool, lowerTick, upperTick, lowerGrowth, outsideOf(pool, upper, upperTick, !isPoke));

  let position = findPosition(pool, key);
  const l0 = position != 0 ? load<u64>(position, P_LIQUIDITY) : 0;
  const l1 = position != 0 ? load<u64>(position, P_LIQUIDITY + 8) : 0;
  if (isPoke && (l0 | l1) == 0) return NP;
  const held = change(l0, l1, d0, d1, add);
  if (held != OK) return held;
  const p0 = sum0;
  const p1 = sum1;
  const tick = load<i32>(pool, TICK);
  const isInRange = lowerTick <= tick && tick < upperTick;
  if (isInRange) {
    const all = change(load<u64>(pool, LIQUIDITY), load<u64>(pool, LIQUIDITY + 8), d0, d1, add);
    if (all != OK) return all;
  }
  const all0 = sum0;
  const all1 = sum1;

  if (position == 0) position = insertPosition(pool, key);
  feesOf(FEES, INSIDE, position + P_GROWTH0, l0, l1);
  feesOf(FEES + 16, INSIDE + 32, position + P_GROWTH0 + 32, l0, l1);
  addTo2(position + P_OWED0, load<u64>(FEES), load<u64>(FEES, 8));
  addTo2(position + P_OWED1, load<u64>(FEES, 16), load<u64>(FEES, 24));
  memory.copy(position + P_GROWTH0, INSIDE, 64);
  store<u64>(position, p0, P_LIQUIDITY);
  store<u64>(position, p1, P_LIQUIDITY + 8);
  if (isPoke) {
    memory.fill(out, 0, 64);
    return OK;
  }
  writeTick(pool, lowerTick, lower, false);
  // The first may have moved the second within the index, but not its record.
  writeTick(pool, upperTick, upper, true);
  if (isInRange) {
    writeObservation(pool);
    store<u64>(pool, all0, LIQUIDITY);
    store<u64>(pool, all1, LIQUIDITY + 8);
  }
  findAmounts(pool, lowerTick, upperTick, d0, d1, add, out);
  if (!add) {
    addTo2(position + P_OWED0, load<u64>(out), load<u64>(out, 8));
    addTo2(position + P_OWED1, load<u64>(out, 32), load<u64>(out, 40));
  }
  return OK;
}

const LOWER_PRICE = memory.data(32, 8);
const UPPER_PRICE = memory.data(32, 8);
const NOW = memory.data(32, 8);
const SIZE = memory.data(32, 8);

/** Where the price lies is told by the tick: right on a tick's price that was crossed downwards it is the one below. */
function findAmounts(pool: usize, lowerTick: i32, upperTick: i32, l0: u64, l1: u64, up: bool, out: usize): void {
  priceAtTick(lowerTick);
  set4(LOWER_PRICE, price0, price1, price2, 0);
  priceAtTick(upperTick);
  set4(UPPER_PRICE, price0, price1, price2, 0);
  set4(SIZE, l0, l1, 0, 0);
  const tick = load<i32>(pool, TICK);
  memory.fill(out, 0, 64);
  if (tick < lowerTick) {
    amount0Between(out, LOWER_PRICE, UPPER_PRICE, SIZE, up);
  } else if (tick >= upperTick) {
    amount1Between(out + 32, LOWER_PRICE, UPPER_PRICE, SIZE, up);
  } else {
    set4(NOW, load<u64>(pool, PRICE), load<u64>(pool, PRICE + 8), load<u64>(pool, PRICE + 16), 0);
    amount0Between(out, NOW, UPPER_PRICE, SIZE, up);
    amount1Between(out + 32, LOWER_PRICE, NOW, SIZE, up);
  }
}

/** Pays at most what is requested (2 limbs at `amount`) of what is owed; the amount paid is left there. */
function payOut(owed: usize, amount: usize): void {
  const a0 = load<u64>(amount);
  const a1 = load<u64>(amount, 8);
  const o0 = load<u64>(owed);
  const o1 = load<u64>(owed, 8);
  if (a1 > o1 || (a1 == o1 && a0 > o0)) memory.copy(amount, owed, 16);
  const p0 = load<u64>(amount);
  store<u64>(owed, o0 - p0);
  store<u64>(owed, o1 - load<u64>(amount, 8) - u64(o0 < p0), 8);
}

/** Requested amounts, 2 limbs each at `amounts`, become those paid. */
export function collect(pool: usize, key: usize, amounts: usize): i32 {
  if ((load<u64>(pool, PRICE) | load<u64>(pool, PRICE + 8) | load<u64>(pool, PRICE + 16)) == 0) return LOK;
  const position = findPosition(pool, key);
  if (position == 0) {
    memory.fill(amounts, 0, 32);
    return OK;
  }
  payOut(position + P_OWED0, amounts);
  payOut(position + P_OWED1, amounts + 16);
  return OK;
}

/** What burning nothing and collecting everything would pay, 2 limbs each. */
export function uncollected(pool: usize, key: usize, amounts: usize): void {
  memory.fill(amounts, 0, 32);
  const position = findPosition(pool, key);
  if (position == 0) return;
  findInsideNow(pool, load<i32>(key, P_LOWER), load<i32>(key, P_UPPER));
  const l0 = load<u64>(position, P_LIQUIDITY);
  const l1 = load<u64>(position, P_LIQUIDITY + 8);
  feesOf(amounts, INSIDE, position + P_GROWTH0, l0, l1);
  feesOf(amounts + 16, INSIDE + 32, position + P_GROWTH0 + 32, l0, l1);
  addTo2(amounts, load<u64>(position, P_OWED0), load<u64>(position, P_OWED0 + 8));
  addTo2(amounts + 16, load<u64>(position, P_OWED1), load<u64>(position, P_OWED1 + 8));
}
