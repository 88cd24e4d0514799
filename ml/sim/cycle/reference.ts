import type { FieldName } from "./fields.ts";
import { angle, bits, cosPi, radius, side, sinPi, uniform } from "./random.ts";
import type { World } from "./world.ts";

/** One environment; keys as unsigned integers, the rest as in `Cycle.fields`. */
export type Environment = Readonly<Record<FieldName, number>>;

/**
 * One step of one environment in plain arithmetic: what the kernel does, to be read and to test it. The day of the step
 * must have been drawn. `rule` = the built-in rule decides, else `environment.action`.
 */
export function referenceStep(world: World, environment: Environment, step: number, rule: boolean): Environment {
  const action = rule ? ruleAction(world, environment) : environment.action;
  const moved = action > 0 ? move(world, environment, action) : { ...environment, reward: 0 };
  const drawn = drawMarket(world, moved, step);
  return playPool(world, drawn, side(bits(4 * step + 1, drawn.key0, drawn.key1)), environment.pool);
}

/** The day's regime, and with it volatility and activity. */
export function referenceDay(world: World, environment: Environment, day: number, first: boolean): Environment {
  const { key0, key1 } = environment;
  // Counters of days lie in the upper half, those of steps in the lower.
  const counter = 0x80000000 + 4 * day;
  const u = uniform(bits(counter, key0, key1));
  const z = radius(bits(counter + 1, key0, key1)) * cosPi(angle(bits(counter + 2, key0, key1)));
  const row = first ? world.stationary : world.transition.slice(2 * environment.regime);
  const regime = (u > (row[0] ?? 1) ? 1 : 0) + (u > (row[1] ?? 1) ? 1 : 0);
  const lnHalf = (world.lnHalfSigma[regime] ?? 0) + (world.lnSigmaSd[regime] ?? 0) * z;
  const lnFlow = world.lnFlow + world.elasticity * (lnHalf - world.lnHalfSigmaReference);
  return { ...environment, regime, halfSigma: Math.exp(lnHalf), flow: Math.exp(Math.min(lnFlow, 10)) };
}

function ruleAction({ tau, tauInverse, ruleWidth }: World, { pool, entry }: Environment): number {
  // Without a position the entry is 0, so that the rule enters.
  return pool >= entry * tau || pool <= entry * tauInverse ? ruleWidth : 0;
}

/** Takes everything out, trades to the ratio of the new range against the pool, and puts it in; or all into cash. */
function move(world: World, before: Environment, action: number): Environment {
  const { pool, own, lower, upper, entry, ref, liquidity } = before;
  const [price, refPrice] = [pool ** 2, ref ** 2];
  const idle = action > 3.5;
  const at = clamp(pool, lower, upper);
  const has0 = own * (1 / at - 1 / upper) + before.fee0;
  const has1 = own * (at - lower) + before.fee1 + before.cash;
  // IL: against holding what went in. (V = x P + y with x = L (1/c - 1/b), y = L (c - a), so the difference of two
  // values at one price is a product, which loses no digits.)
  const il = own > 0 ? own * (entry - at) * (refPrice / (at * entry) - 1) : 0;
  const width = world.widths[action < 1.5 ? 0 : action < 2.5 ? 1 : 2];
  const onGrid = (ln: number) => Math.exp(Math.round(ln / world.spacing) * world.spacing);
  const [newLower, newUpper] = [onGrid(Math.log(pool) - width), onGrid(Math.log(pool) + width)];
  const capital = has0 * price + has1;
  const [unit0, unit1] = [1 / pool - 1 / newUpper, pool - newLower];
  const others = world.depth * liquidity;
  const wanted = idle ? 0 : capital / (unit0 * price + unit1);
  // The swap moves the price, and with it the ratio that the range asks for: less has to be traded.
  const change0 = (wanted * unit0 - has0) / (1 + wanted / others);
  const held0 = has0 + change0;
  const traded = Math.abs(change0) * price;
  // The swap moves the root of the price by quote over liquidity; its mean price is the geometric mean of both ends.
  const after = pool + (change0 * price) / others;
  const paid = Math.min(traded * world.swapCost + world.gas + traded ** 2 / (others * pool), capital);
  const worth = capital - paid + held0 * (after ** 2 - price);
  const [placed0, placed1] = [1 / after - 1 / newUpper, after - newLower];
  const newOwn = idle ? 0 : worth / (placed0 * after ** 2 + placed1);
  const cash = idle ? worth : 0;
  // What the move cost at the price elsewhere: fee, impact, gas, and the gap between pool and elsewhere.
  const cost = has0 * refPrice + has1 - (newOwn * (placed0 * refPrice + placed1) + cash);
  return {
    ...before,
    own: newOwn,
    cash,
    lower: newLower,
    upper: newUpper,
    pool: after,
    entry: idle ? 0 : after,
    fee0: 0,
    fee1: 0,
    age: 0,
    cost: before.cost + cost,
    il: before.il + il,
    moves: before.moves + 1,
    reward: -cost,
  };
}

/** The price elsewhere, liquidity and noise of a step; they do not depend on the position. */
function drawMarket(world: World, before: Environment, step: number): Environment {
  const { key0, key1, halfSigma, flow } = before;
  const a = bits(4 * step, key0, key1);
  const b = bits(4 * step + 1, key0, key1);
  const [r, turn] = [radius(a), angle(b)];
  const back = before.rebound * world.reboundRate;
  // Half of the log return; minus half the variance keeps the expected price where it is.
  let half = halfSigma * r * cosPi(turn) + world.drift - halfSigma ** 2 + back;
  let rebound = Math.max(before.rebound - back - 1e-9, 0);
  let liquidity = before.liquidity + (1 - before.liquidity) * world.recoveryRate;
  if ((a & 0xffff) < world.anyEvent) {
    const ofEvent = radius(bits(4 * step + 2, key0, key1));
    const c = bits(4 * step + 3, key0, key1);
    const which = c & 0xffff;
    if (which < world.jumpShare) {
      half += world.jumpHalf * ofEvent * cosPi(angle(c));
    } else if (which < world.fallShare) {
      // Half of a squared radius is an exponential number.
      const fall = Math.min(world.flashHalfLeast + (world.flashHalfMean * ofEvent ** 2) / 2, 0.6);
      half -= fall;
      rebound += fall * world.reboundShare;
      liquidity = Math.min(liquidity, world.flashLiquidity);
    } else {
      liquidity = Math.min(liquidity, world.crunchLiquidity);
    }
  }
  const gross = flow * (world.flowConstant + world.flowSlope * r * sinPi(turn)) ** 2;
  return { ...before, ref: before.ref * Math.exp(half), rebound, liquidity, gross };
}

/** Arbitrage, noise, and what they leave in a range. `noiseSide` is from -32,768 to 32,767. */
function playPool(world: World, before: Environment, noiseSide: number, poolObserved: number): Environment {
  const { ref, gross, own, lower, upper, age } = before;
  const p0 = before.pool;
  const [high, low] = [ref * world.band, ref * world.bandInverse];
  // Arbitrage brings the pool to the edge of its fee around the price elsewhere, once that pays its margin too.
  const p1 = p0 > high ? ref * world.feeRoot : p0 < low ? ref * world.feeRootInverse : p0;
  const c0 = clamp(p0, lower, upper);
  const c1 = clamp(p1, lower, upper);
  // Volume over liquidity = the path of the root of the price. Our own liquidity makes it shorter.
  const path = (gross * world.depth * ref) / (world.depth * before.liquidity + (c1 === p1 ? own : 0));
  const pull = path * world.toward;
  const net = clamp(ref - p1, -pull, pull) + path * world.imbalanceScale * noiseSide;
  const pool = clamp(p1 + net, low, high);
  const c2 = clamp(pool, lower, upper);
  // Volume beyond the net move comes and goes around the price.
  const trips = c2 === pool ? Math.max(path - Math.abs(pool - p1), 0) : 0;
  const up = Math.max(c1 - c0, 0) + Math.max(c2 - c1, 0) + trips / 2;
  const down = Math.max(1 / c1 - 1 / c0, 0) + Math.max(1 / c2 - 1 / c1, 0) + trips / 2 / c2 ** 2;
  const [add1, add0] = [own * world.feeOnNet * up, own * world.feeOnNet * down];
  const earned = add1 + add0 * ref ** 2;
  // What the range sold and bought, at the price elsewhere.
  const lost = own * (c2 - c0) * (ref ** 2 / (c0 * c2) - 1);
  const poolReturn = (pool - poolObserved) / poolObserved;
  return {
    ...before,
    pool,
    arbitrage: p1,
    fee0: before.fee0 + add0,
    fee1: before.fee1 + add1,
    fees: before.fees + earned,
    lvr: before.lvr + lost,
    reward: before.reward + earned - lost,
    age: age + 1,
    poolReturn,
    varianceFast: before.varianceFast + world.fast * (poolReturn ** 2 - before.varianceFast),
    varianceSlow: before.varianceSlow + world.slow * (poolReturn ** 2 - before.varianceSlow),
    volume: before.volume + world.fast * (gross - before.volume),
    imbalance: before.imbalance + world.fast * (poolReturn - before.imbalance),
  };
}

const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
