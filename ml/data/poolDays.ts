import { type CsvRow, parseCsv } from "./csv.ts";
import { readText } from "./file.ts";

/** A day of a pool: what its whole liquidity earned, as a fraction of the value locked, and how far the price moved. */
export interface PoolDay {
  readonly pool: string;
  /** Unix seconds, end of the day. */
  readonly at: number;
  /** Volume × fee tier / value locked. */
  readonly feeYield: number;
  /** ln(high / low)² / (4 ln 2): Parkinson's variance of the day. */
  readonly variance: number;
}

const DAY = 86_400;

/** Reads daily pool aggregates (prices, value locked, volume). */
export const readPoolDays = (path: string): PoolDay[] => parsePoolDays(readText(path), path);

/** Parses daily pool aggregates; days without volume or value locked, and the first rows without prices, are left out. */
export function parsePoolDays(text: string, file: string): PoolDay[] {
  const { rows } = parseCsv(text, file, ["date_unix", "pool_name", "high", "low", "tvl_usd", "volume_usd"]);
  return rows.flatMap((row) => {
    const pool = row.text("pool_name");
    const [high, low] = [row.number("high"), row.number("low")];
    const [locked, volume] = [row.number("tvl_usd"), row.number("volume_usd")];
    if (locked < 0) row.fail("tvl_usd", "it must not be negative");
    if (volume < 0) row.fail("volume_usd", "it must not be negative");
    const tier = feeOf(row, pool);
    if (!(low > 0) || !(high >= low) || locked === 0 || volume === 0) return [];
    const at = row.integer("date_unix") + DAY;
    return [{ pool, at, feeYield: (volume * tier) / locked, variance: Math.log(high / low) ** 2 / (4 * Math.LN2) }];
  });
}

/** The fee tier at the end of a pool's name, such as "WETH/USDT 0.05%". */
function feeOf(row: CsvRow, pool: string): number {
  const percent = Number(/ ([0-9.]+)%$/.exec(pool)?.[1]);
  if (!(percent > 0 && percent < 100)) return row.fail("pool_name", 'it must end in a fee tier, as in "A/B 0.3%"');
  return percent / 100;
}
