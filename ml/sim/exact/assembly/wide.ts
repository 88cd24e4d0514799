// Arithmetic on 64-bit limbs. WebAssembly multiplies 64 by 64 bits only to 64, so the high half is made of 32-bit halves.

const LOW: u64 = 0xffffffff;
export const TWO64: f64 = 18446744073709551616.0;
export const TWO128: f64 = TWO64 * TWO64;
export const TWO192: f64 = TWO128 * TWO64;
export const TWO96: f64 = 79228162514264337593543950336.0;

/** The high 64 bits of a 64 by 64 bit product. */
// @ts-ignore: decorator
@inline
export function mulHigh(a: u64, b: u64): u64 {
  const a0 = a & LOW;
  const a1 = a >> 32;
  const b0 = b & LOW;
  const b1 = b >> 32;
  const p01 = a0 * b1;
  const mid = ((a0 * b0) >> 32) + (p01 & LOW) + a1 * b0;
  return a1 * b1 + (p01 >> 32) + (mid >> 32);
}

// @ts-ignore: decorator
@inline
export function float3(x0: u64, x1: u64, x2: u64): f64 {
  return <f64>x2 * TWO128 + (<f64>x1 * TWO64 + <f64>x0);
}

// @ts-ignore: decorator
@inline
export function float2(x0: u64, x1: u64): f64 {
  return <f64>x1 * TWO64 + <f64>x0;
}

export function float4(x0: u64, x1: u64, x2: u64, x3: u64): f64 {
  if (x2 | x3) return <f64>x3 * TWO192 + (<f64>x2 * TWO128 + <f64>x1 * TWO64);
  return <f64>x1 * TWO64 + <f64>x0;
}

// Whole numbers of four limbs in memory.

export function set4(to: usize, x0: u64, x1: u64, x2: u64, x3: u64): void {
  store<u64>(to, x0);
  store<u64>(to, x1, 8);
  store<u64>(to, x2, 16);
  store<u64>(to, x3, 24);
}

/** to = a + b modulo 2^256; returns the carry. */
export function add4(to: usize, a: usize, b: usize): u64 {
  let carry: u64 = 0;
  for (let i: usize = 0; i < 32; i += 8) {
    const x = load<u64>(a + i);
    const partial = x + load<u64>(b + i);
    const sum = partial + carry;
    carry = u64(partial < x) | u64(sum < partial);
    store<u64>(to + i, sum);
  }
  return carry;
}

/** to = a - b modulo 2^256; returns the borrow. */
export function sub4(to: usize, a: usize, b: usize): u64 {
  let borrow: u64 = 0;
  for (let i: usize = 0; i < 32; i += 8) {
    const x = load<u64>(a + i);
    const y = load<u64>(b + i);
    const partial = x - y;
    const difference = partial - borrow;
    borrow = u64(x < y) | u64(partial < borrow);
    store<u64>(to + i, difference);
  }
  return borrow;
}

/** Whether a < b. */
export function less4(a: usize, b: usize): bool {
  for (let i: isize = 24; i >= 0; i -= 8) {
    const x = load<u64>(a + <usize>i);
    const y = load<u64>(b + <usize>i);
    if (x != y) return x < y;
  }
  return false;
}

export function isZero4(a: usize): bool {
  return (load<u64>(a) | load<u64>(a, 8) | load<u64>(a, 16) | load<u64>(a, 24)) == 0;
}

export function increment4(a: usize): void {
  for (let i: usize = 0; i < 32; i += 8) {
    const sum = load<u64>(a + i) + 1;
    store<u64>(a + i, sum);
    if (sum != 0) return;
  }
}
