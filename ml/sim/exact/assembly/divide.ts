// Fast division of known shape: a floating-point quotient, made whole by exact remainders.
import { float4, mulHigh, TWO64 } from "./wide";

/** The quotient of the last division, and its remainder. */
export let quotient0: u64 = 0;
export let quotient1: u64 = 0;
export let remainder0: u64 = 0;
export let remainder1: u64 = 0;
export let remainder2: u64 = 0;
export let remainder3: u64 = 0;

/** Keeps an estimate below the truth, whatever its few roundings were. */
const BELOW: f64 = 1.0 - 1.0 / 281474976710656.0; // 1 - 2^-48
/** A quotient below this, with the numerator below NUMERATOR_MOST, has remainders that fit. */
export const QUOTIENT_MOST: f64 = 8.5e37; // 2^126
export const NUMERATOR_MOST: f64 = 1e90; // 2^299
export const DIVISOR_MOST: f64 = 2.8e76; // 2^254

/**
 * n / d for a numerator known modulo 2^256 and as a float: the remainders of an estimate that is 2^-47 too low are below
 * 2^256, so the numerator's higher limbs are not needed. Quotients below 2^126.
 */
export function divideEstimated(
  n0: u64,
  n1: u64,
  n2: u64,
  n3: u64,
  nFloat: f64,
  d0: u64,
  d1: u64,
  d2: u64,
  d3: u64,
  dFloat: f64,
): void {
  const scale = BELOW / dFloat;
  let estimate = nFloat * scale;
  let q1: u64 = 0;
  if (estimate >= TWO64) {
    q1 = <u64>(estimate * (1.0 / TWO64));
    estimate -= <f64>q1 * TWO64;
  }
  let q0 = <u64>estimate;

  // r = n - q d modulo 2^256
  let p0 = q0 * d0;
  let carry = mulHigh(q0, d0);
  let low = q0 * d1;
  let p1 = low + carry;
  carry = mulHigh(q0, d1) + u64(p1 < low);
  low = q0 * d2;
  let p2 = low + carry;
  carry = mulHigh(q0, d2) + u64(p2 < low);
  let p3 = q0 * d3 + carry;
  if (q1 != 0) {
    low = q1 * d0;
    p1 += low;
    carry = mulHigh(q1, d0) + u64(p1 < low);
    low = q1 * d1;
    let part = low + carry;
    carry = mulHigh(q1, d1) + u64(part < low);
    p2 += part;
    carry += u64(p2 < part);
    p3 += q1 * d2 + carry;
  }
  let r0 = n0 - p0;
  let borrow = u64(n0 < p0);
  let r1 = n1 - p1;
  let lent = u64(n1 < p1) | u64(r1 < borrow);
  r1 -= borrow;
  let r2 = n2 - p2;
  borrow = u64(n2 < p2) | u64(r2 < lent);
  r2 -= lent;
  let r3 = n3 - p3 - borrow;

  while (true) {
    estimate = float4(r0, r1, r2, r3) * scale;
    if (estimate < 1.0) {
      // A quotient of the remainder of 1 may have been estimated a little lower.
      if (estimate < 0.999 || isLess(r0, r1, r2, r3, d0, d1, d2, d3)) break;
      estimate = 1.0;
    }
    const digit = <u64>estimate;
    p0 = digit * d0;
    carry = mulHigh(digit, d0);
    low = digit * d1;
    p1 = low + carry;
    carry = mulHigh(digit, d1) + u64(p1 < low);
    low = digit * d2;
    p2 = low + carry;
    carry = mulHigh(digit, d2) + u64(p2 < low);
    p3 = digit * d3 + carry;
    borrow = u64(r0 < p0);
    r0 -= p0;
    low = r1 - p1;
    lent = u64(r1 < p1) | u64(low < borrow);
    r1 = low - borrow;
    low = r2 - p2;
    borrow = u64(r2 < p2) | u64(low < lent);
    r2 = low - lent;
    r3 = r3 - p3 - borrow;
    q0 += digit;
    q1 += u64(q0 < digit);
  }
  quotient0 = q0;
  quotient1 = q1;
  remainder0 = r0;
  remainder1 = r1;
  remainder2 = r2;
  remainder3 = r3;
}

function isLess(a0: u64, a1: u64, a2: u64, a3: u64, b0: u64, b1: u64, b2: u64, b3: u64): bool {
  if (a3 != b3) return a3 < b3;
  if (a2 != b2) return a2 < b2;
  if (a1 != b1) return a1 < b1;
  return a0 < b0;
}

/** (x · 2^64) / divisor with 2^192 / divisor known; x of 128 bits, the divisor from 2 to below 2^126, the quotient below 2^128. */
export function divideReciprocal(
  x0: u64,
  x1: u64,
  reciprocal0: u64,
  reciprocal1: u64,
  reciprocal2: u64,
  d0: u64,
  d1: u64,
): void {
  // Limbs 1 to 3 of x · reciprocal; what limb 0 is does not matter, and limb 4 is zero.
  let s1: u64 = 0;
  let s2: u64 = 0;
  let s3: u64 = 0;
  let low: u64;
  let carry: u64;
  if (x0 != 0) {
    s1 = mulHigh(x0, reciprocal0);
    low = x0 * reciprocal1;
    s1 += low;
    carry = mulHigh(x0, reciprocal1) + u64(s1 < low);
    low = x0 * reciprocal2;
    s2 = low + carry;
    s3 = mulHigh(x0, reciprocal2) + u64(s2 < low);
  }
  if (x1 != 0) {
    low = x1 * reciprocal0;
    s1 += low;
    carry = mulHigh(x1, reciprocal0) + u64(s1 < low);
    low = x1 * reciprocal1;
    const part = low + carry;
    carry = mulHigh(x1, reciprocal1) + u64(part < low);
    s2 += part;
    s3 += carry + u64(s2 < part) + x1 * reciprocal2;
  }
  // The quotient is at most two too low, so the remainder is known by its low 128 bits.
  const p0 = s2 * d0;
  const p1 = mulHigh(s2, d0) + s2 * d1 + s3 * d0;
  let r0 = 0 - p0;
  let r1 = x0 - p1 - u64(p0 != 0);
  while (r1 > d1 || (r1 == d1 && r0 >= d0)) {
    const borrow = u64(r0 < d0);
    r0 -= d0;
    r1 -= d1 + borrow;
    s2 += 1;
    s3 += u64(s2 == 0);
  }
  quotient0 = s2;
  quotient1 = s3;
  remainder0 = r0;
  remainder1 = r1;
}

/** x · factor / divisor for x below 2^90 and factor and divisor at most 10^6, rounded down; the remainder is left. */
export function scaleSmall(x0: u64, x1: u64, factor: u64, divisor: u64): void {
  const inverse = 1.0 / <f64>divisor;
  let estimate = (<f64>x1 * TWO64 + <f64>x0) * <f64>factor * inverse;
  let q1: u64 = 0;
  if (estimate >= TWO64) {
    q1 = <u64>(estimate * (1.0 / TWO64));
    estimate -= <f64>q1 * TWO64;
  }
  let q0 = <u64>estimate;
  // The remainder of so good an estimate fits in 63 bits, so low limbs tell it.
  let rest = <i64>(x0 * factor - q0 * divisor);
  const correction = <i64>Math.floor(<f64>rest * inverse);
  rest -= correction * <i64>divisor;
  q1 += <u64>(correction >> 63);
  q0 += <u64>correction;
  q1 += u64(q0 < <u64>correction);
  while (rest < 0) {
    rest += <i64>divisor;
    q1 -= u64(q0 == 0);
    q0 -= 1;
  }
  while (rest >= <i64>divisor) {
    rest -= <i64>divisor;
    q0 += 1;
    q1 += u64(q0 == 0);
  }
  quotient0 = q0;
  quotient1 = q1;
  remainder0 = <u64>rest;
}
