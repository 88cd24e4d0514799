// The slow, general way: products of 512 bits and Knuth's long division, on 32-bit limbs in memory.

const PRODUCT = memory.data(72, 8); // 16 limbs, one more for the shift
const DIVISOR = memory.data(40, 8);
const QUOTIENT = memory.data(72, 8);

/** Limbs of 32 bits that a number of at most `most` limbs really has. */
function significant(at: usize, most: i32): i32 {
  while (most > 0 && load<u32>(at + (<usize>(most - 1) << 2)) == 0) most--;
  return most;
}

function multiply(a: usize, b: usize): void {
  memory.fill(PRODUCT, 0, 72);
  const m = significant(a, 8);
  const n = significant(b, 8);
  for (let i = 0; i < m; i++) {
    const x = <u64>load<u32>(a + (<usize>i << 2));
    let carry: u64 = 0;
    for (let j = 0; j < n; j++) {
      const at = PRODUCT + (<usize>(i + j) << 2);
      const sum = x * <u64>load<u32>(b + (<usize>j << 2)) + <u64>load<u32>(at) + carry;
      store<u32>(at, <u32>sum);
      carry = sum >> 32;
    }
    store<u32>(PRODUCT + (<usize>(i + n) << 2), <u32>carry);
  }
}

/** Divides PRODUCT by a number of at most 8 limbs, not zero, into QUOTIENT; PRODUCT becomes the remainder, shifted. */
function divide(divisor: usize): void {
  memory.fill(QUOTIENT, 0, 72);
  const n = significant(divisor, 8);
  const m = significant(PRODUCT, 16);
  if (m < n) return;
  if (n == 1) {
    const d = <u64>load<u32>(divisor);
    let rest: u64 = 0;
    for (let i = m - 1; i >= 0; i--) {
      const part = (rest << 32) | <u64>load<u32>(PRODUCT + (<usize>i << 2));
      const digit = part / d;
      store<u32>(QUOTIENT + (<usize>i << 2), <u32>digit);
      rest = part - digit * d;
      store<u32>(PRODUCT + (<usize>i << 2), 0);
    }
    store<u32>(PRODUCT, <u32>rest);
    return;
  }
  const shift = <u64>clz<u32>(load<u32>(divisor + (<usize>(n - 1) << 2)));
  shiftLeft(DIVISOR, divisor, n, shift);
  shiftLeft(PRODUCT, PRODUCT, m, shift);
  const high = <u64>load<u32>(DIVISOR + (<usize>(n - 1) << 2));
  const next = <u64>load<u32>(DIVISOR + (<usize>(n - 2) << 2));
  for (let j = m - n; j >= 0; j--) {
    const at = PRODUCT + (<usize>j << 2);
    const top = at + (<usize>n << 2);
    const part = (<u64>load<u32>(top) << 32) | <u64>load<u32>(top - 4);
    let digit = part / high;
    let rest = part - digit * high;
    while (digit >> 32 != 0 || digit * next > ((rest << 32) | <u64>load<u32>(top - 8))) {
      digit--;
      rest += high;
      if (rest >> 32 != 0) break;
    }
    let borrow: i64 = 0;
    let carry: u64 = 0;
    for (let i = 0; i < n; i++) {
      const offset = <usize>i << 2;
      const product = digit * <u64>load<u32>(DIVISOR + offset) + carry;
      carry = product >> 32;
      const difference = <i64>load<u32>(at + offset) - <i64>(product & 0xffffffff) + borrow;
      store<u32>(at + offset, <u32>difference);
      borrow = difference >> 32;
    }
    const difference = <i64>load<u32>(top) - <i64>carry + borrow;
    store<u32>(top, <u32>difference);
    if (difference < 0) {
      digit--;
      let add: u64 = 0;
      for (let i = 0; i < n; i++) {
        const offset = <usize>i << 2;
        const sum = <u64>load<u32>(at + offset) + <u64>load<u32>(DIVISOR + offset) + add;
        store<u32>(at + offset, <u32>sum);
        add = sum >> 32;
      }
      store<u32>(top, load<u32>(top) + <u32>add);
    }
    store<u32>(QUOTIENT + (<usize>j << 2), <u32>digit);
  }
}

/** Writes n limbs shifted by less than 32 bits, and one more for what was shifted out. */
function shiftLeft(to: usize, from: usize, n: i32, shift: u64): void {
  let carry: u64 = 0;
  for (let i = 0; i < n; i++) {
    const offset = <usize>i << 2;
    const part = (<u64>load<u32>(from + offset) << shift) | carry;
    store<u32>(to + offset, <u32>part);
    carry = part >> 32;
  }
  store<u32>(to + (<usize>n << 2), <u32>carry);
}

/** to = a · b / divisor, each of 256 bits, rounded down or up. False where the result does not fit, or the divisor is 0. */
export function mulDiv(to: usize, a: usize, b: usize, divisor: usize, up: bool): bool {
  if (significant(divisor, 8) == 0) return false;
  multiply(a, b);
  divide(divisor);
  if (significant(QUOTIENT, 16) > 8) return false;
  const exact = significant(PRODUCT, 17) == 0;
  memory.copy(to, QUOTIENT, 32);
  if (up && !exact) {
    for (let i: usize = 0; i < 32; i += 8) {
      const sum = load<u64>(to + i) + 1;
      store<u64>(to + i, sum);
      if (sum != 0) return true;
    }
    return false;
  }
  return true;
}

/** to = a · b; false where it does not fit in 256 bits. */
export function mul(to: usize, a: usize, b: usize): bool {
  multiply(a, b);
  memory.copy(to, PRODUCT, 32);
  return significant(PRODUCT, 16) <= 8;
}
