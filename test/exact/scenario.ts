import type { PoolState } from "../../ml/data/state.ts";
import { sqrtPriceAtTick, tickAtSqrtPrice } from "../../ml/sim/exact/tickMath.ts";
import { MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK } from "../../ml/units.ts";
import type { Draw } from "./draw.ts";

/** The pool of one chunk of operations, and the ticks that its positions use. */
export interface Scenario {
  readonly feePips: number;
  readonly tickSpacing: number;
  /** Written into the pool's storage beforehand; null = the pool begins uninitialised. */
  readonly start: PoolState | null;
  /** Where an uninitialised pool is initialised. */
  readonly sqrtPriceX96: bigint;
  /** On the spacing, ascending: all that may ever be initialised. */
  readonly ticks: readonly number[];
  readonly startTime: number;
  /** Size of a usual mint. */
  readonly liquidityBits: number;
  /** Relative weights of swaps, changes of liquidity, and everything else. */
  readonly weights: readonly [swap: number, liquidity: number, rest: number];
  /** Chance that an operation comes in the block of the one before. */
  readonly sameBlock: number;
}

const TIERS = [
  [100, 1],
  [500, 10],
  [3000, 60],
  [10_000, 200],
] as const;
/** Beyond what anybody uses: no fee, nearly all fee, the widest spacing. */
const ODD_TIERS = [
  [0, 60],
  [999_999, 50],
  [2500, 16_383],
] as const;

const NOBODY = "0x0000000000000000000000000000000000000000";

export function drawScenario(draw: Draw): Omit<Scenario, "sameBlock"> {
  const [feePips, tickSpacing] = draw.chance(0.08) ? draw.pick(ODD_TIERS) : draw.pick(TIERS);
  const sqrtPriceX96 = drawPrice(draw);
  const centre = tickAtSqrtPrice(sqrtPriceX96);
  const startTime = drawStartTime(draw);
  return {
    feePips,
    tickSpacing,
    start: draw.chance(0.6) ? preparedState(draw, { feePips, tickSpacing, sqrtPriceX96, startTime }) : null,
    sqrtPriceX96,
    ticks: drawTicks(draw, centre, tickSpacing),
    startTime,
    liquidityBits: draw.pick([1, 8, 24, 48, 64, 64, 72, 80, 96, 112]),
    weights: draw.pick([
      [70, 20, 10],
      [70, 20, 10],
      [40, 50, 10],
      [50, 20, 30],
      [95, 4, 1],
    ]),
  };
}

function drawPrice(draw: Draw): bigint {
  const kind = draw.unit();
  if (kind < 0.4) return sqrtPriceAtTick(draw.integer(-50_000, 50_000)) + draw.bits(20);
  if (kind < 0.5) return sqrtPriceAtTick(draw.integer(-3, 3));
  if (kind < 0.8) return sqrtPriceAtTick(draw.integer(-600_000, 600_000));
  if (kind < 0.9) return MIN_SQRT_PRICE_X96 + draw.anySize(60);
  return MAX_SQRT_PRICE_X96 - 1n - draw.anySize(150);
}

function drawStartTime(draw: Draw): number {
  const kind = draw.unit();
  if (kind < 0.5) return draw.integer(1_620_000_000, 1_900_000_000);
  // Unix seconds no longer fit in 32 bits from here on.
  if (kind < 0.8) return 2 ** 32 - draw.integer(1, 20_000);
  return kind < 0.9 ? draw.integer(1, 1000) : 2 ** 32 * draw.integer(1, 3) + draw.integer(0, 10_000);
}

/** Around the price, at edges of bitmap words, next to each other, and at both ends of the range. */
function drawTicks(draw: Draw, centre: number, tickSpacing: number): number[] {
  const lowest = Math.ceil(MIN_TICK / tickSpacing);
  const highest = Math.floor(MAX_TICK / tickSpacing);
  const middle = Math.min(Math.max(Math.round(centre / tickSpacing), lowest), highest);
  const chosen = new Set<number>([middle, middle + 1]);
  // Far ticks of a small spacing cost the real pool thousands of steps per swap.
  const reach = draw.pick([8, 40, 300, 1500]);
  for (let i = draw.integer(4, 24); i > 0; i--) {
    chosen.add(middle + draw.pick([-1, 1]) * Math.floor(reach ** draw.unit()));
  }
  const word = middle >> 8;
  for (const edge of [word - 1, word, word + 1, word + 2]) {
    for (const offset of [-1, 0, 1]) if (draw.chance(0.4)) chosen.add(256 * edge + offset);
  }
  if (draw.chance(0.5)) chosen.add(lowest).add(highest);
  if (draw.chance(0.2)) chosen.add(lowest + 1).add(highest - 1);
  return [...chosen]
    .filter((compressed) => compressed >= lowest && compressed <= highest)
    .map((compressed) => compressed * tickSpacing + 0)
    .sort((a, b) => a - b);
}

/** A pool whose counters are about to wrap round, where only a long life would bring them. */
function preparedState(
  draw: Draw,
  pool: { feePips: number; tickSpacing: number; sqrtPriceX96: bigint; startTime: number },
): PoolState {
  const nearly = (bits: bigint, distance: number) => (1n << bits) - 1n - draw.anySize(distance);
  const growth = () => draw.pick([0n, draw.bits(256), nearly(256n, 140), nearly(256n, 100)]);
  const part = () => draw.pick([0, 0, 4, 5, 6, 7, 8, 9, 10]);
  const tick = tickAtSqrtPrice(pool.sqrtPriceX96);
  // Right on a tick's price that was crossed downwards the pool reports the tick below.
  const onTick = sqrtPriceAtTick(tick) === pool.sqrtPriceX96 && tick > MIN_TICK && draw.chance(0.5);
  const cardinality = draw.pick([1, 1, 2, 5]);
  const age = draw.integer(0, 3000);
  return {
    address: NOBODY,
    block: 0,
    token0: NOBODY,
    token1: NOBODY,
    feePips: pool.feePips,
    tickSpacing: pool.tickSpacing,
    maxLiquidityPerTick: null,
    feeGrowthGlobal0X128: growth(),
    feeGrowthGlobal1X128: growth(),
    protocolFees0: draw.pick([0n, draw.bits(100), nearly(128n, 40)]),
    protocolFees1: draw.pick([0n, draw.bits(100), nearly(128n, 80)]),
    liquidity: 0n,
    sqrtPriceX96: pool.sqrtPriceX96,
    tick: onTick ? tick - 1 : tick,
    observationIndex: cardinality - 1,
    observationCardinality: cardinality,
    observationCardinalityNext: cardinality + draw.pick([0, 0, 1, 7]),
    feeProtocol: part() + (part() << 4),
    balance0: 0n,
    balance1: 0n,
    ticks: [],
    positions: [],
    observations: Array.from({ length: cardinality }, (_, i) => ({
      blockTimestamp: (pool.startTime - age + i) >>> 0,
      tickCumulative: draw.pick([0n, (1n << 55n) - 1n - draw.anySize(30), -(1n << 55n) + draw.anySize(30)]),
      secondsPerLiquidityCumulativeX128: draw.pick([0n, draw.bits(160), nearly(160n, 100)]),
      initialized: true,
    })),
    notes: [],
  };
}
