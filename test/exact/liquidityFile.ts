import { parseCsv } from "../../ml/data/csv.ts";
import { readText } from "../../ml/data/file.ts";
import { LOWEST_LIMIT_X96, UNLIMITED } from "../../ml/sim/exact/orders.ts";
import { amount0Between, amount1Between } from "../../ml/sim/exact/sqrtPrice.ts";
import { sqrtPriceAtTick } from "../../ml/sim/exact/tickMath.ts";
import type { Amounts, ExactPool } from "../../ml/sim/exact/types.ts";
import { type Chunk, type CreatePool, playChunk } from "./chunk.ts";
import { type Operation, positionKeyOf } from "./operation.ts";

/** A mint or burn of a file that tells neither owners nor prices. */
interface LiquidityRow extends Amounts {
  readonly time: number;
  readonly tickLower: number;
  readonly tickUpper: number;
  readonly delta: bigint;
}

export interface LiquidityReport {
  readonly file: string;
  readonly events: number;
  /** Mints and burns whose two recorded amounts some one price explains, and that the engine then reproduces. */
  readonly exact: number;
  /** Swaps put in between to bring the price there. */
  readonly moves: number;
  /** Ticks that the file ever uses, and those whose gross and net liquidity equal its direct sums. */
  readonly ticks: number;
  readonly ticksEqual: number;
  readonly initialisedTicks: number;
  readonly inRangeEqual: boolean;
}

const FEE_PIPS = 3000;
const TICK_SPACING = 60;

/** Plays a file of mints and burns in the engine; the chunk holds it for the real pool to repeat. */
export function playLiquidityFile(path: string, createPool: CreatePool): { report: LiquidityReport; chunk: Chunk } {
  const rows = readRows(path);
  const ticks = [...new Set(rows.flatMap(({ tickLower, tickUpper }) => [tickLower, tickUpper]))].sort((a, b) => a - b);
  const setting = { feePips: FEE_PIPS, tickSpacing: TICK_SPACING, start: null, ticks };
  const { operations, exact, moves, pool } = scout(rows, createPool(setting));
  const sums = directSums(rows);
  const ticksEqual = ticks.filter((tick) => {
    const state = pool.tickState(tick);
    const sum = sums.get(tick);
    return state.liquidityGross === sum?.gross && state.liquidityNet === sum.net;
  }).length;
  const inRange = ticks.reduce((sum, tick) => (tick <= pool.tick ? sum + (sums.get(tick)?.net ?? 0n) : sum), 0n);
  const unique = new Map(operations.filter(isChange).map((o) => [`${o.tickLower} ${o.tickUpper}`, o]));
  let next = 0;
  const chunk = playChunk(createPool(setting), setting, operations.length, {
    next: () => operations[next++] as Operation,
    positions: () => [...unique.values()],
  });
  const report: LiquidityReport = {
    file: path,
    events: rows.length,
    exact,
    moves,
    ticks: ticks.length,
    ticksEqual,
    initialisedTicks: ticks.filter((tick) => pool.tickState(tick).initialized).length,
    inRangeEqual: inRange === pool.liquidity,
  };
  return { report, chunk };
}

const isChange = ({ kind }: Operation): boolean => kind === "mint" || kind === "burn";

function readRows(path: string): LiquidityRow[] {
  const columns = ["timestamp", "amount0", "amount1", "tick_lower", "tick_upper", "liquidity_delta"] as const;
  return parseCsv(readText(path), path, columns).rows.map((row) => ({
    time: row.integer("timestamp"),
    amount0: row.bigint("amount0"),
    amount1: row.bigint("amount1"),
    tickLower: row.integer("tick_lower"),
    tickUpper: row.integer("tick_upper"),
    delta: row.bigint("liquidity_delta"),
  }));
}

/** Finds the operations: each event, and before it a swap to a price that explains its amounts where that is needed. */
function scout(rows: readonly LiquidityRow[], pool: ExactPool) {
  const operations: Operation[] = [];
  let [exact, moves] = [0, 0];
  for (const row of rows) {
    const { time, tickLower, tickUpper, delta } = row;
    const blank = { time, owner: 0, zeroForOne: false, tickLower: 0, tickUpper: 0, a: 0n, b: 0n };
    pool.setTime(time);
    const price = priceOf(row, pool);
    if (pool.sqrtPriceX96 === 0n) {
      const first = price ?? sqrtPriceAtTick(tickLower);
      operations.push({ ...blank, kind: "initialize", a: first });
      pool.initialize(first);
    } else if (price !== null && price !== pool.sqrtPriceX96) {
      const order = {
        zeroForOne: price < pool.sqrtPriceX96,
        amountSpecified: UNLIMITED,
        sqrtPriceLimitX96: price,
      };
      operations.push({ ...blank, kind: "swap", zeroForOne: order.zeroForOne, a: UNLIMITED, b: price });
      pool.swap(order);
      moves++;
    }
    const change: Operation = { ...blank, kind: delta > 0n ? "mint" : "burn", tickLower, tickUpper, a: size(delta) };
    const key = positionKeyOf(change);
    // A poke may be of a position that held nothing any more: the file does not tell owners apart.
    if (delta === 0n && pool.position(key).liquidity === 0n) continue;
    operations.push(change);
    const amounts = delta > 0n ? pool.mint(key, delta) : pool.burn(key, -delta);
    if (amounts.amount0 === row.amount0 && amounts.amount1 === row.amount1) exact++;
  }
  return { operations, exact, moves, pool };
}

const size = (value: bigint): bigint => (value < 0n ? -value : value);

function expected(pool: ExactPool, row: LiquidityRow): Amounts {
  return amountsAt(row, pool.sqrtPriceX96, pool.tick < row.tickLower, pool.tick >= row.tickUpper);
}

function amountsAt({ tickLower, tickUpper, delta }: LiquidityRow, price: bigint, below: boolean, above: boolean) {
  const [lower, upper] = [sqrtPriceAtTick(tickLower), sqrtPriceAtTick(tickUpper)];
  const liquidity = size(delta);
  const up = delta > 0n;
  const from = below ? lower : price;
  const to = above ? upper : price;
  return {
    amount0: above ? 0n : amount0Between(from, upper, liquidity, up),
    amount1: below ? 0n : amount1Between(lower, to, liquidity, up),
  };
}

/** A price at which the pool would ask for or owe the recorded amounts; null = where it is will do, or nothing does. */
function priceOf(row: LiquidityRow, pool: ExactPool): bigint | null {
  const { tickLower, tickUpper, delta, amount0, amount1 } = row;
  if (delta === 0n) return null;
  if (pool.sqrtPriceX96 !== 0n) {
    const now = expected(pool, row);
    if (now.amount0 === amount0 && now.amount1 === amount1) return null;
  }
  const [lower, upper] = [sqrtPriceAtTick(tickLower), sqrtPriceAtTick(tickUpper)];
  if (amount1 === 0n) return lower - 1n > LOWEST_LIMIT_X96 ? lower - 1n : null;
  if (amount0 === 0n) return upper;
  // amount1 grows with the price and amount0 falls: the lowest price from which on neither is on the wrong side.
  const at = (price: bigint) => amountsAt(row, price, false, false);
  const from1 = lowestPrice(lower, upper, (price) => at(price).amount1 >= amount1);
  const from0 = lowestPrice(lower, upper, (price) => at(price).amount0 <= amount0);
  // The lower end itself would be below the range.
  return [from0, from1].reduce((highest, price) => (price > highest ? price : highest), lower + 1n);
}

/** The lowest price between two at which a condition begins to hold. */
function lowestPrice(lower: bigint, upper: bigint, holds: (price: bigint) => boolean): bigint {
  let [low, high] = [lower, upper];
  while (low < high) {
    const middle = (low + high) >> 1n;
    if (holds(middle)) high = middle;
    else low = middle + 1n;
  }
  return low;
}

function directSums(rows: readonly LiquidityRow[]): Map<number, { gross: bigint; net: bigint }> {
  const sums = new Map<number, { gross: bigint; net: bigint }>();
  const add = (tick: number, gross: bigint, net: bigint) => {
    const held = sums.get(tick) ?? { gross: 0n, net: 0n };
    sums.set(tick, { gross: held.gross + gross, net: held.net + net });
  };
  for (const { tickLower, tickUpper, delta } of rows) {
    add(tickLower, delta, delta);
    add(tickUpper, delta, -delta);
  }
  return sums;
}
