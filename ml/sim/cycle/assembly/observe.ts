// What an agent sees of four environments: sixteen numbers of the order of one, nothing that only the simulation knows.
import * as F from "./layout";
import { add, clamp, div, max, min, mul, splat, sub } from "./math";

@inline function state(index: i32, environment: i32): v128 { return v128.load(F.field(index, environment)); }
@inline function tell(index: i32, environment: i32, value: v128): void {
  v128.store(F.observation(index, environment), value);
}

export function observe(environment: i32): void {
  const one = splat(1);
  const zero = splat(0);
  const ref = state(F.REF, environment);
  const pool = state(F.POOL, environment);
  const own = state(F.OWN, environment);
  const lower = state(F.LOWER, environment);
  const upper = state(F.UPPER, environment);
  const placed = f32x4.gt(own, zero);
  const at = clamp(pool, lower, upper);
  const price = mul(ref, ref);
  const fees = add(state(F.FEE1, environment), mul(state(F.FEE0, environment), price));
  const value = add(mul(own, sub(div(one, at), div(one, upper))), zero);
  const nav = add(add(add(mul(value, price), mul(own, sub(at, lower))), state(F.CASH, environment)), fees);
  tell(0, environment, v128.and(placed, one));
  tell(1, environment, v128.and(placed, v128.and(f32x4.eq(at, pool), one)));
  tell(2, environment, v128.and(placed, clamp(div(sub(pool, lower), sub(upper, lower)), splat(-1), splat(2))));
  tell(3, environment, v128.and(placed, clamp(mul(sub(div(pool, lower), one), splat(20)), splat(-3), splat(3))));
  tell(4, environment, v128.and(placed, clamp(mul(sub(div(upper, pool), one), splat(20)), splat(-3), splat(3))));
  tell(5, environment, v128.and(placed, min(mul(sub(div(upper, lower), one), splat(5)), splat(3))));
  tell(6, environment, min(mul(f32x4.sqrt(state(F.VAR_FAST, environment)), splat(200)), splat(5)));
  tell(7, environment, min(mul(f32x4.sqrt(state(F.VAR_SLOW, environment)), splat(200)), splat(5)));
  tell(8, environment, clamp(mul(state(F.RETURN, environment), splat(200)), splat(-5), splat(5)));
  tell(9, environment, clamp(mul(sub(div(ref, pool), one), splat(200)), splat(-5), splat(5)));
  tell(10, environment, sub(state(F.LIQUIDITY, environment), one));
  tell(11, environment, min(mul(f32x4.sqrt(max(state(F.VOLUME, environment), zero)), splat(10)), splat(5)));
  tell(12, environment, clamp(mul(state(F.IMBALANCE, environment), splat(400)), splat(-5), splat(5)));
  tell(13, environment, min(mul(fees, splat(100)), splat(5)));
  tell(14, environment, min(mul(state(F.AGE, environment), splat(0.01)), splat(5)));
  tell(15, environment, clamp(mul(sub(nav, one), splat(5)), splat(-5), splat(5)));
}
