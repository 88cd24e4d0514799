// The market around the pool: it never looks at a position. Written in stages through short buffers, so that each loop is
// small and its rounds do not wait for one another.
import { constant, FORGOTTEN, HALF, LOW_BITS, MOST_FALL, ONE } from "./constants";
import * as F from "./layout";
import { add, expStep, max, min, mul, select, splat, sub } from "./math";
import * as P from "./parameters";
import { angle, bits, cosPi, radius, side, sinPi } from "./random";

/** Steps that the buffers hold. */
export const SEGMENT: i32 = 32;

const SHOCK: usize = memory.data(32 * 16, 16);
const EVENT: usize = memory.data(32 * 16, 16);
/** Of each step: the root of the price elsewhere, the pool's liquidity, the path of noise, and its side from -32,768 to 32,767. */
export const REFS: usize = memory.data(32 * 16, 16);
export const LIQUIDITIES: usize = memory.data(32 * 16, 16);
export const PATHS: usize = memory.data(32 * 16, 16);
export const SIDES: usize = memory.data(32 * 16, 16);

/** Draws steps `from` to `from + steps - 1` of four environments into the buffers; all on one day, at most SEGMENT. */
export function drawMarket(environment: i32, from: i32, steps: i32): void {
  const key0 = v128.load(F.field(F.KEY0, environment));
  const key1 = v128.load(F.field(F.KEY1, environment));
  const half = v128.load(F.field(F.HALF_SIGMA, environment));
  const flow = v128.load(F.field(F.FLOW, environment));
  const drift = sub(P.get(P.DRIFT), mul(half, half));
  for (let k: i32 = 0; k < steps; k++) {
    const step = from + k;
    const at = <usize>k << 4;
    const b = bits(4 * step + 1, key0, key1);
    const turn = angle(b);
    const a = bits(4 * step, key0, key1);
    const r = radius(a);
    v128.store(SHOCK + at, add(mul(half, mul(r, cosPi(turn))), drift));
    const random = add(P.get(P.FLOW_CONSTANT), mul(P.get(P.FLOW_SLOPE), mul(r, sinPi(turn))));
    v128.store(PATHS + at, mul(flow, mul(random, random)));
    v128.store(SIDES + at, side(b));
    v128.store(EVENT + at, v128.and(a, constant(LOW_BITS)));
  }

  // Of 65,536.
  const anyEvent = i32x4.trunc_sat_f32x4_s(P.get(P.ANY_EVENT));
  const reboundRate = P.get(P.REBOUND_RATE);
  const recoveryRate = P.get(P.RECOVERY_RATE);
  const zero = splat(0);
  const one = constant(ONE);
  let ref = v128.load(F.field(F.REF, environment));
  let rebound = v128.load(F.field(F.REBOUND, environment));
  let liquidity = v128.load(F.field(F.LIQUIDITY, environment));
  for (let k: i32 = 0; k < steps; k++) {
    const step = from + k;
    const at = <usize>k << 4;
    const back = mul(rebound, reboundRate);
    let move = add(v128.load(SHOCK + at), back);
    rebound = max(sub(sub(rebound, back), constant(FORGOTTEN)), zero);
    liquidity = add(liquidity, mul(sub(one, liquidity), recoveryRate));
    const u = v128.load(EVENT + at);
    if (v128.any_true(i32x4.lt_s(u, anyEvent))) {
      const r = radius(bits(4 * step + 2, key0, key1));
      const b = bits(4 * step + 3, key0, key1);
      // Out of 65,536, as whole numbers in floats.
      const which = f32x4.convert_i32x4_s(v128.and(b, constant(LOW_BITS)));
      const events = i32x4.lt_s(u, anyEvent);
      const jumps = v128.and(events, f32x4.lt(which, P.get(P.JUMP_SHARE)));
      const falls = v128.andnot(v128.and(events, f32x4.lt(which, P.get(P.FALL_SHARE))), jumps);
      move = add(move, v128.and(jumps, mul(P.get(P.JUMP_HALF), mul(r, cosPi(angle(b))))));
      // Half of a squared radius is an exponential number.
      const size = add(P.get(P.FLASH_HALF_LEAST), mul(P.get(P.FLASH_HALF_MEAN), mul(mul(r, r), constant(HALF))));
      const fall = v128.and(falls, min(size, constant(MOST_FALL)));
      move = sub(move, fall);
      rebound = add(rebound, mul(fall, P.get(P.REBOUND_SHARE)));
      const level = select(falls, P.get(P.FLASH_LIQUIDITY), P.get(P.CRUNCH_LIQUIDITY));
      liquidity = select(v128.andnot(events, jumps), min(liquidity, level), liquidity);
    }
    ref = mul(ref, expStep(move));
    v128.store(REFS + at, ref);
    v128.store(LIQUIDITIES + at, liquidity);
  }
  v128.store(F.field(F.REF, environment), ref);
  v128.store(F.field(F.REBOUND, environment), rebound);
  v128.store(F.field(F.LIQUIDITY, environment), liquidity);
}
