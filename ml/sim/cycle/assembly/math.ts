// Four 32-bit floats at a time. Errors are of the order of 1e-7 relative unless said.
import { constant, EXPONENT_BIAS, HALF, INVERSE_LN2, LN2, LN2_HIGH, LN2_LOW, LN_3RD, LN_5TH, LN_7TH, LN_9TH, MANTISSA_BITS, ONE, ROOT_HALF_BITS, SERIES3, SERIES4, SERIES5, SERIES6, TWO } from "./constants";

@inline export function splat(x: f32): v128 { return f32x4.splat(x); }
@inline export function add(a: v128, b: v128): v128 { return f32x4.add(a, b); }
@inline export function sub(a: v128, b: v128): v128 { return f32x4.sub(a, b); }
@inline export function mul(a: v128, b: v128): v128 { return f32x4.mul(a, b); }
@inline export function div(a: v128, b: v128): v128 { return f32x4.div(a, b); }
// pmin and pmax are one machine instruction each; min and max are six, to order NaN and signed zero.
@inline export function min(a: v128, b: v128): v128 { return f32x4.pmin(a, b); }
@inline export function max(a: v128, b: v128): v128 { return f32x4.pmax(a, b); }
@inline export function clamp(x: v128, low: v128, high: v128): v128 { return min(max(x, low), high); }
/** a where the mask is set, b elsewhere. */
@inline export function select(mask: v128, a: v128, b: v128): v128 { return v128.bitselect(a, b, mask); }

/** Natural logarithm of positive normal numbers. */
@inline export function ln(x: v128): v128 {
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)); ln m by the odd series in (m - 1) / (m + 1).
  const shifted = i32x4.sub(x, constant(ROOT_HALF_BITS));
  const exponent = f32x4.convert_i32x4_s(i32x4.shr_s(shifted, 23));
  const m = i32x4.add(v128.and(shifted, constant(MANTISSA_BITS)), constant(ROOT_HALF_BITS));
  const t = div(sub(m, constant(ONE)), add(m, constant(ONE)));
  const t2 = mul(t, t);
  let p = add(mul(t2, constant(LN_9TH)), constant(LN_7TH));
  p = add(mul(t2, p), constant(LN_5TH));
  p = add(mul(t2, p), constant(LN_3RD));
  p = add(mul(t2, p), constant(TWO));
  return add(mul(t, p), mul(exponent, constant(LN2)));
}

/** e^x for |x| < 80. */
@inline export function exp(x: v128): v128 {
  const n = f32x4.nearest(mul(x, constant(INVERSE_LN2)));
  // ln 2 in two parts, so that the remainder keeps its last bits.
  const r = sub(sub(x, mul(n, constant(LN2_HIGH))), mul(n, constant(LN2_LOW)));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), constant(EXPONENT_BIAS)), 23);
  return mul(expSmall(r), power);
}

/** e^x by its series, for small |x|: relative error 1e-7 to 0.35, 3e-6 to 0.6. */
@inline export function expSmall(x: v128): v128 {
  // In pairs, not term by term: fewer steps that wait for the one before.
  const x2 = mul(x, x);
  const low = add(constant(ONE), x);
  const middle = add(constant(HALF), mul(x, constant(SERIES3)));
  const high = add(add(constant(SERIES4), mul(x, constant(SERIES5))), mul(x2, constant(SERIES6)));
  return add(low, mul(x2, add(middle, mul(x2, high))));
}

/** e^x for the steps of a price: relative error 1e-9 to 0.1, 7e-5 to 0.6. */
@inline export function expStep(x: v128): v128 {
  const x2 = mul(x, x);
  const middle = add(constant(HALF), mul(x, constant(SERIES3)));
  return add(add(constant(ONE), x), mul(x2, add(middle, mul(x2, constant(SERIES4)))));
}
