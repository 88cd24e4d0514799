import type { CsvRow } from "../csv.ts";
import { HOUR_SECONDS, numberWithin, type OutsideColumn, type OutsideFile } from "./outsideFile.ts";

/** Assets whose perpetual futures are on record. */
export type FundedAsset = "eth" | "btc";

/** What longs paid shorts on Binance for eight hours, at the moment at which it was charged: known then to everybody. */
const rateOf = (asset: FundedAsset): OutsideColumn => ({
  lagSeconds: 0,
  // The next one is due after eight hours; an hour more for one that is late.
  maxAgeSeconds: 9 * HOUR_SECONDS,
  value: (row) =>
    row.text("exchange") === "binance" && assetOf(row) === asset
      ? numberWithin(row, "funding_rate", -1, 1)
      : Number.NaN,
});

const assetOf = (row: CsvRow): string =>
  row
    .text("symbol")
    .toLowerCase()
    .replace(/-?usdt$/, "");

const common = {
  required: ["timestamp", "exchange", "symbol", "funding_rate"],
  at: (row: CsvRow) => row.integer("timestamp"),
  columns: { eth: rateOf("eth"), btc: rateOf("btc") },
} as const;

/** Two records that overlap in 2023. */
export const FUNDING_FILES: readonly OutsideFile<FundedAsset>[] = [
  { ...common, file: "funding_rates_7ex_btc_eth_2020_2023", licence: "permissive" },
  { ...common, file: "funding_binance_eth_btc_2023_2026", licence: "mixed" },
];
