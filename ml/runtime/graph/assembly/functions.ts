/** Elementary functions of four floats at once, each within a few units in the last place. */

const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.12194440e-4;

// @ts-ignore: decorator
@inline
function horner(sum: v128, x: v128, next: f32): v128 {
  return f32x4.add(f32x4.mul(sum, x), f32x4.splat(next));
}

/** The lesser, or greater, of a number and a limit that is neither zero nor NaN: what is no number stays none. */
// @ts-ignore: decorator
@inline
function atMost(x: v128, limit: f32): v128 {
  return f32x4.pmin(x, f32x4.splat(limit));
}

// @ts-ignore: decorator
@inline
function atLeast(x: v128, limit: f32): v128 {
  return f32x4.pmax(x, f32x4.splat(limit));
}

/** Adding it leaves a float of less than 2^22 rounded to a whole number, in the low bits. */
const ROUNDING: f32 = 12582912;

/** e^x where it is a normal float. */
// @ts-ignore: decorator
@inline
function expInside(x: v128): v128 {
  const rounded = f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504)), f32x4.splat(ROUNDING));
  const n = f32x4.sub(rounded, f32x4.splat(ROUNDING));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(LN2_LOW)));
  let sum = f32x4.splat(1.9875691500e-4);
  sum = horner(sum, r, 1.3981999507e-3);
  sum = horner(sum, r, 8.3334519073e-3);
  sum = horner(sum, r, 4.1665795894e-2);
  sum = horner(sum, r, 1.6666665459e-1);
  sum = horner(sum, r, 5.0000001201e-1);
  sum = f32x4.add(f32x4.mul(sum, f32x4.mul(r, r)), f32x4.add(r, f32x4.splat(1)));
  // Times 2^n: n lies in the low bits of `rounded`, and what lies above them is shifted out.
  return i32x4.add(sum, i32x4.shl(rounded, 23));
}

/** e^x; infinity above the greatest float, 0 below the least normal one. */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  let sum = expInside(atLeast(atMost(x, 88.72284), -87.33655));
  sum = v128.bitselect(f32x4.splat(Infinity), sum, f32x4.ge(x, f32x4.splat(88.72284)));
  sum = v128.andnot(sum, f32x4.le(x, f32x4.splat(-87.33655)));
  return v128.or(sum, f32x4.ne(x, x));
}

/** Natural logarithm; minus infinity at 0, NaN below. */
// @ts-ignore: decorator
@inline
export function log(x: v128): v128 {
  const bits = x;
  let exponent = i32x4.sub(i32x4.shr_u(bits, 23), i32x4.splat(126));
  // mantissa in [0.5, 1)
  let m = v128.or(v128.and(bits, i32x4.splat(0x007fffff)), i32x4.splat(0x3f000000));
  const low = f32x4.lt(m, f32x4.splat(0.70710678));
  exponent = i32x4.add(exponent, low);
  m = f32x4.sub(f32x4.add(m, v128.and(m, low)), f32x4.splat(1));
  const e = f32x4.convert_i32x4_s(exponent);
  const z = f32x4.mul(m, m);
  let sum = f32x4.splat(7.0376836292e-2);
  sum = horner(sum, m, -1.1514610310e-1);
  sum = horner(sum, m, 1.1676998740e-1);
  sum = horner(sum, m, -1.2420140846e-1);
  sum = horner(sum, m, 1.4249322787e-1);
  sum = horner(sum, m, -1.6668057665e-1);
  sum = horner(sum, m, 2.0000714765e-1);
  sum = horner(sum, m, -2.4999993993e-1);
  sum = horner(sum, m, 3.3333331174e-1);
  sum = f32x4.mul(f32x4.mul(sum, m), z);
  sum = f32x4.add(sum, f32x4.mul(e, f32x4.splat(LN2_LOW)));
  sum = f32x4.sub(sum, f32x4.mul(z, f32x4.splat(0.5)));
  sum = f32x4.add(f32x4.add(m, sum), f32x4.mul(e, f32x4.splat(LN2_HIGH)));
  sum = v128.bitselect(f32x4.splat(-Infinity), sum, f32x4.eq(x, f32x4.splat(0)));
  sum = v128.bitselect(f32x4.splat(Infinity), sum, f32x4.eq(x, f32x4.splat(Infinity)));
  // Below zero and for NaN every bit is set, which is a NaN.
  return v128.or(sum, v128.not(f32x4.ge(x, f32x4.splat(0))));
}

/** Hyperbolic tangent, relatively exact at 0: a rational function on ±9. */
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const t = atLeast(atMost(x, 9), -9);
  const s = f32x4.mul(t, t);
  let p = f32x4.splat(-2.76076847742355e-16);
  p = horner(p, s, 2.00018790482477e-13);
  p = horner(p, s, -8.60467152213735e-11);
  p = horner(p, s, 5.12229709037114e-8);
  p = horner(p, s, 1.48572235717979e-5);
  p = horner(p, s, 6.37261928875436e-4);
  p = horner(p, s, 4.89352455891786e-3);
  let q = f32x4.splat(1.19825839466702e-6);
  q = horner(q, s, 1.18534705686654e-4);
  q = horner(q, s, 2.26843463243900e-3);
  q = horner(q, s, 4.89352518554385e-3);
  return f32x4.div(f32x4.mul(t, p), q);
}

/** Error function: a polynomial near 0, else 1 − e^polynomial. */
// @ts-ignore: decorator
@inline
export function erf(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(<i32>0x80000000));
  const t = atMost(f32x4.abs(x), 3.925);
  const s = f32x4.mul(t, t);
  let near = f32x4.splat(-5.99104969e-4);
  near = horner(near, s, 4.99339588e-3);
  near = horner(near, s, -2.67667342e-2);
  near = horner(near, s, 1.12818025e-1);
  near = horner(near, s, -3.76124859e-1);
  near = horner(near, s, 1.28379151e-1);
  near = f32x4.add(f32x4.mul(near, t), t);
  let far = f32x4.splat(1.72948930e-5);
  far = horner(far, t, -3.83208680e-4);
  far = horner(far, t, 3.88393435e-3);
  far = horner(far, t, -2.42545605e-2);
  far = horner(far, t, 1.06777847e-1);
  far = horner(far, t, 6.34846687e-1);
  far = horner(far, t, 1.28717512e-1);
  far = f32x4.add(f32x4.mul(far, t), t);
  far = f32x4.sub(f32x4.splat(1), expInside(f32x4.neg(far)));
  return v128.or(v128.bitselect(far, near, f32x4.gt(t, f32x4.splat(0.921875))), sign);
}
