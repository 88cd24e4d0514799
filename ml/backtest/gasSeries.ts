import { parseCsv } from "../data/csv.ts";
import { formatError, readText } from "../data/file.ts";
import type { GasSeries } from "./events/eventMarket.ts";

/** Column of time → column of price and what it takes to make wei of it. */
const COLUMNS = [
  { time: "timestamp", price: "gas_price_gwei", wei: 1e9 },
  { time: "timestamp", price: "base_fee_gwei", wei: 1e9 },
  { time: "date_unix", price: "avg_gas_price_wei", wei: 1 },
] as const;

/** Reads a file of gas prices: per minute or block in gwei, or per day in wei. Each price holds until the next. */
export const readGasSeries = (path: string): GasSeries => parseGasSeries(readText(path), path);

export function parseGasSeries(text: string, file: string): GasSeries {
  const { columns, rows } = parseCsv(text, file, []);
  const found = COLUMNS.find(({ time, price }) => columns.includes(time) && columns.includes(price));
  if (found === undefined) {
    const rule = `it must name one of ${COLUMNS.map(({ time, price }) => `${time} and ${price}`).join("; ")}`;
    throw formatError({ file, line: 1, field: "header", value: columns.join(","), rule });
  }
  const times: number[] = [];
  const prices: number[] = [];
  for (const row of rows) {
    const time = row.integer(found.time);
    const price = row.number(found.price) * found.wei;
    if (time <= (times.at(-1) ?? Number.NEGATIVE_INFINITY)) row.fail(found.time, "times must rise");
    if (price < 0) row.fail(found.price, "a gas price must not be negative");
    times.push(time);
    prices.push(price);
  }
  return (atSeconds) => {
    let [low, high] = [0, times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((times[middle] as number) > atSeconds) high = middle;
      else low = middle + 1;
    }
    return low === 0 ? null : (prices[low - 1] as number);
  };
}
