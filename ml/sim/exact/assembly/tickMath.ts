// Ticks and their sqrt prices.
import { mulDiv } from "./long";
import { float3, mulHigh, set4 } from "./wide";

/** The sqrt price that priceAtTick found, 3 limbs. */
export let price0: u64 = 0;
export let price1: u64 = 0;
export let price2: u64 = 0;

/** 2^128 / sqrt(1.0001)^(2^i) as the contract rounds it, low limb first. */
const INVERSE_ROOT_POWERS = memory.data<u64>([
  0xaa2d162d1a594001, 0xfffcb933bd6fad37,
  0x59a46990580e213a, 0xfff97272373d4132,
  0xef12357cf3c7fdcc, 0xfff2e50f5f656932,
  0x1c3624eaa0941cd0, 0xffe5caca7e10e4e6,
  0xc9db58835c926644, 0xffcb9843d60f6159,
  0x472e6896dfb254c0, 0xff973b41fa98c081,
  0x43ec78b326b52861, 0xff2ea16466c96a38,
  0x11c461f1969c3053, 0xfe5dee046a99a2a8,
  0xdcffc83b479aa3a4, 0xfcbe86c7900a88ae,
  0x6f2b074cf7815e54, 0xf987a7253ac41317,
  0x940c7a398e4b70f3, 0xf3392b0822b70005,
  0x43b29c7fa6e889d9, 0xe7159475a2c29b74,
  0x845ad8f792aa5825, 0xd097f3bdfd2022b8,
  0x8a65dc1f90e061e5, 0xa9f746462d870fdf,
  0x90bb3df62baf32f7, 0x70d869a156d2a1b8,
  0x81231505542fcfa6, 0x31be135f97d08fd9,
  0xc677de54f3e99bc9, 0x09aa508b5b7a84e1,
  0x6699c329225ee604, 0x005d6af8dedb8119,
  0x1ea926041bedfe98, 0x00002216e584f5fa,
  0x91f7dc42444e8fa2, 0x00000000048a1703,
]);

const ONE = memory.data(32, 8);
const ALL_ONES = memory.data(32, 8);
const RATIO = memory.data(32, 8);
set4(ONE, 1, 0, 0, 0);
set4(ALL_ONES, -1, -1, -1, -1);

/** sqrt(1.0001^tick) in Q64.96, rounded as the contract rounds it. */
export function priceAtTick(tick: i32): void {
  let distance = <u32>(tick < 0 ? -tick : tick);
  if (distance == 0) {
    price0 = 0;
    price1 = 1 << 32;
    price2 = 0;
    return;
  }
  let at = INVERSE_ROOT_POWERS + (<usize>ctz(distance) << 4);
  let r0 = load<u64>(at);
  let r1 = load<u64>(at, 8);
  distance &= distance - 1;
  while (distance != 0) {
    at = INVERSE_ROOT_POWERS + (<usize>ctz(distance) << 4);
    const c0 = load<u64>(at);
    const c1 = load<u64>(at, 8);
    distance &= distance - 1;
    // The high 128 bits of r · c.
    let middle = mulHigh(r0, c0);
    let low = r0 * c1;
    middle += low;
    let carry = mulHigh(r0, c1) + u64(middle < low);
    low = r1 * c0;
    middle += low;
    const carry2 = mulHigh(r1, c0) + u64(middle < low);
    const sum = carry + carry2;
    const high = u64(sum < carry);
    r0 = r1 * c1 + sum;
    r1 = mulHigh(r1, c1) + high + u64(r0 < sum);
  }
  let r2: u64 = 0;
  if (tick > 0) {
    set4(RATIO, r0, r1, 0, 0);
    mulDiv(RATIO, ALL_ONES, ONE, RATIO, false);
    r0 = load<u64>(RATIO);
    r1 = load<u64>(RATIO, 8);
    r2 = load<u64>(RATIO, 16);
  }
  // From Q128.128 to Q64.96, rounded up.
  const up = r0 + 0xffffffff;
  const carry = u64(up < r0);
  r1 += carry;
  r2 += carry & u64(r1 == 0);
  price0 = (up >> 32) | (r1 << 32);
  price1 = (r1 >> 32) | (r2 << 32);
  price2 = r2 >> 32;
}

/** 1 / ln(sqrt(1.0001)): ticks per natural logarithm of the sqrt price. */
const TICKS_PER_LOG: f64 = 2.0 / Math.log(1.0001);
const TICKS_PER_OCTAVE: f64 = Math.LN2 * TICKS_PER_LOG;
/** For each of 256 parts of an octave: 1 / its middle, and the ticks up to there. */
const PARTS = memory.data(4096, 8);
for (let i: usize = 0; i < 256; i++) {
  const inverse = 1.0 / (1.0 + (<f64>i + 0.5) / 256.0);
  store<f64>(PARTS + (i << 4), inverse);
  store<f64>(PARTS + (i << 4), -Math.log(inverse) * TICKS_PER_LOG, 8);
}

/** A logarithm is right to 1e-9 ticks; rounding a sqrt price to an integer moves it by up to 5e-6 ticks. */
const NEAR_A_TICK: f64 = 1e-4;

/** The greatest tick whose sqrt price is at most the given one, which must lie in the range of v3. */
export function tickAtPrice(p0: u64, p1: u64, p2: u64): i32 {
  const bits = reinterpret<u64>(float3(p0, p1, p2));
  const part = PARTS + ((<usize>(bits >> 44) & 255) << 4);
  const mantissa = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  const z = mantissa * load<f64>(part) - 1.0;
  const log = z * (1.0 + z * (-0.5 + z * (1.0 / 3.0 + z * (-0.25 + z * 0.2))));
  const octave = <f64>(<i32>(bits >> 52) - 1023 - 96);
  const position = octave * TICKS_PER_OCTAVE + (load<f64>(part, 8) + log * TICKS_PER_LOG);
  const near = Math.round(position);
  if (Math.abs(position - near) > NEAR_A_TICK) return <i32>Math.floor(position);
  const tick = <i32>near;
  priceAtTick(tick);
  if (price2 != p2) return price2 < p2 ? tick : tick - 1;
  if (price1 != p1) return price1 < p1 ? tick : tick - 1;
  return price0 <= p0 ? tick : tick - 1;
}
