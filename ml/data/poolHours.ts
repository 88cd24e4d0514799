import type { Bar, Numeraire } from "../types.ts";
import { pipsToRatio } from "../units.ts";
import { fillGaps, fullRangeValue } from "./bars.ts";
import { type CsvRow, parseCsv } from "./csv.ts";
import { readText } from "./file.ts";

const HOUR = 3600;
const Q128 = 2 ** 128;

export interface PoolHoursParameters {
  readonly numeraire: Numeraire;
  /** Null where the fee tier is not known: volumes are then NaN, fee yields still exact. */
  readonly feePips: number | null;
  readonly decimals0: number;
  readonly decimals1: number;
}

/** Reads hourly pool snapshots with fee growth as bars. */
export const readPoolHours = (path: string, parameters: PoolHoursParameters): Bar[] =>
  parsePoolHours(readText(path), path, parameters);

/** Parses hourly pool snapshots: prices are token0 per token1, decimal-adjusted; fee growth is read at the hour's end. */
export function parsePoolHours(text: string, file: string, parameters: PoolHoursParameters): Bar[] {
  const { columns, rows } = parseCsv(text, file, HOUR_COLUMNS);
  return fillGaps(rows.map(poolHourReader(columns, parameters)), HOUR);
}

/** The columns that pool hours need, besides liquidity and fee growth, which are exact or rounded. */
export const HOUR_COLUMNS = ["period_start", "high", "low", "close"] as const;

/** Turns the rows of a file of pool hours with these columns into bars, one after the other. */
export function poolHourReader(columns: readonly string[], parameters: PoolHoursParameters): (row: CsvRow) => Bar {
  const column = (exact: string, rounded: string): string => (columns.includes(exact) ? exact : rounded);
  const names = {
    liquidity: column("liquidity", "liquidity_float"),
    growth0: column("fee_growth_global0_x128", "fee_growth_global0_x128_float"),
    growth1: column("fee_growth_global1_x128", "fee_growth_global1_x128_float"),
  };
  let last: { bar: Bar; growth0: number; growth1: number } | null = null;
  return (row) => {
    const startSeconds = row.integer("period_start");
    if (last !== null && startSeconds < last.bar.endSeconds) row.fail("period_start", "hours must be in order");
    const growth0 = row.number(names.growth0);
    const growth1 = row.number(names.growth1);
    if (last !== null && growth0 < last.growth0) row.fail(names.growth0, "fee growth must not fall");
    if (last !== null && growth1 < last.growth1) row.fail(names.growth1, "fee growth must not fall");
    const before = last !== null && last.bar.endSeconds === startSeconds ? last : null;
    const fees0 = before === null ? Number.NaN : (growth0 - before.growth0) / Q128;
    const fees1 = before === null ? Number.NaN : (growth1 - before.growth1) / Q128;
    const bar = hour(row, row.number(names.liquidity), { fees0, fees1 }, before?.bar.close ?? null, parameters);
    last = { bar, growth0, growth1 };
    return bar;
  };
}

function hour(
  row: CsvRow,
  liquidity: number,
  fees: { fees0: number; fees1: number },
  lastClose: number | null,
  { numeraire, feePips, decimals0, decimals1 }: PoolHoursParameters,
): Bar {
  const startSeconds = row.integer("period_start");
  const price = (name: string): number => {
    const value = row.number(name);
    if (value <= 0) row.fail(name, "a price must be positive");
    const lnToken1PerToken0 = -Math.log(value) + (decimals1 - decimals0) * Math.LN10;
    return numeraire === 1 ? lnToken1PerToken0 : -lnToken1PerToken0;
  };
  const close = price("close");
  const [a, b] = [price("high"), price("low")];
  const open = lastClose ?? Number.NaN;
  const from = lastClose ?? close;
  // Fee growth is per unit of liquidity; each token's fees were paid by those who put that token in.
  const assetFees = numeraire === 0 ? fees.fees0 : fees.fees1;
  const otherFees = (numeraire === 0 ? fees.fees1 : fees.fees0) * Math.exp(close);
  const perFee = feePips === null ? Number.NaN : liquidity / pipsToRatio(feePips);
  return {
    startSeconds,
    endSeconds: startSeconds + HOUR,
    open,
    high: Math.max(a, b, close),
    low: Math.min(a, b, close),
    close,
    realisedVariance: lastClose === null ? Number.NaN : (close - from) ** 2,
    volume: (assetFees + otherFees) * perFee,
    signedVolume: (assetFees - otherFees) * perFee,
    feeYield: (assetFees + otherFees) / fullRangeValue(1, close),
    liquidity,
    swaps: Number.NaN,
  };
}
