import type { Numeraire, SwapEvent } from "../types.ts";
import { sqrtPriceX96ToLnPrice } from "../units.ts";

const COLUMNS = ["timestamp", "block", "price", "value", "signedValue", "feeYield", "liquidity"] as const;

/**
 * Swaps as bars read them, one row each and every one converted once: after a swap its ln price and in-range liquidity,
 * what it was worth in the asset, with a sign for the side it was on, and what it paid per full-range position of unit
 * value.
 */
export interface Readings {
  readonly columns: Readonly<Record<(typeof COLUMNS)[number], Float64Array>>;
  /** Rows in use. */
  readonly length: number;
}

export interface ReadingsBuilder extends Readings {
  push(swap: SwapEvent): void;
  /** Forgets the first rows. */
  drop(rows: number): void;
  /** Forgets all rows from this one on. */
  truncate(row: number): void;
}

/** The same readings without the first rows; valid until they change. */
export const readingsFrom = ({ columns, length }: Readings, row: number): Readings => ({
  columns: Object.fromEntries(
    COLUMNS.map((name) => [name, columns[name].subarray(row, length)]),
  ) as unknown as Readings["columns"],
  length: length - row,
});

/** Value in the asset of a full-range position with this liquidity at a price: 2 L sqrt(P), raw units. */
export const fullRangeValue = (liquidity: number, lnPrice: number): number => 2 * liquidity * Math.exp(lnPrice / 2);

/** Readings that grow; `fee` is a ratio. */
export function createReadings(numeraire: Numeraire, fee: number, capacity = 1024): ReadingsBuilder {
  let room = Math.max(1, capacity);
  let columns = Object.fromEntries(COLUMNS.map((name) => [name, new Float64Array(room)])) as Readings["columns"];
  let length = 0;
  function grow(): void {
    room *= 2;
    columns = Object.fromEntries(
      COLUMNS.map((name) => {
        const wider = new Float64Array(room);
        wider.set(columns[name]);
        return [name, wider];
      }),
    ) as Readings["columns"];
  }
  return {
    get columns() {
      return columns;
    },
    get length() {
      return length;
    },
    push({ timestamp, block, sqrtPriceX96, amount0, amount1, liquidity }) {
      if (length === room) grow();
      const price = sqrtPriceX96ToLnPrice(sqrtPriceX96, numeraire);
      const assetIn = numeraire === 0 ? amount0 : amount1;
      const otherIn = numeraire === 0 ? amount1 : amount0;
      // Who pays the asset in buys the other token.
      const value = assetIn > 0n ? Number(assetIn) : Number(otherIn) * Math.exp(price);
      const depth = Number(liquidity);
      columns.timestamp[length] = timestamp;
      columns.block[length] = block;
      columns.price[length] = price;
      columns.value[length] = value;
      columns.signedValue[length] = assetIn > 0n ? value : -value;
      columns.feeYield[length] = depth > 0 ? (fee * value) / fullRangeValue(depth, price) : 0;
      columns.liquidity[length] = depth;
      length++;
    },
    drop(rows) {
      for (const name of COLUMNS) columns[name].copyWithin(0, rows, length);
      length -= rows;
    },
    truncate(row) {
      length = Math.min(length, row);
    },
  };
}

/** How many rows are not after a moment, of which the first `from` are known not to be. */
export function rowsUntil({ columns, length }: Readings, atSeconds: number, from: number): number {
  const { timestamp } = columns;
  let [low, step] = [from, 64];
  while (low + step < length && (timestamp[low + step] as number) <= atSeconds) {
    low += step;
    step *= 2;
  }
  let high = Math.min(length, low + step);
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timestamp[middle] as number) <= atSeconds) low = middle + 1;
    else high = middle;
  }
  return low;
}
