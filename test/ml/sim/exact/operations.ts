/** Seeded random operations on a pool, for running two engines side by side. */

import { sqrtPriceAtTick } from "../../../../ml/sim/exact/tickMath.ts";
import { type ExactPool, PoolRevertError, type PositionKey } from "../../../../ml/sim/exact/types.ts";
import type { Address } from "../../../../ml/types.ts";
import { MAX_TICK, MIN_TICK } from "../../../../ml/units.ts";

export interface Operation {
  readonly name: string;
  /** Does it and returns what it answers. */
  run(pool: ExactPool): unknown;
}

export interface Play {
  readonly random: () => number;
  readonly tickSpacing: number;
  /** Where positions begin and end: at most so many spacings from the price. */
  readonly reach: number;
  /** Bits of the largest liquidity. */
  readonly liquidityBits: number;
}

const OWNERS: readonly Address[] = [
  "0x00000000000000000000000000000000000000a1",
  "0x1111111111111111111111111111111111111111",
  "0xffffffffffffffffffffffffffffffffffffffff",
];

/** A whole number of a random size up to 2^bits. */
export function randomBits(random: () => number, bits: number): bigint {
  const size = Math.floor(random() * bits) + 1;
  let value = 1n;
  for (let i = 1; i < size; i++) value = (value << 1n) | (random() < 0.5 ? 1n : 0n);
  return value;
}

/** Answers of an operation; a revert is its reason, with the operation. */
export function answer(pool: ExactPool, operation: Operation): unknown {
  try {
    return operation.run(pool) ?? "done";
  } catch (error) {
    if (!(error instanceof PoolRevertError)) throw error;
    return `reverts ${error.reason}`;
  }
}

/** The next operation, chosen with the pool as it is. */
export function nextOperation(pool: ExactPool, play: Play, time: { now: number }): Operation {
  const { random, tickSpacing, reach, liquidityBits } = play;
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const clampTick = (tick: number) => {
    const lowest = Math.ceil(MIN_TICK / tickSpacing) * tickSpacing;
    return Math.min(Math.max(tick, lowest), -lowest);
  };
  const randomTick = () => {
    if (random() < 0.02) return pick([MIN_TICK, MAX_TICK, MIN_TICK - 1, MAX_TICK + 1, 7]);
    const near = Math.round(pool.tick / tickSpacing + (random() - 0.5) * 2 * reach) * tickSpacing;
    return clampTick(random() < 0.05 ? pick([-MAX_TICK, MAX_TICK]) : near);
  };
  const key = (): PositionKey => {
    const [a, b] = [randomTick(), randomTick()];
    const owner = pick(OWNERS);
    if (random() < 0.02) return { owner, tickLower: a, tickUpper: b };
    return { owner, tickLower: Math.min(a, b), tickUpper: Math.max(a, b) };
  };
  const held = (): PositionKey => pick(pool.state().positions.length > 0 ? pool.state().positions : [key()]);

  const kind = random();
  if (random() < 0.5) time.now += random() < 0.01 ? Math.floor(random() * 2 ** 31) : Math.floor(random() * 100);
  const { now } = time;
  if (kind < 0.6) {
    const zeroForOne = random() < 0.5;
    const size = randomBits(random, random() < 0.05 ? 255 : pick([liquidityBits, liquidityBits, 12, 100]));
    const widest = zeroForOne ? 4295128740n : 1461446703485210103287273052203988822378723970341n;
    const limitTick = pool.tick + Math.round((zeroForOne ? -1 : 1) * random() * tickSpacing * reach);
    const near = sqrtPriceAtTick(Math.min(Math.max(limitTick, MIN_TICK + 1), MAX_TICK - 1));
    const limits = [widest, near, near, near + randomBits(random, 30), widest + (zeroForOne ? -1n : 1n)];
    const order = {
      zeroForOne,
      amountSpecified: random() < 0.01 ? 0n : random() < 0.6 ? size : -size,
      sqrtPriceLimitX96: limits[Math.floor(random() ** 2 * limits.length)] ?? near,
    };
    return { name: `${now} swap ${JSON.stringify(order, text)}`, run: (pool) => timed(pool, now).swap(order) };
  }
  if (kind < 0.75) {
    const where = pure(random() < 0.3 ? held() : key());
    const liquidity = randomBits(random, random() < 0.02 ? 130 : liquidityBits);
    return {
      name: `${now} mint ${JSON.stringify(where)} ${liquidity}`,
      run: (pool) => timed(pool, now).mint(where, liquidity),
    };
  }
  if (kind < 0.87) {
    const where = pure(random() < 0.9 ? held() : key());
    const all = pool.position(where).liquidity;
    const liquidity = pick([all, 0n, all / 3n, all + 1n, all, randomBits(random, liquidityBits)]);
    return {
      name: `${now} burn ${JSON.stringify(where)} ${liquidity}`,
      run: (pool) => timed(pool, now).burn(where, liquidity),
    };
  }
  if (kind < 0.92) {
    const where = pure(held());
    const [a, b] = [randomBits(random, 140), randomBits(random, 140)];
    return { name: `${now} collect ${a} ${b}`, run: (pool) => timed(pool, now).collect(where, a, b) };
  }
  if (kind < 0.94) {
    const [a, b] = [randomBits(random, random() < 0.1 ? 256 : 90), randomBits(random, 90)];
    return { name: `${now} flash ${a} ${b}`, run: (pool) => timed(pool, now).flash(a, b) };
  }
  if (kind < 0.95) {
    const [a, b] = [pick([0, 4, 5, 10, 3]), pick([0, 4, 7, 10, 11])];
    return { name: `setFeeProtocol ${a} ${b}`, run: (pool) => pool.setFeeProtocol(a, b) };
  }
  if (kind < 0.96) {
    const [a, b] = [randomBits(random, 130), randomBits(random, 130)];
    return { name: `collectProtocol ${a} ${b}`, run: (pool) => pool.collectProtocol(a, b) };
  }
  if (kind < 0.97) {
    const next = Math.floor(random() * 40);
    return { name: `grow ${next}`, run: (pool) => pool.increaseObservationCardinalityNext(next) };
  }
  if (kind < 0.98) {
    const agos = [0, Math.floor(random() * 300), Math.floor(random() * 3000)];
    return { name: `${now} observe ${agos}`, run: (pool) => timed(pool, now).observe(agos) };
  }
  const where = pure(random() < 0.8 ? held() : key());
  if (kind < 0.99) {
    return {
      name: `${now} inside ${JSON.stringify(where)}`,
      run: (pool) => timed(pool, now).snapshotCumulativesInside(where.tickLower, where.tickUpper),
    };
  }
  return { name: `fees ${JSON.stringify(where)}`, run: (pool) => pool.uncollectedFees(where) };
}

const text = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);
const pure = ({ owner, tickLower, tickUpper }: PositionKey): PositionKey => ({ owner, tickLower, tickUpper });

function timed(pool: ExactPool, now: number): ExactPool {
  pool.setTime(now);
  return pool;
}
