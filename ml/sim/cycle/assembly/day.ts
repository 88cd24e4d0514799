// What changes once a day: the regime, and with it volatility and activity.
import * as F from "./layout";
import { add, exp, min, mul, select, splat, sub } from "./math";
import * as P from "./parameters";
import { angle, bits, cosPi, radius, uniform } from "./random";

/** One of three numbers, by regime 0, 1, 2. */
@inline function byRegime(regime: v128, first: i32, stride: i32): v128 {
  const later = select(f32x4.eq(regime, splat(1)), P.get(first + stride), P.get(first + 2 * stride));
  return select(f32x4.eq(regime, splat(0)), P.get(first), later);
}

/** Draws the day of four environments. `first` = nothing came before. */
export function drawDay(environment: i32, day: i32, first: bool): void {
  const key0 = v128.load(F.field(F.KEY0, environment));
  const key1 = v128.load(F.field(F.KEY1, environment));
  // Counters of days lie in the upper half, those of steps in the lower.
  const counter = <i32>0x80000000 + 4 * day;
  const u = uniform(bits(counter, key0, key1));
  const z = mul(radius(bits(counter + 1, key0, key1)), cosPi(angle(bits(counter + 2, key0, key1))));
  const before = v128.load(F.field(F.REGIME, environment));
  const one = first ? P.get(P.STATIONARY) : byRegime(before, P.TRANSITION, 2);
  const two = first ? P.get(P.STATIONARY + 1) : byRegime(before, P.TRANSITION + 1, 2);
  const regime = add(v128.and(f32x4.gt(u, one), splat(1)), v128.and(f32x4.gt(u, two), splat(1)));
  const lnHalf = add(byRegime(regime, P.LN_HALF_SIGMA, 1), mul(byRegime(regime, P.LN_SIGMA_SD, 1), z));
  const lnFlow = add(P.get(P.LN_FLOW), mul(P.get(P.ELASTICITY), sub(lnHalf, P.get(P.LN_HALF_SIGMA_REFERENCE))));
  v128.store(F.field(F.REGIME, environment), regime);
  v128.store(F.field(F.HALF_SIGMA, environment), exp(lnHalf));
  v128.store(F.field(F.FLOW, environment), exp(min(lnFlow, splat(10))));
}
