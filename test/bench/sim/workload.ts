/** The pool and the orders on which engines are timed: fee 0.3 %, spacing 60, 200 initialised ticks, 80 % exact input. */
import { seededRandom } from "../../../ml/random.ts";
import { createReferencePool } from "../../../ml/sim/exact/reference.ts";
import type { ExactPool, PositionKey, SwapOrder } from "../../../ml/sim/exact/types.ts";

export const FEE_PIPS = 3000;
export const TICK_SPACING = 60;
export const START_PRICE_X96 = 1n << 96n;
export const LOWEST_LIMIT_X96 = 4295128740n;
export const HIGHEST_LIMIT_X96 = 1461446703485210103287273052203988822378723970341n;

export interface Minted extends PositionKey {
  readonly liquidity: bigint;
}

/** Nested ranges round the price, so that twice as many ticks are initialised. */
export const positions = (count: number): Minted[] =>
  Array.from({ length: count }, (_, i) => ({
    owner: "0x1234567890abcdef1234567890abcdef12345678",
    tickLower: -TICK_SPACING * (i + 1),
    tickUpper: TICK_SPACING * (i + 1),
    liquidity: BigInt(51 + i) * 10n ** 18n,
  }));

type CreatePool = (shape: { feePips: number; tickSpacing: number }) => ExactPool;

/** A pool with so many nested positions. */
export function workloadPool<Create extends CreatePool>(create: Create, count = 100): ReturnType<Create> {
  const pool = create({ feePips: FEE_PIPS, tickSpacing: TICK_SPACING });
  pool.setTime(1_700_000_000);
  pool.initialize(START_PRICE_X96);
  for (const position of positions(count)) pool.mint(position, position.liquidity);
  return pool as ReturnType<Create>;
}

export interface Workload {
  readonly orders: readonly SwapOrder[];
  /** Share of swaps that end beyond an initialised tick. */
  readonly crossing: number;
}

/** Orders that pull the price back to the middle, as the readable engine plays them. */
export function workload(count: number, seed: number): Workload {
  const random = seededRandom(seed);
  const pool = workloadPool(createReferencePool);
  const stretch = () => Math.floor(pool.tick / TICK_SPACING);
  let crossing = 0;
  const orders = Array.from({ length: count }, () => {
    const zeroForOne = random() < 0.5 + pool.tick / 6000;
    const size = BigInt(Math.floor(1e9 * (0.02 + random() * 5.2))) * 10n ** 9n;
    const order = {
      zeroForOne,
      amountSpecified: random() < 0.8 ? size : -size,
      sqrtPriceLimitX96: zeroForOne ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96,
    };
    const before = stretch();
    pool.swap(order);
    if (stretch() !== before) crossing++;
    return order;
  });
  return { orders, crossing: crossing / count };
}
