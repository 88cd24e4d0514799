// The loop of a swap.
import { cumulativesNow, writeObservation } from "./oracle";
import {
  DOWN,
  FEE_PIPS,
  FEE_PROTOCOL,
  GROWTH0,
  GROWTH1,
  LIQUIDITY,
  PRICE,
  PROTOCOL_FEES0,
  PROTOCOL_FEES1,
  STOP_FROM,
  STOP_PRICE,
  STOP_PRICE_FLOAT,
  STOP_RECORD,
  STOP_TICK,
  STOP_TO,
  T_NET,
  TICK,
  UP,
} from "../layout";
import { MAX_PRICE_0, MAX_PRICE_1, MAX_PRICE_2, MIN_PRICE } from "./range";
import { AS, LA, LOK, LS, NO_REASON, OK, SPL } from "./revert";
import { growthPerLiquidity, step } from "./step";
import {
  S_AMOUNT,
  S_CALCULATED,
  S_FEE,
  S_GROWTH,
  S_IN,
  S_LIMIT,
  S_LIQUIDITY,
  S_NEXT,
  S_OUT,
  S_PRICE,
  S_PROTOCOL_FEES,
  S_REMAINING,
  S_TARGET,
  S_TARGET_FLOAT,
  STEP,
} from "./swapState";
import { tickAtPrice } from "./tickMath";
import { crossTick, findDown, findUp } from "./ticks";
import { add4, float3, isZero4, set4, sub4 } from "./wide";

const DELTA = memory.data(32, 8);
const ZERO = memory.data(32, 8);

// @ts-ignore: decorator
@inline
function less3(a0: u64, a1: u64, a2: u64, b0: u64, b1: u64, b2: u64): bool {
  return a2 != b2 ? a2 < b2 : a1 != b1 ? a1 < b1 : a0 < b0;
}

// @ts-ignore: decorator
@inline
function copy3(to: usize, from: usize): void {
  store<u64>(to, load<u64>(from));
  store<u64>(to, load<u64>(from, 8), 8);
  store<u64>(to, load<u64>(from, 16), 16);
}

// @ts-ignore: decorator
@inline
function same3(a: usize, b: usize): bool {
  return (
    ((load<u64>(a) ^ load<u64>(b)) | (load<u64>(a, 8) ^ load<u64>(b, 8)) | (load<u64>(a, 16) ^ load<u64>(b, 16))) == 0
  );
}

/** to += x, 4 limbs; most numbers here have two. */
// @ts-ignore: decorator
@inline
function addTo(to: usize, x: usize): void {
  const x0 = load<u64>(x);
  const x1 = load<u64>(x, 8);
  const y0 = load<u64>(to) + x0;
  const carry = u64(y0 < x0);
  const part = load<u64>(to, 8) + x1;
  const y1 = part + carry;
  store<u64>(to, y0);
  store<u64>(to, y1, 8);
  const carry1 = u64(part < x1) | u64(y1 < carry);
  const x2 = load<u64>(x, 16);
  const x3 = load<u64>(x, 24);
  if ((carry1 | x2 | x3) != 0) {
    const part2 = load<u64>(to, 16) + x2;
    const y2 = part2 + carry1;
    store<u64>(to, y2, 16);
    store<u64>(to, load<u64>(to, 24) + x3 + (u64(part2 < x2) | u64(y2 < carry1)), 24);
  }
}

/** Takes an amount (4 limbs, signed) and a limit (3 limbs) from STEP. Writes nothing to the pool where it reverts. */
export function swap(pool: usize, zeroForOne: bool): i32 {
  if (isZero4(STEP + S_AMOUNT)) return AS;
  const p0 = load<u64>(pool, PRICE);
  const p1 = load<u64>(pool, PRICE + 8);
  const p2 = load<u64>(pool, PRICE + 16);
  if ((p0 | p1 | p2) == 0) return LOK;
  const limit0 = load<u64>(STEP, S_LIMIT);
  const limit1 = load<u64>(STEP, S_LIMIT + 8);
  const limit2 = load<u64>(STEP, S_LIMIT + 16);
  if (zeroForOne) {
    if (!less3(limit0, limit1, limit2, p0, p1, p2) || !less3(MIN_PRICE, 0, 0, limit0, limit1, limit2)) return SPL;
  } else {
    if (!less3(p0, p1, p2, limit0, limit1, limit2)) return SPL;
    if (!less3(limit0, limit1, limit2, MAX_PRICE_0, MAX_PRICE_1, MAX_PRICE_2)) return SPL;
  }
  const status = run(pool, zeroForOne);
  // The same way again crosses the same ticks again, which undoes it.
  if (status != OK) run(pool, zeroForOne);
  return status;
}

function run(pool: usize, zeroForOne: bool): i32 {
  const exactIn = load<i64>(STEP, S_AMOUNT + 24) >= 0;
  if (exactIn) {
    copy3(STEP + S_REMAINING, STEP + S_AMOUNT);
    store<u64>(STEP, load<u64>(STEP, S_AMOUNT + 24), S_REMAINING + 24);
  } else {
    sub4(STEP + S_REMAINING, ZERO, STEP + S_AMOUNT);
  }
  set4(STEP + S_CALCULATED, 0, 0, 0, 0);
  store<u64>(STEP, 0, S_PROTOCOL_FEES);
  store<u64>(STEP, 0, S_PROTOCOL_FEES + 8);
  copy3(STEP + S_PRICE, pool + PRICE);
  store<u64>(STEP, load<u64>(pool, LIQUIDITY), S_LIQUIDITY);
  store<u64>(STEP, load<u64>(pool, LIQUIDITY + 8), S_LIQUIDITY + 8);
  const growthIn = pool + (zeroForOne ? GROWTH0 : GROWTH1);
  copy3(STEP + S_GROWTH, growthIn);
  store<u64>(STEP, load<u64>(growthIn, 24), S_GROWTH + 24);

  const feePips = <u64>load<u32>(pool, FEE_PIPS);
  const feeProtocol = load<u32>(pool, FEE_PROTOCOL);
  const protocolPart = <u64>(zeroForOne ? feeProtocol & 15 : feeProtocol >> 4);
  const stop = pool + (zeroForOne ? DOWN : UP);
  const limit0 = load<u64>(STEP, S_LIMIT);
  const limit1 = load<u64>(STEP, S_LIMIT + 8);
  const limit2 = load<u64>(STEP, S_LIMIT + 16);
  let tick = load<i32>(pool, TICK);
  let knowsCumulatives = false;

  while (true) {
    if (tick < load<i32>(stop, STOP_FROM) || tick >= load<i32>(stop, STOP_TO)) {
      if (zeroForOne) findDown(pool, tick);
      else findUp(pool, tick);
    }
    const s0 = load<u64>(stop, STOP_PRICE);
    const s1 = load<u64>(stop, STOP_PRICE + 8);
    const s2 = load<u64>(stop, STOP_PRICE + 16);
    const isBeyond = zeroForOne
      ? less3(s0, s1, s2, limit0, limit1, limit2)
      : less3(limit0, limit1, limit2, s0, s1, s2);
    if (isBeyond) {
      copy3(STEP + S_TARGET, STEP + S_LIMIT);
      store<f64>(STEP, float3(limit0, limit1, limit2), S_TARGET_FLOAT);
    } else {
      store<u64>(STEP, s0, S_TARGET);
      store<u64>(STEP, s1, S_TARGET + 8);
      store<u64>(STEP, s2, S_TARGET + 16);
      store<f64>(STEP, load<f64>(stop, STOP_PRICE_FLOAT), S_TARGET_FLOAT);
    }
    step(pool, zeroForOne, exactIn, feePips);
    if (exactIn) {
      sub4(STEP + S_REMAINING, STEP + S_REMAINING, STEP + S_IN);
      sub4(STEP + S_REMAINING, STEP + S_REMAINING, STEP + S_FEE);
      addTo(STEP + S_CALCULATED, STEP + S_OUT);
    } else {
      sub4(STEP + S_REMAINING, STEP + S_REMAINING, STEP + S_OUT);
      addTo(STEP + S_CALCULATED, STEP + S_IN);
      addTo(STEP + S_CALCULATED, STEP + S_FEE);
    }

    if (protocolPart != 0) takeProtocolFee(protocolPart);
    const l0 = load<u64>(STEP, S_LIQUIDITY);
    const l1 = load<u64>(STEP, S_LIQUIDITY + 8);
    if ((l0 | l1) != 0) {
      if (!growthPerLiquidity(pool, DELTA, STEP + S_FEE, l0, l1)) return NO_REASON;
      addTo(STEP + S_GROWTH, DELTA);
    }

    if (same3(STEP + S_NEXT, stop + STOP_PRICE)) {
      const stopTick = load<i32>(stop, STOP_TICK);
      const offset = load<u32>(stop, STOP_RECORD);
      if (offset != 0) {
        if (!knowsCumulatives) {
          cumulativesNow(pool);
          knowsCumulatives = true;
        }
        const record = pool + offset;
        const growth0 = zeroForOne ? STEP + S_GROWTH : pool + GROWTH0;
        const growth1 = zeroForOne ? pool + GROWTH1 : STEP + S_GROWTH;
        const status = changeLiquidity(load<u64>(record, T_NET), load<u64>(record, T_NET + 8), zeroForOne);
        if (status != OK) return status;
        crossTick(pool, record, growth0, growth1);
      }
      tick = zeroForOne ? stopTick - 1 : stopTick;
    } else if (!same3(STEP + S_NEXT, STEP + S_PRICE)) {
      tick = tickAtPrice(load<u64>(STEP, S_NEXT), load<u64>(STEP, S_NEXT + 8), load<u64>(STEP, S_NEXT + 16));
    }
    copy3(STEP + S_PRICE, STEP + S_NEXT);
    if (isZero4(STEP + S_REMAINING) || same3(STEP + S_PRICE, STEP + S_LIMIT)) break;
  }

  // What held since the last observation is the tick and the liquidity before this swap.
  if (tick != load<i32>(pool, TICK)) {
    writeObservation(pool);
    store<i32>(pool, tick, TICK);
  }
  copy3(pool + PRICE, STEP + S_PRICE);
  store<u64>(pool, load<u64>(STEP, S_LIQUIDITY), LIQUIDITY);
  store<u64>(pool, load<u64>(STEP, S_LIQUIDITY + 8), LIQUIDITY + 8);
  copy3(growthIn, STEP + S_GROWTH);
  store<u64>(growthIn, load<u64>(STEP, S_GROWTH + 24), 24);
  if (protocolPart != 0) {
    const fees = pool + (zeroForOne ? PROTOCOL_FEES0 : PROTOCOL_FEES1);
    addTo2(fees, load<u64>(STEP, S_PROTOCOL_FEES), load<u64>(STEP, S_PROTOCOL_FEES + 8));
  }
  return OK;
}

/** to += x modulo 2^128. */
export function addTo2(to: usize, x0: u64, x1: u64): void {
  const sum = load<u64>(to) + x0;
  store<u64>(to, sum);
  store<u64>(to, load<u64>(to, 8) + x1 + u64(sum < x0), 8);
}

const SHARE = memory.data(32, 8);

/** x / divisor for 4 limbs in memory and a small divisor. */
export function divideBySmall(to: usize, x: usize, divisor: u64): void {
  let rest: u64 = 0;
  for (let i: isize = 28; i >= 0; i -= 4) {
    const part = (rest << 32) | <u64>load<u32>(x + <usize>i);
    const digit = part / divisor;
    rest = part - digit * divisor;
    store<u32>(to + <usize>i, <u32>digit);
  }
}

function takeProtocolFee(part: u64): void {
  divideBySmall(SHARE, STEP + S_FEE, part);
  sub4(STEP + S_FEE, STEP + S_FEE, SHARE);
  addTo2(STEP + S_PROTOCOL_FEES, load<u64>(SHARE), load<u64>(SHARE, 8));
}

/** Adds net liquidity (signed, 128 bits) of a tick that is crossed upwards, or takes it downwards. */
function changeLiquidity(net0: u64, net1: u64, down: bool): i32 {
  const l0 = load<u64>(STEP, S_LIQUIDITY);
  const l1 = load<u64>(STEP, S_LIQUIDITY + 8);
  const isLess = <i64>net1 < 0 != down;
  if (down) {
    const r0 = l0 - net0;
    const r1 = l1 - net1 - u64(l0 < net0);
    store<u64>(STEP, r0, S_LIQUIDITY);
    store<u64>(STEP, r1, S_LIQUIDITY + 8);
    const isSmaller = r1 < l1 || (r1 == l1 && r0 < l0);
    if ((net0 | net1) != 0 && isSmaller != isLess) return isLess ? LS : LA;
    return OK;
  }
  const r0 = l0 + net0;
  const r1 = l1 + net1 + u64(r0 < net0);
  store<u64>(STEP, r0, S_LIQUIDITY);
  store<u64>(STEP, r1, S_LIQUIDITY + 8);
  const isSmaller = r1 < l1 || (r1 == l1 && r0 < l0);
  if ((net0 | net1) != 0 && isSmaller != isLess) return isLess ? LS : LA;
  return OK;
}

/** The outcome of the last swap, as the pool sees it: amount0 and amount1, 4 limbs each, signed. */
export function writeAmounts(to: usize, zeroForOne: bool): void {
  const exactIn = load<i64>(STEP, S_AMOUNT + 24) >= 0;
  const specified = zeroForOne == exactIn ? to : to + 32;
  const other = zeroForOne == exactIn ? to + 32 : to;
  if (exactIn) {
    sub4(specified, STEP + S_AMOUNT, STEP + S_REMAINING);
    sub4(other, ZERO, STEP + S_CALCULATED);
  } else {
    add4(specified, STEP + S_AMOUNT, STEP + S_REMAINING);
    copy3(other, STEP + S_CALCULATED);
    store<u64>(other, load<u64>(STEP, S_CALCULATED + 24), 24);
  }
}
