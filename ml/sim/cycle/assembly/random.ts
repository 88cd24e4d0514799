// Numbers by counter: the n-th draw of an environment is a hash of n and of its two keys, so nothing is carried over.
import { constant, COARSE_LN1, COARSE_LN2, COARSE_LN3, COARSE_LN4, FOUR, HALF, HASH1, HASH2, LN2, MANTISSA_BITS, MINUS_TWO, ONE, ROOT_HALF_BITS, SINE_CURVED, SINE_STRAIGHT, TWO_TO_MINUS_15, TWO_TO_MINUS_16, TWO_TO_MINUS_24 } from "./constants";
import { add, max, mul, splat, sub } from "./math";

const WEYL: i32 = <i32>0x9e3779b9;

/** 32 random bits per lane. */
@inline export function bits(counter: i32, key0: v128, key1: v128): v128 {
  let z = i32x4.add(key0, i32x4.splat(counter * WEYL));
  z = v128.xor(z, i32x4.shr_u(z, 16));
  z = i32x4.add(i32x4.mul(z, constant(HASH1)), key1);
  z = v128.xor(z, i32x4.shr_u(z, 15));
  z = i32x4.mul(z, constant(HASH2));
  return v128.xor(z, i32x4.shr_u(z, 16));
}

/** From the upper 24 bits: in (0, 1]. */
@inline export function uniform(b: v128): v128 {
  return mul(add(f32x4.convert_i32x4_s(i32x4.shr_u(b, 8)), constant(ONE)), constant(TWO_TO_MINUS_24));
}

/** The lower 16 bits as a signed number. */
@inline export function side(b: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.shl(b, 16), 16));
}

/** Radius of a pair of normal numbers: sqrt(-2 ln u), ln to 1.4e-4, u from the upper 16 bits. */
@inline export function radius(b: v128): v128 {
  const u = mul(add(f32x4.convert_i32x4_s(i32x4.shr_u(b, 16)), constant(ONE)), constant(TWO_TO_MINUS_16));
  const shifted = i32x4.sub(u, constant(ROOT_HALF_BITS));
  const exponent = f32x4.convert_i32x4_s(i32x4.shr_s(shifted, 23));
  const t = sub(i32x4.add(v128.and(shifted, constant(MANTISSA_BITS)), constant(ROOT_HALF_BITS)), constant(ONE));
  // ln(1 + t) on [-0.293, 0.414], exact at 0 so that the radius of u = 1 is 0.
  let p = add(mul(t, constant(COARSE_LN4)), constant(COARSE_LN3));
  p = add(mul(t, p), constant(COARSE_LN2));
  p = add(mul(t, p), constant(COARSE_LN1));
  const ln = add(mul(t, p), mul(exponent, constant(LN2)));
  return f32x4.sqrt(max(mul(ln, constant(MINUS_TWO)), splat(0)));
}

/** Angle in half turns, in [-1, 1), from the upper 16 bits. */
@inline export function angle(b: v128): v128 {
  return mul(f32x4.convert_i32x4_s(i32x4.shr_s(b, 16)), constant(TWO_TO_MINUS_15));
}

/** sin(pi x) for x in [-1, 1], to 1.1e-3. */
@inline export function sinPi(x: v128): v128 {
  const y = mul(mul(x, sub(constant(ONE), f32x4.abs(x))), constant(FOUR));
  return mul(y, add(mul(f32x4.abs(y), constant(SINE_CURVED)), constant(SINE_STRAIGHT)));
}

/** cos(pi x) for x in [-1, 1], to 1.1e-3. */
@inline export function cosPi(x: v128): v128 {
  // sin(pi (1/2 - |x|)), whose argument stays in [-1/2, 1/2].
  return sinPi(sub(constant(HALF), f32x4.abs(x)));
}
