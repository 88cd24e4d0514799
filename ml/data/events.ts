import type { Address } from "../types.ts";
import {
  LN_TICK,
  MAX_SQRT_PRICE_X96,
  MAX_TICK,
  MIN_SQRT_PRICE_X96,
  MIN_TICK,
  sqrtPriceX96ToLnPrice,
} from "../units.ts";
import { type CsvRow, parseCsv } from "./csv.ts";
import { formatError, readText } from "./file.ts";

/** What every event tells. */
export interface EventBase {
  readonly block: number;
  /** Unix seconds of the block. */
  readonly timestamp: number;
  /** Order inside the block: log index, or the file's own sequence number. */
  readonly order: number;
  /** Lower case; null where the file leaves it empty. */
  readonly sender: Address | null;
  /** Owner of the position; for a swap its recipient. Lower case. */
  readonly owner: Address | null;
  /** Raw token units. Swap: pool's view, positive = paid into the pool. Mint, burn and collect: never negative. */
  readonly amount0: bigint;
  readonly amount1: bigint;
  readonly gasPriceWei: bigint | null;
  readonly gasUsed: bigint | null;
}

/** Price, in-range liquidity and tick are those after the swap. */
export interface PoolSwap extends EventBase {
  readonly type: "SWAP";
  readonly sqrtPriceX96: bigint;
  readonly liquidity: bigint;
  readonly tick: number;
  readonly tickLower: null;
  readonly tickUpper: null;
  readonly liquidityDelta: null;
}

/** Some files repeat the pool's price, liquidity and tick on these rows; others leave them empty (null). */
interface LiquidityEvent extends EventBase {
  readonly sqrtPriceX96: bigint | null;
  readonly liquidity: bigint | null;
  readonly tick: number | null;
  readonly tickLower: number;
  readonly tickUpper: number;
}

export interface PoolMint extends LiquidityEvent {
  readonly type: "MINT";
  /** Liquidity added, >= 0. */
  readonly liquidityDelta: bigint;
}

export interface PoolBurn extends LiquidityEvent {
  readonly type: "BURN";
  /** Liquidity added, so <= 0; 0 = a poke that only credits fees. */
  readonly liquidityDelta: bigint;
}

export interface PoolCollect extends LiquidityEvent {
  readonly type: "COLLECT";
  readonly liquidityDelta: null;
}

/** One event of a pool as recorded in an event file. */
export type PoolEvent = PoolSwap | PoolMint | PoolBurn | PoolCollect;

const REQUIRED = [
  "block_number",
  "timestamp",
  "type",
  "amount0",
  "amount1",
  "sqrt_price_x96",
  "liquidity",
  "tick",
  "tick_lower",
  "tick_upper",
  "liquidity_delta",
] as const;

/** Reads a pool event file (CSV, plain or gzip) in its recorded order. */
export const readEvents = (path: string): PoolEvent[] => parseEvents(readText(path), path);

/** Parses the text of a pool event file; raises `DataFormatError` at the first row that breaks a rule. */
export function parseEvents(text: string, file: string): PoolEvent[] {
  const { columns, rows } = parseCsv(text, file, REQUIRED);
  const orderColumn = columns.includes("log_index") ? "log_index" : columns.includes("seq") ? "seq" : null;
  if (orderColumn === null) {
    const rule = "it must name log_index or seq, which order the events of a block";
    throw formatError({ file, line: 1, field: "header", value: columns.join(","), rule });
  }
  const events: PoolEvent[] = [];
  let last: PoolEvent | null = null;
  for (const row of rows) {
    const event = parseEvent(row, orderColumn);
    if (last !== null) checkOrder(row, last, event, orderColumn);
    events.push(event);
    last = event;
  }
  if (events.length === 0) {
    throw formatError({ file, line: null, field: "events", value: 0, rule: "an event file must hold at least one" });
  }
  return events;
}

/** One row of an event file; raises `DataFormatError` where it breaks a rule of its own. */
export function parseEvent(row: CsvRow, orderColumn: string): PoolEvent {
  const base: EventBase = {
    block: unsigned(row, "block_number"),
    timestamp: unsigned(row, "timestamp"),
    order: unsigned(row, orderColumn),
    sender: address(row, "sender"),
    owner: address(row, row.text("recipient_or_owner") === "" ? "owner" : "recipient_or_owner"),
    amount0: row.bigint("amount0"),
    amount1: row.bigint("amount1"),
    gasPriceWei: row.text("gas_price_wei") === "" ? null : row.bigint("gas_price_wei"),
    gasUsed: row.text("gas_used") === "" ? null : row.bigint("gas_used"),
  };
  const type = row.text("type");
  if (type === "SWAP") return swap(row, base);
  if (type !== "MINT" && type !== "BURN" && type !== "COLLECT") {
    return row.fail("type", "it must be SWAP, MINT, BURN or COLLECT");
  }
  if (base.amount0 < 0n) row.fail("amount0", `it must not be negative on a ${type}`);
  if (base.amount1 < 0n) row.fail("amount1", `it must not be negative on a ${type}`);
  const tickLower = tickOf(row, "tick_lower");
  const tickUpper = tickOf(row, "tick_upper");
  if (tickLower >= tickUpper) row.fail("tick_lower", `it must be below tick_upper ${tickUpper}`);
  const price = row.text("sqrt_price_x96") === "" ? null : sqrtPrice(row);
  const common = {
    ...base,
    sqrtPriceX96: price,
    liquidity: row.text("liquidity") === "" ? null : liquidity(row),
    tick: row.text("tick") === "" ? null : tickOf(row, "tick"),
    tickLower,
    tickUpper,
  };
  if (type === "COLLECT") return { ...common, type, liquidityDelta: null };
  const liquidityDelta = row.bigint("liquidity_delta");
  if (type === "MINT" && liquidityDelta < 0n) row.fail("liquidity_delta", "it must not be negative on a MINT");
  if (type === "BURN" && liquidityDelta > 0n) row.fail("liquidity_delta", "it must not be positive on a BURN");
  return { ...common, type, liquidityDelta };
}

function swap(row: CsvRow, base: EventBase): PoolSwap {
  const { amount0, amount1 } = base;
  if ((amount0 > 0n && amount1 > 0n) || (amount0 < 0n && amount1 < 0n)) {
    row.fail("amount1", `on a SWAP it must not have the sign of amount0 ${amount0}`);
  }
  const sqrtPriceX96 = sqrtPrice(row);
  const tick = tickOf(row, "tick");
  // After crossing a tick downwards the pool reports the tick below while the price is still on it: one tick of slack.
  const exactTick = sqrtPriceX96ToLnPrice(sqrtPriceX96, 1) / LN_TICK;
  if (exactTick < tick - 0.001 || exactTick > tick + 1.001) {
    row.fail("tick", `it must be the tick of sqrt_price_x96, about ${Math.floor(exactTick)}`);
  }
  return {
    ...base,
    type: "SWAP",
    sqrtPriceX96,
    liquidity: liquidity(row),
    tick,
    tickLower: null,
    tickUpper: null,
    liquidityDelta: null,
  };
}

function checkOrder(row: CsvRow, last: PoolEvent, event: PoolEvent, orderColumn: string): void {
  if (event.block < last.block)
    row.fail("block_number", `events must be in order, and the row before has ${last.block}`);
  if (event.timestamp < last.timestamp) {
    row.fail("timestamp", `events must be in order, and the row before has ${last.timestamp}`);
  }
  if (event.block !== last.block) return;
  if (event.timestamp !== last.timestamp) {
    row.fail("timestamp", `one block has one time, and block ${event.block} had ${last.timestamp}`);
  }
  if (event.order <= last.order) {
    row.fail(orderColumn, `events of a block must be in order, and the row before has ${last.order}`);
  }
}

function unsigned(row: CsvRow, column: string): number {
  const value = row.integer(column);
  return value < 0 ? row.fail(column, "it must not be negative") : value;
}

function address(row: CsvRow, column: string): Address | null {
  const value = row.text(column).toLowerCase();
  if (value === "") return null;
  return /^0x[0-9a-f]{40}$/.test(value) ? (value as Address) : row.fail(column, "it must be an address");
}

function tickOf(row: CsvRow, column: string): number {
  const value = row.integer(column);
  return value < MIN_TICK || value > MAX_TICK
    ? row.fail(column, `it must be a tick from ${MIN_TICK} to ${MAX_TICK}`)
    : value;
}

function sqrtPrice(row: CsvRow): bigint {
  const value = row.bigint("sqrt_price_x96");
  return value < MIN_SQRT_PRICE_X96 || value >= MAX_SQRT_PRICE_X96
    ? row.fail("sqrt_price_x96", "it must be a v3 sqrt price")
    : value;
}

function liquidity(row: CsvRow): bigint {
  const value = row.bigint("liquidity");
  return value < 0n || value >= 1n << 128n ? row.fail("liquidity", "it must be an unsigned 128-bit number") : value;
}
