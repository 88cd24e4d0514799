// Products of limbs.
import { mulHigh } from "./wide";

/** What the last product is. */
export let product0: u64 = 0;
export let product1: u64 = 0;
export let product2: u64 = 0;
export let product3: u64 = 0;

/** a · b of 128 bits each. */
export function multiply22(a0: u64, a1: u64, b0: u64, b1: u64): void {
  product0 = a0 * b0;
  let middle = mulHigh(a0, b0);
  let high: u64 = 0;
  let top: u64 = 0;
  if (b1 != 0) {
    const low = a0 * b1;
    middle += low;
    high = mulHigh(a0, b1) + u64(middle < low);
  }
  if (a1 != 0) {
    let low = a1 * b0;
    middle += low;
    const carry = mulHigh(a1, b0) + u64(middle < low);
    high += carry;
    top = u64(high < carry);
    low = a1 * b1;
    high += low;
    top += mulHigh(a1, b1) + u64(high < low);
  }
  product1 = middle;
  product2 = high;
  product3 = top;
}

/** a · b modulo 2^256, a of 4 and b of 3 limbs. */
export function multiply43(a0: u64, a1: u64, a2: u64, a3: u64, b0: u64, b1: u64, b2: u64): void {
  product0 = a0 * b0;
  let carry = mulHigh(a0, b0);
  let low = a0 * b1;
  let p1 = low + carry;
  carry = mulHigh(a0, b1) + u64(p1 < low);
  low = a0 * b2;
  let p2 = low + carry;
  let p3 = mulHigh(a0, b2) + u64(p2 < low) + a3 * b0;
  if (a1 != 0) {
    low = a1 * b0;
    p1 += low;
    carry = mulHigh(a1, b0) + u64(p1 < low);
    low = a1 * b1;
    let part = low + carry;
    carry = mulHigh(a1, b1) + u64(part < low);
    p2 += part;
    p3 += carry + u64(p2 < part) + a1 * b2;
  }
  if (a2 != 0) {
    low = a2 * b0;
    p2 += low;
    p3 += mulHigh(a2, b0) + u64(p2 < low) + a2 * b1;
  }
  product1 = p1;
  product2 = p2;
  product3 = p3;
}
