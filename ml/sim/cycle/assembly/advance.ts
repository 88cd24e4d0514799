// The pool and the position of four environments through some steps of a drawn market.
// ../reference.ts is the same step in plain arithmetic, one environment at a time, with the reasons beside it.
import { constant, HALF, ONE, ONE_AND_A_HALF, THREE_AND_A_HALF, TWO_AND_A_HALF } from "./constants";
import * as F from "./layout";
import { drawMarket, LIQUIDITIES, PATHS, REFS, SIDES } from "./market";
import { add, clamp, div, exp, ln, max, min, mul, select, splat, sub } from "./math";
import * as P from "./parameters";

/** What decides: the action array (first step only, then hold), or the rule that resets at tau. */
const ACTIONS: i32 = 0;
const RULE: i32 = 1;

/** Root prices of the pool after each step. */
const POOLS: usize = memory.data(32 * 16, 16);

@inline function state(index: i32, environment: i32): v128 { return v128.load(F.field(index, environment)); }
@inline function keep(index: i32, environment: i32, value: v128): void { v128.store(F.field(index, environment), value); }

/** Steps `from` to `from + steps - 1`, all on one day, at most SEGMENT; the first under the action array. */
export function advance(environment: i32, from: i32, steps: i32): void {
  play(environment, from, steps, ACTIONS);
}

/** The same under the rule. */
export function advanceByRule(environment: i32, from: i32, steps: i32): void {
  play(environment, from, steps, RULE);
}

@inline function play(environment: i32, from: i32, steps: i32, mode: i32): void {
  const refBefore = state(F.REF, environment);
  const liquidityBefore = state(F.LIQUIDITY, environment);
  const poolBefore = state(F.POOL, environment);
  drawMarket(environment, from, steps);
  const zero = splat(0);
  const one = constant(ONE);
  let pool = poolBefore;
  let own = state(F.OWN, environment);
  let lower = state(F.LOWER, environment);
  let upper = state(F.UPPER, environment);
  let entry = state(F.ENTRY, environment);
  let fee0 = state(F.FEE0, environment);
  let fee1 = state(F.FEE1, environment);
  let fees = state(F.FEES, environment);
  let lvr = state(F.LVR, environment);
  let age = state(F.AGE, environment);
  let reward = zero;
  let arbitrage = pool;
  const depth = P.get(P.DEPTH);
  let c0 = clamp(pool, lower, upper);
  let i0 = div(one, c0);

  for (let k: i32 = 0; k < steps; k++) {
    const at = <usize>k << 4;
    if (mode !== RULE) reward = zero;
    // 1. The action, at the price that was observed.
    let action: v128;
    if (mode === RULE) {
      const out = v128.or(
        f32x4.ge(pool, mul(entry, P.get(P.TAU))),
        f32x4.le(pool, mul(entry, P.get(P.TAU_INVERSE))),
      );
      action = v128.and(out, P.get(P.RULE_WIDTH));
    } else {
      action = k === 0 ? state(F.ACTION, environment) : zero;
    }
    if (v128.any_true(f32x4.gt(action, zero))) {
      const acts = f32x4.gt(action, zero);
      const idle = f32x4.gt(action, constant(THREE_AND_A_HALF));
      const liquidity = k === 0 ? liquidityBefore : v128.load(LIQUIDITIES + (<usize>(k - 1) << 4));
      const refPrice = k === 0 ? mul(refBefore, refBefore) : mul(v128.load(REFS + (<usize>(k - 1) << 4)), v128.load(REFS + (<usize>(k - 1) << 4)));
      const price = mul(pool, pool);
      const cash = state(F.CASH, environment);
      const at = clamp(pool, lower, upper);
      const atInverse = div(one, at);
      const has0 = add(mul(own, sub(atInverse, div(one, upper))), fee0);
      const has1 = add(add(mul(own, sub(at, lower)), fee1), cash);
      // Against holding what went in, at the price elsewhere. Without a position the entry is 0.
      const held = div(one, mul(at, entry));
      const il = v128.and(f32x4.gt(own, zero), mul(mul(own, sub(entry, at)), sub(mul(refPrice, held), one)));
      const width = select(
        f32x4.lt(action, constant(ONE_AND_A_HALF)),
        P.get(P.WIDTH1),
        select(f32x4.lt(action, constant(TWO_AND_A_HALF)), P.get(P.WIDTH2), P.get(P.WIDTH3)),
      );
      const spacing = P.get(P.SPACING);
      const perSpacing = div(one, spacing);
      const where = ln(pool);
      const newLower = exp(mul(f32x4.nearest(mul(sub(where, width), perSpacing)), spacing));
      const newUpper = exp(mul(f32x4.nearest(mul(add(where, width), perSpacing)), spacing));
      const capital = add(mul(has0, price), has1);
      const unit0 = sub(div(one, pool), div(one, newUpper));
      const unit1 = sub(pool, newLower);
      const poolLiquidity = mul(depth, liquidity);
      // The swap moves the price, and with it the ratio that the range asks for: less has to be traded.
      const wanted = select(idle, zero, div(capital, add(mul(unit0, price), unit1)));
      const change0 = div(sub(mul(wanted, unit0), has0), add(one, div(wanted, poolLiquidity)));
      const traded = mul(f32x4.abs(change0), price);
      // The root of the price moves by quote traded over liquidity; the trader pays the geometric mean of both prices.
      const impact = div(change0, div(poolLiquidity, price));
      const paid = min(
        add(
          add(mul(traded, P.get(P.SWAP_COST)), P.get(P.GAS)),
          div(mul(traded, traded), mul(poolLiquidity, pool)),
        ),
        capital,
      );
      const left = sub(capital, paid);
      const after = add(pool, impact);
      // What is now held of token0 is worth more, or less, at the price that the swap left.
      const held0 = add(has0, change0);
      const worth = add(left, mul(held0, sub(mul(after, after), price)));
      const placed0 = sub(div(one, after), div(one, newUpper));
      const placed1 = sub(after, newLower);
      const newOwn = select(idle, zero, div(worth, add(mul(placed0, mul(after, after)), placed1)));
      const newCash = select(idle, worth, zero);
      const navBefore = add(mul(has0, refPrice), has1);
      const navAfter = add(mul(newOwn, add(mul(placed0, refPrice), placed1)), newCash);
      const cost = v128.and(acts, sub(navBefore, navAfter));
      if (mode !== RULE) reward = sub(reward, cost);
      keep(F.COST, environment, add(state(F.COST, environment), cost));
      keep(F.IL, environment, add(state(F.IL, environment), v128.and(acts, il)));
      keep(F.MOVES, environment, add(state(F.MOVES, environment), v128.and(acts, one)));
      keep(F.CASH, environment, select(acts, newCash, cash));
      own = select(acts, newOwn, own);
      lower = select(acts, newLower, lower);
      upper = select(acts, newUpper, upper);
      pool = select(acts, after, pool);
      entry = select(acts, v128.andnot(after, idle), entry);
      fee0 = v128.andnot(fee0, acts);
      fee1 = v128.andnot(fee1, acts);
      age = v128.andnot(age, acts);
      c0 = clamp(pool, lower, upper);
      i0 = div(one, c0);
    }

    // 2. Arbitrage brings the pool to the edge of its fee around the price elsewhere, once that pays.
    const ref = v128.load(REFS + at);
    const high = mul(ref, P.get(P.BAND));
    const low = mul(ref, P.get(P.BAND_INVERSE));
    const p0 = pool;
    let p1 = select(f32x4.gt(p0, high), mul(ref, P.get(P.FEE_ROOT)), p0);
    p1 = select(f32x4.lt(p0, low), mul(ref, P.get(P.FEE_ROOT_INVERSE)), p1);
    arbitrage = p1;

    // 3. Noise: a net move, towards the price elsewhere on average, and round trips for the rest of the volume.
    const c1 = clamp(p1, lower, upper);
    const volume = mul(mul(v128.load(PATHS + at), depth), ref);
    const others = mul(depth, v128.load(LIQUIDITIES + at));
    // Both answers before it is known which counts: a division would otherwise wait for arbitrage.
    const inside = f32x4.eq(c1, p1);
    const path = select(inside, div(volume, add(others, own)), div(volume, others));
    const pull = mul(path, P.get(P.TOWARD));
    const toward = clamp(sub(ref, p1), sub(zero, pull), pull);
    const net = add(toward, mul(mul(path, P.get(P.IMBALANCE_SCALE)), v128.load(SIDES + at)));
    pool = clamp(add(p1, net), low, high);
    v128.store(POOLS + at, pool);

    // 4. Fees: on what moved through the range, and on round trips while inside it.
    const c2 = clamp(pool, lower, upper);
    const i1 = div(one, c1);
    const i2 = div(one, c2);
    const trips = v128.and(f32x4.eq(c2, pool), max(sub(path, f32x4.abs(sub(pool, p1))), zero));
    const halfTrips = mul(trips, constant(HALF));
    const earns = mul(own, P.get(P.FEE_ON_NET));
    const up = add(max(sub(c1, c0), zero), max(sub(c2, c1), zero));
    const down = add(max(sub(i1, i0), zero), max(sub(i2, i1), zero));
    const add1 = mul(earns, add(up, halfTrips));
    const add0 = mul(earns, add(down, mul(halfTrips, mul(i2, i2))));
    fee1 = add(fee1, add1);
    fee0 = add(fee0, add0);
    const refPrice = mul(ref, ref);
    const earned = add(add1, mul(add0, refPrice));
    fees = add(fees, earned);

    // 5. LVR: what the range sold and bought, at the price elsewhere.
    const lost = mul(mul(own, sub(c2, c0)), sub(mul(refPrice, mul(i0, i2)), one));
    lvr = add(lvr, lost);
    if (mode !== RULE) reward = add(reward, sub(earned, lost));
    age = add(age, one);
    c0 = c2;
    i0 = i2;
  }
  keep(F.POOL, environment, pool);
  keep(F.OWN, environment, own);
  keep(F.LOWER, environment, lower);
  keep(F.UPPER, environment, upper);
  keep(F.ENTRY, environment, entry);
  keep(F.FEE0, environment, fee0);
  keep(F.FEE1, environment, fee1);
  keep(F.FEES, environment, fees);
  keep(F.LVR, environment, lvr);
  keep(F.AGE, environment, age);
  keep(F.REWARD, environment, reward);
  keep(F.ARBITRAGE, environment, arbitrage);
  watch(environment, steps, poolBefore);
}

/** What an observer keeps of the steps: moving averages of squared returns, of noise and of returns. */
@inline function watch(environment: i32, steps: i32, poolBefore: v128): void {
  const fast = P.get(P.FAST);
  const slow = P.get(P.SLOW);
  let before = poolBefore;
  let varFast = state(F.VAR_FAST, environment);
  let varSlow = state(F.VAR_SLOW, environment);
  let volume = state(F.VOLUME, environment);
  let imbalance = state(F.IMBALANCE, environment);
  let lastReturn = splat(0);
  for (let k: i32 = 0; k < steps; k++) {
    const at = <usize>k << 4;
    const pool = v128.load(POOLS + at);
    lastReturn = div(sub(pool, before), before);
    varFast = add(varFast, mul(fast, sub(mul(lastReturn, lastReturn), varFast)));
    varSlow = add(varSlow, mul(slow, sub(mul(lastReturn, lastReturn), varSlow)));
    volume = add(volume, mul(fast, sub(v128.load(PATHS + at), volume)));
    imbalance = add(imbalance, mul(fast, sub(lastReturn, imbalance)));
    before = pool;
  }
  keep(F.VAR_FAST, environment, varFast);
  keep(F.VAR_SLOW, environment, varSlow);
  keep(F.VOLUME, environment, volume);
  keep(F.IMBALANCE, environment, imbalance);
  keep(F.RETURN, environment, lastReturn);
  keep(F.GROSS, environment, v128.load(PATHS + (<usize>(steps - 1) << 4)));
}
