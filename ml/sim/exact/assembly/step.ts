// One step of a swap at constant liquidity. The fast way takes the usual sizes; all else goes the contract's own way.
import {
  DIVISOR_MOST,
  divideEstimated,
  divideReciprocal,
  NUMERATOR_MOST,
  QUOTIENT_MOST,
  quotient0,
  quotient1,
  remainder0,
  remainder1,
  remainder2,
  remainder3,
  scaleSmall,
} from "./divide";
import { RECIPROCAL, RECIPROCAL_OF } from "../layout";
import { mulDiv } from "./long";
import { multiply22, multiply43, product0, product1, product2, product3 } from "./multiply";
import { slowStep } from "./slowStep";
import { float2, float3, float4, set4, TWO96 } from "./wide";
import { S_FEE, S_IN, S_LIQUIDITY, S_NEXT, S_OUT, S_PRICE, S_REMAINING, S_TARGET, S_TARGET_FLOAT, STEP } from "./swapState";

const MILLION: u64 = 1000000;
const TWO_192 = memory.data(32, 8);
const ONE = memory.data(32, 8);
const DIVISOR = memory.data(32, 8);
const RESULT = memory.data(32, 8);
set4(TWO_192, 0, 0, 0, 1);
set4(ONE, 1, 0, 0, 0);

/** Whether the liquidity has a reciprocal and remainders that fit. */
// @ts-ignore: decorator
@inline
function isUsual(l0: u64, l1: u64): bool {
  return l1 >> 62 == 0 && (l1 != 0 || l0 > 1);
}

/** Brings 2^192 / liquidity in the header up to date; it changes only where liquidity does. */
// @ts-ignore: decorator
@inline
function prepareReciprocal(pool: usize, l0: u64, l1: u64): void {
  if (load<u64>(pool, RECIPROCAL_OF) != l0 || load<u64>(pool, RECIPROCAL_OF + 8) != l1) findReciprocal(pool, l0, l1);
}

function findReciprocal(pool: usize, l0: u64, l1: u64): void {
  set4(DIVISOR, l0, l1, 0, 0);
  mulDiv(RESULT, TWO_192, ONE, DIVISOR, false);
  memory.copy(pool + RECIPROCAL, RESULT, 24);
  store<u64>(pool, l0, RECIPROCAL_OF);
  store<u64>(pool, l1, RECIPROCAL_OF + 8);
}

/** (x · 2^64) / liquidity; the quotient must be below 2^128. */
// @ts-ignore: decorator
@inline
function perLiquidity(pool: usize, x0: u64, x1: u64, l0: u64, l1: u64): void {
  prepareReciprocal(pool, l0, l1);
  divideReciprocal(
    x0,
    x1,
    load<u64>(pool, RECIPROCAL),
    load<u64>(pool, RECIPROCAL + 8),
    load<u64>(pool, RECIPROCAL + 16),
    l0,
    l1,
  );
}

const GROWTH_OF = memory.data(32, 8);
const GROWTH_PER = memory.data(32, 8);
const TWO_128 = memory.data(32, 8);
set4(TWO_128, 0, 0, 1, 0);

/** to = x · 2^128 / liquidity, x of 4 limbs in memory. False where it does not fit in 256 bits. */
export function growthPerLiquidity(pool: usize, to: usize, x: usize, l0: u64, l1: u64): bool {
  const x0 = load<u64>(x);
  const x1 = load<u64>(x, 8);
  if ((load<u64>(x, 16) | load<u64>(x, 24)) == 0 && isUsual(l0, l1)) {
    if (x1 == 0 && (l1 != 0 || x0 < l0)) {
      perLiquidity(pool, 0, x0, l0, l1);
      set4(to, quotient0, quotient1, 0, 0);
      return true;
    }
    if (l1 != 0 || x1 < l0) {
      perLiquidity(pool, x0, x1, l0, l1);
      const q1 = quotient0;
      const q2 = quotient1;
      perLiquidity(pool, remainder0, remainder1, l0, l1);
      set4(to, quotient0, q1, q2, 0);
      return true;
    }
  }
  memory.copy(GROWTH_OF, x, 32);
  set4(GROWTH_PER, l0, l1, 0, 0);
  return mulDiv(to, GROWTH_OF, TWO_128, GROWTH_PER, false);
}

let amount0: u64 = 0;
let amount1: u64 = 0;
let amount2: u64 = 0;

/** liquidity · move / 2^96: token1 between two prices `move` apart. */
function findAmount1(l0: u64, l1: u64, move0: u64, move1: u64, up: bool): void {
  multiply22(l0, l1, move0, move1);
  amount0 = (product1 >> 32) | (product2 << 32);
  amount1 = (product2 >> 32) | (product3 << 32);
  amount2 = product3 >> 32;
  if (up && (product0 != 0 || <u32>product1 != 0)) {
    amount0++;
    if (amount0 == 0) {
      amount1++;
      if (amount1 == 0) amount2++;
    }
  }
}

/** liquidity · 2^96 · move / (price · next): token0 between two prices `move` apart. False = not of usual size. */
function findAmount0(
  l0: u64,
  l1: u64,
  move0: u64,
  move1: u64,
  p0: u64,
  p1: u64,
  p2: u64,
  next0: u64,
  next1: u64,
  next2: u64,
  up: bool,
): bool {
  const numerator = float2(l0, l1) * float2(move0, move1) * TWO96;
  const divisor = float3(p0, p1, p2) * float3(next0, next1, next2);
  if (divisor > DIVISOR_MOST || numerator > NUMERATOR_MOST || numerator > divisor * QUOTIENT_MOST) return false;
  multiply22(l0, l1, move0, move1);
  const n1 = product0 << 32;
  const n2 = (product0 >> 32) | (product1 << 32);
  const n3 = (product1 >> 32) | (product2 << 32);
  multiply43(p0, p1, p2, 0, next0, next1, next2);
  divideEstimated(0, n1, n2, n3, numerator, product0, product1, product2, product3, divisor);
  amount0 = quotient0;
  amount1 = quotient1;
  amount2 = 0;
  if (up && (remainder0 | remainder1 | remainder2 | remainder3) != 0) {
    amount0++;
    if (amount0 == 0) amount1++;
  }
  return true;
}

/** Swaps until the target or until nothing remains: STEP's price, target, liquidity, remaining → next, in, out, fee. */
export function step(pool: usize, zeroForOne: bool, exactIn: bool, feePips: u64): void {
  const l0 = load<u64>(STEP, S_LIQUIDITY);
  const l1 = load<u64>(STEP, S_LIQUIDITY + 8);
  const t0 = load<u64>(STEP, S_TARGET);
  const t1 = load<u64>(STEP, S_TARGET + 8);
  const t2 = load<u64>(STEP, S_TARGET + 16);
  if ((l0 | l1) == 0) {
    set4(STEP + S_NEXT, t0, t1, t2, 0);
    memory.fill(STEP + S_IN, 0, 96);
    return;
  }
  if (!isUsual(l0, l1) || !fastStep(pool, zeroForOne, exactIn, feePips, l0, l1, t0, t1, t2)) {
    slowStep(zeroForOne, exactIn, feePips);
  }
}

// @ts-ignore: decorator
@inline
function fastStep(
  pool: usize,
  zeroForOne: bool,
  exactIn: bool,
  feePips: u64,
  l0: u64,
  l1: u64,
  t0: u64,
  t1: u64,
  t2: u64,
): bool {
  const p0 = load<u64>(STEP, S_PRICE);
  const p1 = load<u64>(STEP, S_PRICE + 8);
  const p2 = load<u64>(STEP, S_PRICE + 16);
  const rest0 = load<u64>(STEP, S_REMAINING);
  const rest1 = load<u64>(STEP, S_REMAINING + 8);
  const rest2 = load<u64>(STEP, S_REMAINING + 16);
  const rest3 = load<u64>(STEP, S_REMAINING + 24);

  const priceFloat = float3(p0, p1, p2);
  const liquidityFloat = float2(l0, l1);

  // How far the target is, exactly.
  const from0 = zeroForOne ? t0 : p0;
  const from1 = zeroForOne ? t1 : p1;
  const from2 = zeroForOne ? t2 : p2;
  const to0 = zeroForOne ? p0 : t0;
  const to1 = zeroForOne ? p1 : t1;
  const to2 = zeroForOne ? p2 : t2;
  let move0 = to0 - from0;
  let borrow = u64(to0 < from0);
  let move1 = to1 - from1;
  let lent = u64(to1 < from1) | u64(move1 < borrow);
  move1 -= borrow;
  const move2 = to2 - from2 - lent;

  // Whether what remains reaches it: floats tell unless it is close.
  const token0Counts = zeroForOne == exactIn;
  const toTarget = liquidityFloat * float3(move0, move1, move2);
  const needed = token0Counts
    ? (toTarget * TWO96) / (priceFloat * load<f64>(STEP, S_TARGET_FLOAT))
    : toTarget * (1.0 / TWO96);
  let available = float4(rest0, rest1, rest2, rest3);
  if (exactIn) available *= <f64>(MILLION - feePips) * 1e-6;
  if (Math.abs(available - needed) <= needed * 1e-11 + 4.0) return false;

  let next0 = t0;
  let next1 = t1;
  let next2 = t2;
  let in0: u64 = 0;
  let in1: u64 = 0;
  let in2: u64 = 0;
  let out0: u64 = 0;
  let out1: u64 = 0;
  let out2: u64 = 0;

  if (available > needed) {
    if (move2 != 0) return false;
    findAmount1(l0, l1, move0, move1, !zeroForOne);
    if (zeroForOne) {
      out0 = amount0;
      out1 = amount1;
      out2 = amount2;
    } else {
      in0 = amount0;
      in1 = amount1;
      in2 = amount2;
    }
    if (!findAmount0(l0, l1, move0, move1, p0, p1, p2, t0, t1, t2, zeroForOne)) return false;
    if (zeroForOne) {
      in0 = amount0;
      in1 = amount1;
    } else {
      out0 = amount0;
      out1 = amount1;
    }
  } else {
    // What remains is used up before: it counts whole, and the price tells the other amount.
    if ((rest2 | rest3 | (rest1 >> 26)) != 0) return false;
    let a0 = rest0;
    let a1 = rest1;
    if (exactIn) {
      scaleSmall(rest0, rest1, MILLION - feePips, MILLION);
      a0 = quotient0;
      a1 = quotient1;
    }
    const amountFloat = float2(a0, a1);
    // What rounding the price leaves of an input: at most the input's last units.
    let unused: u64 = 0;
    let rest: f64 = 0.0;
    if (token0Counts) {
      // The price moves by amount · P² / (L · 2^96 ± amount · P).
      const numerator = amountFloat * priceFloat * priceFloat;
      if (numerator > NUMERATOR_MOST) return false;
      multiply43(p0, p1, p2, 0, a0, a1, 0);
      const x0 = product0;
      const x1 = product1;
      const x2 = product2;
      const x3 = product3;
      const reserve1 = l0 << 32;
      const reserve2 = (l0 >> 32) | (l1 << 32);
      const reserve3 = l1 >> 32;
      let d0: u64;
      let d1: u64;
      let d2: u64;
      let d3: u64;
      if (zeroForOne) {
        d0 = x0;
        d1 = reserve1 + x1;
        const carry1 = u64(d1 < x1);
        d2 = reserve2 + x2;
        const carry2 = u64(d2 < x2);
        d2 += carry1;
        d3 = reserve3 + x3 + (carry2 | u64(d2 < carry1));
      } else {
        d0 = 0 - x0;
        const borrow0 = u64(x0 != 0);
        d1 = reserve1 - x1;
        const borrow1 = u64(reserve1 < x1) | u64(d1 < borrow0);
        d1 -= borrow0;
        d2 = reserve2 - x2;
        const borrow2 = u64(reserve2 < x2) | u64(d2 < borrow1);
        d2 -= borrow1;
        d3 = reserve3 - x3 - borrow2;
      }
      const divisor = float4(d0, d1, d2, d3);
      if (numerator > divisor * QUOTIENT_MOST) return false;
      multiply43(x0, x1, x2, x3, p0, p1, p2);
      divideEstimated(product0, product1, product2, product3, numerator, d0, d1, d2, d3, divisor);
      move0 = quotient0;
      move1 = quotient1;
      if (zeroForOne) {
        rest = float4(remainder0, remainder1, remainder2, remainder3);
      } else if ((remainder0 | remainder1 | remainder2 | remainder3) != 0) {
        move0++;
        move1 += u64(move0 == 0);
      }
    } else {
      // The price moves by amount · 2^96 / L.
      if (amountFloat * TWO96 > liquidityFloat * QUOTIENT_MOST) return false;
      perLiquidity(pool, a0 << 32, (a0 >> 32) | (a1 << 32), l0, l1);
      move0 = quotient0;
      move1 = quotient1;
      if (zeroForOne) {
        if ((remainder0 | remainder1) != 0) {
          move0++;
          move1 += u64(move0 == 0);
        }
      } else {
        // The input that the rounded move takes is ceil(amount - remainder / 2^96).
        unused = remainder1 >> 32;
      }
    }
    if (zeroForOne) {
      next0 = p0 - move0;
      borrow = u64(p0 < move0);
      next1 = p1 - move1;
      lent = u64(p1 < move1) | u64(next1 < borrow);
      next1 -= borrow;
      next2 = p2 - lent;
      // The input that the rounded move takes is ceil(amount - rest / (P · next)).
      if (rest >= priceFloat * float3(next0, next1, next2) * 0.999) return false;
    } else {
      next0 = p0 + move0;
      const carry = u64(next0 < move0);
      next1 = p1 + move1;
      lent = u64(next1 < move1);
      next1 += carry;
      next2 = p2 + (lent | u64(next1 < carry));
    }
    // The other amount: output rounded down for an exact input, input rounded up for an exact output.
    if (token0Counts) {
      findAmount1(l0, l1, move0, move1, !exactIn);
    } else if (!findAmount0(l0, l1, move0, move1, p0, p1, p2, next0, next1, next2, !exactIn)) {
      return false;
    }
    if (exactIn) {
      in0 = a0 - unused;
      in1 = a1 - u64(a0 < unused);
      out0 = amount0;
      out1 = amount1;
      out2 = amount2;
    } else {
      in0 = amount0;
      in1 = amount1;
      in2 = amount2;
      out0 = rest0;
      out1 = rest1;
    }
  }

  let fee0: u64;
  let fee1: u64;
  if (exactIn && available < needed) {
    fee0 = rest0 - in0;
    fee1 = rest1 - in1 - u64(rest0 < in0);
  } else {
    if ((in2 | (in1 >> 26)) != 0) return false;
    scaleSmall(in0, in1, feePips, MILLION - feePips);
    fee0 = quotient0;
    fee1 = quotient1;
    if (remainder0 != 0) {
      fee0++;
      fee1 += u64(fee0 == 0);
    }
  }
  store<u64>(STEP, next0, S_NEXT);
  store<u64>(STEP, next1, S_NEXT + 8);
  store<u64>(STEP, next2, S_NEXT + 16);
  store<u64>(STEP, in0, S_IN);
  store<u64>(STEP, in1, S_IN + 8);
  store<u64>(STEP, in2, S_IN + 16);
  store<u64>(STEP, 0, S_IN + 24);
  store<u64>(STEP, out0, S_OUT);
  store<u64>(STEP, out1, S_OUT + 8);
  store<u64>(STEP, out2, S_OUT + 16);
  store<u64>(STEP, 0, S_OUT + 24);
  store<u64>(STEP, fee0, S_FEE);
  store<u64>(STEP, fee1, S_FEE + 8);
  store<u64>(STEP, 0, S_FEE + 16);
  store<u64>(STEP, 0, S_FEE + 24);
  return true;
}
