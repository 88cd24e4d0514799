import { HIGHEST_LIMIT_X96, LOWEST_LIMIT_X96 } from "../../ml/sim/exact/orders.ts";
import { sqrtPriceAtTick } from "../../ml/sim/exact/tickMath.ts";
import { maxLiquidityPerTick } from "../../ml/sim/exact/ticks.ts";
import type { ExactPool } from "../../ml/sim/exact/types.ts";
import { MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK } from "../../ml/units.ts";
import type { Draw } from "./draw.ts";
import { type Kind, type Operation, OWNERS, positionKeyOf } from "./operation.ts";
import type { Scenario } from "./scenario.ts";

const MAX128 = (1n << 128n) - 1n;

/** Draws operations for a pool as it is now; some of them revert. */
export interface Generator {
  next(): Operation;
  /** Ranges and owners that were ever asked for, each once. */
  positions(): readonly Operation[];
}

export function operationGenerator(draw: Draw, scenario: Scenario, pool: ExactPool): Generator {
  const minted = new Map<string, Operation>();
  let time = scenario.startTime;
  let drawn = 0;
  const blank = (kind: Kind): Operation => ({
    kind,
    time,
    owner: 0,
    zeroForOne: false,
    tickLower: 0,
    tickUpper: 0,
    a: 0n,
    b: 0n,
  });

  function next(): Operation {
    if (!draw.chance(scenario.sameBlock)) time += timeStep(draw);
    drawn++;
    if (pool.sqrtPriceX96 === 0n && drawn > 4) return initialisation();
    const [swaps, liquidity, rest] = scenario.weights;
    const kind = draw.unit() * (swaps + liquidity + rest);
    // Without liquidity there is nothing to test in most swaps.
    if (minted.size === 0 && draw.chance(0.9)) return mint();
    if (kind < swaps) return swap();
    if (kind < swaps + liquidity) return draw.pick([mint, burn, burn, poke, collect])();
    return draw.pick([flash, feeProtocol, collectProtocol, cardinality, observe, observe, inside, initialisation])();
  }

  function initialisation(): Operation {
    const price = draw.chance(0.05)
      ? draw.pick([0n, MIN_SQRT_PRICE_X96 - 1n, MAX_SQRT_PRICE_X96, (1n << 160n) - 1n])
      : scenario.sqrtPriceX96;
    return { ...blank("initialize"), a: price };
  }

  function swap(): Operation {
    const down = draw.chance(0.5);
    const b = priceLimit(down);
    // A limit behind the price is a revert; mostly the swap goes the other way instead.
    const behind = down ? b >= pool.sqrtPriceX96 : b <= pool.sqrtPriceX96;
    const zeroForOne = behind && draw.chance(0.9) ? !down : down;
    return { ...blank("swap"), zeroForOne, a: swapAmount(zeroForOne), b };
  }

  /** As much as moves the price by any fraction, or a number that has nothing to do with the pool. */
  function swapAmount(zeroForOne: boolean): bigint {
    const { liquidity, sqrtPriceX96 } = pool;
    const exactIn = draw.chance(0.65);
    const sign = exactIn ? 1n : -1n;
    if (liquidity === 0n || draw.chance(0.1)) {
      if (draw.chance(0.02)) return draw.pick([0n, (1n << 255n) - 1n, -(1n << 255n)]);
      return sign * draw.anySize(draw.pick([4, 64, 128, 255]));
    }
    const fraction = BigInt(Math.round(2 ** 40 * 10 ** -(9 * draw.unit())));
    const token0 = zeroForOne === exactIn;
    const reserve = token0 ? (liquidity << 96n) / sqrtPriceX96 : (liquidity * sqrtPriceX96) >> 96n;
    // Now and then many times what is in range, which takes wide spacings through prices of many orders of magnitude.
    const times = draw.chance(0.05) ? draw.bits(draw.integer(1, 120)) + 1n : 1n;
    const size = ((reserve * fraction * times) >> 40n) + BigInt(draw.integer(0, 2));
    return sign * BigInt.asUintN(255, size);
  }

  function priceLimit(zeroForOne: boolean): bigint {
    const widest = zeroForOne ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96;
    const kind = draw.unit();
    if (kind < 0.02) return draw.pick([0n, MIN_SQRT_PRICE_X96, MAX_SQRT_PRICE_X96, (1n << 160n) - 1n]);
    if (kind < 0.04) return pool.sqrtPriceX96 + BigInt(draw.integer(-1, 1));
    const towards = zeroForOne ? -1 : 1;
    const at = (tick: number) => sqrtPriceAtTick(Math.min(Math.max(tick, MIN_TICK), MAX_TICK));
    const within = (price: bigint) => {
      if (price <= LOWEST_LIMIT_X96) return LOWEST_LIMIT_X96;
      return price >= HIGHEST_LIMIT_X96 ? HIGHEST_LIMIT_X96 : price;
    };
    // Right at a tick that may be initialised, or one unit beside it.
    if (kind < 0.2) return within(at(draw.pick(scenario.ticks)) + BigInt(draw.integer(-1, 1)));
    if (kind < 0.5) {
      const distance = Math.floor((1000 * scenario.tickSpacing) ** draw.unit());
      return within(at(pool.tick + towards * distance) + draw.anySize(16));
    }
    // A swap all the way to the end takes the real pool a step per bitmap word.
    const steps = (MAX_TICK - MIN_TICK) / 256 / scenario.tickSpacing;
    if (draw.chance(Math.min(1, 30 / steps))) return widest;
    return within(at(pool.tick + towards * 600 * scenario.tickSpacing));
  }

  function range(): Pick<Operation, "owner" | "tickLower" | "tickUpper"> {
    const owner = draw.integer(0, OWNERS.length - 1);
    const [one, other] = [draw.pick(scenario.ticks), draw.pick(scenario.ticks)];
    if (draw.chance(0.97)) return { owner, tickLower: Math.min(one, other), tickUpper: Math.max(one, other) };
    // Off the spacing, out of range, or upside down.
    return draw.pick([
      { owner, tickLower: one + draw.integer(-1, 1), tickUpper: other + draw.integer(-1, 1) },
      { owner, tickLower: MIN_TICK - draw.integer(1, 300), tickUpper: other },
      { owner, tickLower: one, tickUpper: MAX_TICK + draw.integer(1, 300) },
      { owner, tickLower: Math.max(one, other), tickUpper: Math.min(one, other) },
    ]);
  }

  function mint(): Operation {
    const operation = { ...blank("mint"), ...range(), a: mintAmount() };
    minted.set(`${operation.owner} ${operation.tickLower} ${operation.tickUpper}`, operation);
    return operation;
  }

  function mintAmount(): bigint {
    if (draw.chance(0.96)) return draw.bits(draw.integer(1, scenario.liquidityBits)) + 1n;
    const most = maxLiquidityPerTick(scenario.tickSpacing);
    const gross = pool.tickState(draw.pick(scenario.ticks)).liquidityGross;
    return draw.pick([0n, most, most + 1n, most - gross, most - gross + 1n, 1n << 127n, MAX128]);
  }

  /** Mostly a position that was asked for before. */
  const known = () =>
    minted.size > 0 && draw.chance(0.97) ? draw.pick([...minted.values()]) : { ...blank("mint"), ...range() };

  function burn(): Operation {
    const { owner, tickLower, tickUpper } = known();
    const operation = { ...blank("burn"), owner, tickLower, tickUpper };
    const { liquidity } = pool.position(positionKeyOf(operation));
    const part = draw.unit();
    if (part < 0.35) return { ...operation, a: liquidity };
    if (part < 0.9) return { ...operation, a: draw.anySize(130) % (liquidity + 1n) };
    return { ...operation, a: draw.pick([liquidity + 1n, 1n << 127n, MAX128]) };
  }

  function poke(): Operation {
    const { owner, tickLower, tickUpper } = known();
    return { ...blank("burn"), owner, tickLower, tickUpper };
  }

  function collect(): Operation {
    const { owner, tickLower, tickUpper } = known();
    const amount = () => draw.pick([MAX128, MAX128, draw.anySize(128), 0n]);
    return { ...blank("collect"), owner, tickLower, tickUpper, a: amount(), b: amount() };
  }

  const flash = (): Operation => ({ ...blank("flash"), a: draw.anySize(120), b: draw.anySize(120) });

  function feeProtocol(): Operation {
    const part = () => BigInt(draw.chance(0.9) ? draw.pick([0, 4, 5, 6, 7, 8, 9, 10]) : draw.pick([1, 3, 11, 255]));
    return { ...blank("setFeeProtocol"), a: part(), b: part() };
  }

  function collectProtocol(): Operation {
    const amount = (held: bigint) => draw.pick([MAX128, held, held > 0n ? held - 1n : 0n, draw.anySize(128)]);
    return { ...blank("collectProtocol"), a: amount(pool.protocolFees0), b: amount(pool.protocolFees1) };
  }

  function cardinality(): Operation {
    const now = pool.observationCardinalityNext;
    // Each place costs the real pool a write, and the comparison of everything a read.
    const next = now > 150 ? draw.integer(0, now) : now + draw.integer(-3, draw.pick([3, 3, 3, 60]));
    return { ...blank("increaseObservationCardinalityNext"), a: BigInt(Math.max(0, next)) };
  }

  function observe(): Operation {
    const newest = pool.observation(pool.observationIndex).blockTimestamp;
    const since = ((time >>> 0) - newest) >>> 0;
    const ago = () =>
      BigInt(draw.pick([0, 1, since, since + 1, draw.integer(0, 2 * since), draw.integer(0, 2 ** 32 - 1)]) >>> 0);
    return { ...blank("observe"), a: ago(), b: ago() };
  }

  function inside(): Operation {
    const { tickLower, tickUpper } = known();
    return { ...blank("snapshotCumulativesInside"), tickLower, tickUpper };
  }

  return { next, positions: () => [...minted.values()] };
}

/** Seconds to the next block: mostly up to a minute, now and then weeks or decades. */
function timeStep(draw: Draw): number {
  const kind = draw.unit();
  if (kind < 0.87) return draw.integer(1, 60);
  if (kind < 0.99) return draw.integer(60, 700_000);
  return draw.pick([2 ** 31, 2 ** 32, draw.integer(1, 2 ** 32)]);
}
