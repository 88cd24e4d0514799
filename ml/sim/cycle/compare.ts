import { seededRandom } from "../../random.ts";
import type { Address } from "../../types.ts";
import { LN_TICK, MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, Q96 } from "../../units.ts";
import type { FreshPool } from "../exact/storage.ts";
import type { ExactPool } from "../exact/types.ts";
import { type Cycle, createCycle, navOf } from "./cycle.ts";
import type { CycleParameters } from "./parameters.ts";
import type { CycleSettings } from "./world.ts";

export interface CompareParameters {
  readonly parameters: CycleParameters;
  readonly settings: Partial<CycleSettings> & Pick<CycleSettings, "environments">;
  readonly steps: number;
  readonly seed: number;
  /**
   * Noise swaps in a step of the volume that the reference variance brings, of random sizes and in random order: orders
   * keep their size, so more volume is more of them.
   */
  readonly ordersPerStep: number;
  readonly makePool: (pool: FreshPool) => ExactPool;
  readonly progress?: (done: number, of: number) => void;
}

/** One environment at the end: the cycle's numbers beside those of the exact engine, in starting capitals. */
export interface Comparison {
  readonly fees: number;
  readonly exactFees: number;
  /** Fees, cash and position. */
  readonly value: number;
  readonly exactValue: number;
  readonly moves: number;
  /** Swaps that the exact pool carried out. */
  readonly swaps: number;
}

const OTHERS: Address = "0x00000000000000000000000000000000000000aa";
const OURS: Address = "0x00000000000000000000000000000000000000bb";
const MOST_ORDERS = 4096;
/** One starting capital, in units of either token: prices start at 1. */
const UNIT = 1e15;

/**
 * Plays environments of the cycle under its rule, and the same prices, volumes and moves in an exact pool: arbitrage to
 * the same price, noise as real orders, liquidity that others really take out, and a real position. Both are measured at
 * the price elsewhere; a fee is valued when it is earned.
 */
export function compareWithExact(wanted: CompareParameters): Comparison[] {
  const { parameters, settings, steps, seed } = wanted;
  const cycle = createCycle(parameters, { ...settings, horizonSteps: steps });
  cycle.reset(seed);
  const random = seededRandom(seed);
  const twins = Array.from({ length: cycle.environments }, () => exactTwin(cycle, wanted, random));
  for (let step = 0; step < steps; step++) {
    for (const [i, twin] of twins.entries()) twin.observe(i);
    cycle.runRule(1);
    for (const [i, twin] of twins.entries()) twin.step(i);
    wanted.progress?.(step + 1, steps);
  }
  return twins.map((twin, i) => ({
    fees: cycle.fields.fees[i] ?? Number.NaN,
    value: navOf(cycle.fields, i),
    moves: cycle.fields.moves[i] ?? 0,
    ...twin.result(i),
  }));
}

/** The exact pool that follows one environment. */
function exactTwin(cycle: Cycle, { parameters, ordersPerStep, makePool }: CompareParameters, random: () => number) {
  const { fields, world } = cycle;
  const of = (name: keyof typeof fields, i: number) => fields[name][i] ?? Number.NaN;
  const pool = makePool({ feePips: parameters.feePips, tickSpacing: parameters.tickSpacing });
  pool.setTime(1);
  pool.initialize(Q96);
  const fee = parameters.feePips / 1e6;
  const full = Math.floor(887272 / parameters.tickSpacing) * parameters.tickSpacing;
  const others = { owner: OTHERS, tickLower: -full, tickUpper: full };
  const normal = world.depth * UNIT;
  let provided = BigInt(Math.round(normal));
  pool.mint(others, provided);
  let own: { tickLower: number; tickUpper: number; liquidity: bigint } | null = null;
  /** Idle, in units. */
  let cash = { amount0: 0n, amount1: BigInt(UNIT) };
  let movesBefore = 0;
  let [fees, swaps] = [0, 0];
  let seen = { amount0: 0n, amount1: 0n };

  const root = () => Number(pool.sqrtPriceX96) / 2 ** 96;
  const toX96 = (price: number) => BigInt(Math.round(price * 2 ** 96));
  const key = () => ({ owner: OURS, tickLower: own?.tickLower ?? 0, tickUpper: own?.tickUpper ?? 0 });
  const swap = (zeroForOne: boolean, amount: number, limit?: bigint): void => {
    const amountSpecified = BigInt(Math.round(amount));
    if (amountSpecified <= 0n) return;
    pool.swap({
      zeroForOne,
      amountSpecified,
      sqrtPriceLimitX96: limit ?? (zeroForOne ? MIN_SQRT_PRICE_X96 + 1n : MAX_SQRT_PRICE_X96 - 1n),
    });
    swaps++;
  };
  const countFees = (ref: number): void => {
    if (own === null) return;
    const owed = pool.uncollectedFees(key());
    fees += (Number(owed.amount0 - seen.amount0) * ref ** 2 + Number(owed.amount1 - seen.amount1)) / UNIT;
    seen = owed;
  };

  /** Takes everything out, swaps to the ratio of the new range, pays gas and mints what both tokens allow. */
  function move(): void {
    if (own !== null) {
      pool.burn(key(), own.liquidity);
      const out = pool.collect(key(), (1n << 128n) - 1n, (1n << 128n) - 1n);
      cash = { amount0: cash.amount0 + out.amount0, amount1: cash.amount1 + out.amount1 };
      own = null;
    }
    const spacing = parameters.tickSpacing;
    const width = (2 * (world.widths[world.ruleWidth - 1] ?? 0)) / LN_TICK;
    const where = (2 * Math.log(root())) / LN_TICK;
    const onGrid = (tick: number) => Math.round(tick / spacing) * spacing;
    const [tickLower, tickUpper] = [onGrid(where - width), onGrid(where + width)];
    const [a, b] = [Math.exp((tickLower * LN_TICK) / 2), Math.exp((tickUpper * LN_TICK) / 2)];
    const liquidityOfOthers = Number(provided);
    const start = root();
    /** What is held once the swap has moved the root of the price by `change`, gas and the rest of the cost paid. */
    const after = (change: number) => {
      const end = start + change;
      const paid1 = change > 0 ? (liquidityOfOthers * change) / (1 - fee) : liquidityOfOthers * change;
      const paid0 = liquidityOfOthers * (1 / end - 1 / start) * (change > 0 ? 1 : 1 / (1 - fee));
      const lost = (world.gas + ((world.swapCost - fee) * Math.abs(paid1)) / UNIT) * UNIT;
      return { end, paid0, paid1, lost, has0: Number(cash.amount0) - paid0, has1: Number(cash.amount1) - paid1 - lost };
    };
    const tooMuch1 = ({ end, has0, has1 }: ReturnType<typeof after>) => has1 * (1 / end - 1 / b) > has0 * (end - a);
    let [low, high] = [(a - start) * 0.999, (b - start) * 0.999];
    for (let round = 0; round < 60; round++) {
      const middle = (low + high) / 2;
      if (tooMuch1(after(middle))) low = middle;
      else high = middle;
    }
    const { paid0, paid1, lost, end } = after(low);
    const outcome = pool.swap({
      zeroForOne: end < start,
      amountSpecified: BigInt(Math.round(end < start ? paid0 : paid1)),
      sqrtPriceLimitX96: end < start ? MIN_SQRT_PRICE_X96 + 1n : MAX_SQRT_PRICE_X96 - 1n,
    });
    swaps++;
    cash = {
      amount0: cash.amount0 - outcome.amount0,
      amount1: cash.amount1 - outcome.amount1 - BigInt(Math.round(lost)),
    };
    const now = root();
    const liquidity = Math.min(Number(cash.amount0) / (1 / now - 1 / b), Number(cash.amount1) / (now - a)) * (1 - 1e-9);
    own = { tickLower, tickUpper, liquidity: BigInt(Math.floor(liquidity)) };
    const paid = pool.mint(key(), own.liquidity);
    cash = { amount0: cash.amount0 - paid.amount0, amount1: cash.amount1 - paid.amount1 };
    seen = { amount0: 0n, amount1: 0n };
  }

  return {
    observe(i: number): void {
      movesBefore = of("moves", i);
    },
    step(i: number): void {
      const ref = of("ref", i);
      if (of("moves", i) > movesBefore) move();
      // Others take liquidity out and bring it back.
      const wanted = BigInt(Math.round(of("liquidity", i) * normal));
      if (wanted > provided) pool.mint(others, wanted - provided);
      else if (wanted < provided) {
        pool.burn(others, provided - wanted);
        pool.collect(others, (1n << 128n) - 1n, (1n << 128n) - 1n);
      }
      provided = wanted;
      // Arbitrage, by the rule of the cycle at the price that this pool has.
      const now = root();
      const target =
        now > ref * world.band ? ref * world.feeRoot : now < ref * world.bandInverse ? ref * world.feeRootInverse : now;
      if (target !== now) swap(target < now, UNIT * 1e6, toX96(target));
      // Noise: the step's volume, its net side as the cycle drew it, cut into orders.
      const volume = of("gross", i) * world.depth * ref * UNIT;
      const orders = Math.min(MOST_ORDERS, Math.round((ordersPerStep * of("gross", i)) / Math.exp(world.lnFlow)));
      const active = world.depth * of("liquidity", i) + (inRange(i) ? of("own", i) : 0);
      const net = (of("pool", i) - of("arbitrage", i)) * active * UNIT;
      for (const order of shuffled(cut(volume, net, orders, random), random)) {
        const gross = Math.abs(order) / (1 - fee);
        if (order > 0) swap(false, gross);
        else swap(true, gross / root() ** 2);
      }
      countFees(ref);
    },
    result(i: number) {
      const ref = of("ref", i);
      const price = ref ** 2;
      let [amount0, amount1] = [Number(cash.amount0), Number(cash.amount1)];
      if (own !== null) {
        pool.burn(key(), own.liquidity);
        const out = pool.collect(key(), (1n << 128n) - 1n, (1n << 128n) - 1n);
        amount0 += Number(out.amount0);
        amount1 += Number(out.amount1);
      }
      return { exactFees: fees, exactValue: (amount0 * price + amount1) / UNIT, swaps };
    },
  };

  function inRange(i: number): boolean {
    const at = of("arbitrage", i);
    return at >= of("lower", i) && at <= of("upper", i);
  }
}

/** Signed order sizes that sum to `net` and whose absolute values sum to `volume`: half of them on either side. */
function cut(volume: number, net: number, count: number, random: () => number): number[] {
  const gross = Math.max(volume, Math.abs(net));
  const perSide = Math.max(1, Math.floor(count / 2));
  return [(gross + net) / 2, -(gross - net) / 2].flatMap((total) => {
    const weights = Array.from({ length: perSide }, () => -Math.log(1 - random()));
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => (total * weight) / sum);
  });
}

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}

/** Mean and percentiles of the absolute differences: fees relative to the exact ones, value in starting capitals. */
export function errorsOf(comparisons: readonly Comparison[]) {
  const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
  const summary = (values: readonly number[]) => {
    const order = sorted(values.map(Math.abs));
    const at = (share: number) => order[Math.min(order.length - 1, Math.floor(share * order.length))] ?? Number.NaN;
    return {
      bias: values.reduce((a, b) => a + b, 0) / values.length,
      mean: order.reduce((a, b) => a + b, 0) / order.length,
      p50: at(0.5),
      p90: at(0.9),
      p99: at(0.99),
      worst: order.at(-1) ?? Number.NaN,
    };
  };
  return {
    fees: summary(comparisons.map(({ fees, exactFees }) => fees / exactFees - 1)),
    value: summary(comparisons.map(({ value, exactValue }) => value / exactValue - 1)),
  };
}
