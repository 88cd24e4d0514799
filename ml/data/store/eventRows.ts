import { amount0Between, amount1Between, sqrtPriceAfterInput } from "../../sim/exact/sqrtPrice.ts";
import type { Address } from "../../types.ts";
import type { PoolEvent } from "../events.ts";
import type { Cell, Column } from "./columns.ts";
import type { StoredEvent } from "./eventTypes.ts";

/**
 * Columns of a dataset of events. Those marked "difference" hold what the pool's own arithmetic does not foretell: a
 * swap that ends at the liquidity it began with leaves nothing of price, amount paid out and liquidity to be stored.
 */
export const EVENT_COLUMNS: readonly Column[] = [
  { name: "block", type: "int", unit: "block" },
  { name: "timestamp", type: "int", unit: "unix seconds" },
  { name: "order", type: "int", unit: "difference inside the block" },
  { name: "type", type: "text", unit: "" },
  { name: "sender", type: "text", unit: "address" },
  { name: "owner", type: "text", unit: "address" },
  { name: "amount_in", type: "bigint", unit: "token units" },
  { name: "amount_out", type: "bigint", unit: "token units, difference" },
  { name: "zero_for_one", type: "int", unit: "1 = yes" },
  { name: "sqrt_price_x96", type: "bigint", unit: "Q64.96, difference" },
  { name: "liquidity", type: "bigint", unit: "pool units, difference" },
  { name: "tick", type: "int", unit: "tick" },
  { name: "tick_lower", type: "int", unit: "tick" },
  { name: "tick_upper", type: "int", unit: "tick" },
  { name: "liquidity_delta", type: "bigint", unit: "pool units" },
  { name: "extra0", type: "bigint", unit: "paid0 of FLASH, feeProtocol0" },
  { name: "extra1", type: "bigint", unit: "paid1 of FLASH, feeProtocol1" },
  { name: "gas_price_wei", type: "bigint", unit: "wei" },
  { name: "gas_used", type: "bigint", unit: "gas" },
];

const MILLION = 1_000_000n;

/** What is known of the pool inside a chunk; a chunk begins knowing nothing, so that it can be read alone. */
interface Foresight {
  block: number;
  order: number;
  sqrtPriceX96: bigint;
  liquidity: bigint;
  tick: number | null;
}

const nothingKnown = (): Foresight => ({ block: -1, order: 0, sqrtPriceX96: 0n, liquidity: 0n, tick: null });

function foretellPrice(known: Foresight, amountIn: bigint, zeroForOne: boolean, feePips: bigint): bigint {
  const { sqrtPriceX96, liquidity } = known;
  if (liquidity === 0n || sqrtPriceX96 === 0n) return sqrtPriceX96;
  try {
    return sqrtPriceAfterInput(sqrtPriceX96, liquidity, (amountIn * (MILLION - feePips)) / MILLION, zeroForOne);
  } catch {
    return sqrtPriceX96;
  }
}

function foretellOutput(known: Foresight, nextX96: bigint, zeroForOne: boolean): bigint {
  const { sqrtPriceX96, liquidity } = known;
  if (liquidity === 0n || sqrtPriceX96 === 0n) return 0n;
  const [lower, upper] = zeroForOne ? [nextX96, sqrtPriceX96] : [sqrtPriceX96, nextX96];
  if (lower > upper || lower <= 0n) return 0n;
  return zeroForOne ? amount1Between(lower, upper, liquidity, false) : amount0Between(lower, upper, liquidity, false);
}

function follow(known: Foresight, event: StoredEvent): void {
  known.block = event.block;
  known.order = event.order;
  if (event.type === "SWAP") {
    known.sqrtPriceX96 = event.sqrtPriceX96;
    known.liquidity = event.liquidity;
    known.tick = event.tick;
  } else if (event.type === "INITIALIZE") {
    known.sqrtPriceX96 = event.sqrtPriceX96;
    known.tick = event.tick;
  } else if ((event.type === "MINT" || event.type === "BURN") && known.tick !== null) {
    if (event.tickLower <= known.tick && known.tick < event.tickUpper) known.liquidity += event.liquidityDelta;
  }
}

/** Turns events into rows of `EVENT_COLUMNS`; asked for one event after the other, anew for every chunk. */
export function createEventEncoder(feePips: number): (event: StoredEvent, chunkBegins: boolean) => Cell[] {
  const fee = BigInt(feePips);
  let known = nothingKnown();
  return (event, chunkBegins) => {
    if (chunkBegins) known = nothingKnown();
    const order = event.block === known.block ? event.order - known.order : event.order;
    const { type, amount0, amount1 } = event;
    let [amountIn, amountOut, zeroForOne]: [bigint, bigint, number | null] = [amount0, amount1, null];
    let [price, liquidity, tick]: [bigint | null, bigint | null, number | null] = [null, null, null];
    let [lower, upper, delta]: [number | null, number | null, bigint | null] = [null, null, null];
    let [extra0, extra1]: [bigint | null, bigint | null] = [null, null];
    if (type === "SWAP") {
      // Both zero, or only one of them: the token that is not paid out counts as the one paid in.
      const down = amount0 > 0n || (amount0 === 0n && amount1 < 0n);
      zeroForOne = down ? 1 : 0;
      amountIn = down ? amount0 : amount1;
      price = event.sqrtPriceX96 - foretellPrice(known, amountIn, down, fee);
      amountOut = (down ? amount1 : amount0) + foretellOutput(known, event.sqrtPriceX96, down);
      liquidity = event.liquidity - known.liquidity;
      tick = event.tick;
    } else if (type === "INITIALIZE") {
      price = event.sqrtPriceX96;
      tick = event.tick;
    } else if (type === "FLASH") [extra0, extra1] = [event.paid0, event.paid1];
    else if (type === "SET_FEE_PROTOCOL") [extra0, extra1] = [BigInt(event.feeProtocol0), BigInt(event.feeProtocol1)];
    else if (type !== "COLLECT_PROTOCOL") {
      price = event.sqrtPriceX96 === null ? null : event.sqrtPriceX96 - known.sqrtPriceX96;
      liquidity = event.liquidity === null ? null : event.liquidity - known.liquidity;
      tick = event.tick;
      [lower, upper, delta] = [event.tickLower, event.tickUpper, event.liquidityDelta];
    }
    follow(known, event);
    return [
      ...[event.block, event.timestamp, order, type, event.sender, event.owner, amountIn, amountOut, zeroForOne],
      ...[price, liquidity, tick, lower, upper, delta, extra0, extra1, event.gasPriceWei, event.gasUsed],
    ];
  };
}

/** The inverse: the events of one chunk's cells. Cells that cannot be an event raise a RangeError naming the row. */
export function decodeEvents(cells: readonly Cell[][], rows: number, feePips: number): StoredEvent[] {
  const fee = BigInt(feePips);
  const known = nothingKnown();
  const events: StoredEvent[] = new Array(rows);
  const [block, timestamp, order, type, sender, owner, amountIn, amountOut, zeroForOne, price, liquidity, tick] = cells;
  const [lower, upper, delta, extra0, extra1, gasPriceWei, gasUsed] = cells.slice(12);
  for (let i = 0; i < rows; i++) {
    const at = block?.[i] as number;
    const kind = type?.[i] as StoredEvent["type"];
    const sum = (column: Cell[] | undefined, to: bigint): bigint => (column?.[i] as bigint) + to;
    const base = {
      block: at,
      timestamp: timestamp?.[i] as number,
      order: (order?.[i] as number) + (at === known.block ? known.order : 0),
      sender: (sender?.[i] ?? null) as Address | null,
      owner: (owner?.[i] ?? null) as Address | null,
      amount0: amountIn?.[i] as bigint,
      amount1: amountOut?.[i] as bigint,
      gasPriceWei: (gasPriceWei?.[i] ?? null) as bigint | null,
      gasUsed: (gasUsed?.[i] ?? null) as bigint | null,
    };
    let event: StoredEvent;
    if (kind === "SWAP") {
      const down = zeroForOne?.[i] === 1;
      const paidIn = base.amount0;
      const sqrtPriceX96 = sum(price, foretellPrice(known, paidIn, down, fee));
      const paidOut = base.amount1 - foretellOutput(known, sqrtPriceX96, down);
      event = {
        ...base,
        amount0: down ? paidIn : paidOut,
        amount1: down ? paidOut : paidIn,
        type: "SWAP",
        sqrtPriceX96,
        liquidity: sum(liquidity, known.liquidity),
        tick: tick?.[i] as number,
        tickLower: null,
        tickUpper: null,
        liquidityDelta: null,
      };
    } else if (kind === "INITIALIZE") {
      event = { ...base, type: kind, sqrtPriceX96: price?.[i] as bigint, tick: tick?.[i] as number };
    } else if (kind === "FLASH") {
      event = { ...base, type: kind, paid0: extra0?.[i] as bigint, paid1: extra1?.[i] as bigint };
    } else if (kind === "SET_FEE_PROTOCOL") {
      event = { ...base, type: kind, feeProtocol0: Number(extra0?.[i]), feeProtocol1: Number(extra1?.[i]) };
    } else if (kind === "COLLECT_PROTOCOL") {
      event = { ...base, type: kind };
    } else if (kind === "MINT" || kind === "BURN" || kind === "COLLECT") {
      event = {
        ...base,
        type: kind,
        sqrtPriceX96: price?.[i] == null ? null : sum(price, known.sqrtPriceX96),
        liquidity: liquidity?.[i] == null ? null : sum(liquidity, known.liquidity),
        tick: (tick?.[i] ?? null) as number | null,
        tickLower: lower?.[i] as number,
        tickUpper: upper?.[i] as number,
        liquidityDelta: (delta?.[i] ?? null) as bigint | null,
      } as PoolEvent;
    } else throw new RangeError(`row ${i + 1} has the unknown type ${String(kind)}`);
    follow(known, event);
    events[i] = event;
  }
  return events;
}
