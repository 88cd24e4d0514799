import type { CsvRow } from "../csv.ts";
import { DAY_SECONDS, numberWithin, type OutsideFile } from "./outsideFile.ts";

const GWEI = 1e9;

/** Of the first days of the chain, without a transaction, nothing is known. */
const orNothing = (value: number): number => (value === 0 ? Number.NaN : value);

/**
 * The mean gas price of a day of Ethereum, in gwei, and how full its blocks were. Anyone with a node can tell them once
 * the day is over.
 */
export const DAILY_GAS_FILE: OutsideFile<"base_fee" | "gas_used"> = {
  file: "ethereum_daily_gas_price_usage_2015_2026",
  licence: "permissive",
  required: ["date_unix", "avg_gas_price_wei", "gas_used", "gas_limit"],
  at: (row) => row.integer("date_unix") + DAY_SECONDS,
  columns: {
    base_fee: {
      lagSeconds: 0,
      maxAgeSeconds: 2 * DAY_SECONDS,
      value: (row) => orNothing(numberWithin(row, "avg_gas_price_wei", 0, 1e18) / GWEI),
    },
    gas_used: {
      lagSeconds: 0,
      maxAgeSeconds: 2 * DAY_SECONDS,
      value: (row: CsvRow) =>
        orNothing(numberWithin(row, "gas_used", 0, 1e18)) / orNothing(numberWithin(row, "gas_limit", 0, 1e12)),
    },
  },
};

/** The base fee of each block of Ethereum, in gwei: it stands in the block's own header. */
export const BLOCK_BASE_FEE_FILE: OutsideFile<"base_fee"> = {
  file: "ethereum_base_fee_per_block_2025-01-01_1h",
  licence: "none",
  required: ["timestamp", "base_fee_gwei"],
  at: (row) => row.integer("timestamp"),
  columns: {
    base_fee: {
      lagSeconds: 0,
      maxAgeSeconds: 3600,
      value: (row) => orNothing(numberWithin(row, "base_fee_gwei", 0, 1e9)),
    },
  },
};

/** Gas prices of Polygon, in gwei, by the minute. The file says nothing of its chain but by its name. */
export const POLYGON_GAS_FILE: OutsideFile<"base_fee"> = {
  file: "polygon_gas_price_minute_2023-08-14_17",
  licence: "permissive",
  required: ["timestamp", "gas_price_gwei"],
  at: (row) => row.integer("timestamp") + 60,
  columns: {
    base_fee: {
      lagSeconds: 0,
      maxAgeSeconds: 3600,
      value: (row) => orNothing(numberWithin(row, "gas_price_gwei", 0, 1e9)),
    },
  },
};
