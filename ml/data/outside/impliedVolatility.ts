import { HOUR_SECONDS, type OutsideFile, positive } from "./outsideFile.ts";

/** Deribit's index of Ethereum's implied volatility over 30 days, per cent a year: an hour's value is known at its end. */
export const IMPLIED_VOLATILITY_FILE: OutsideFile<"implied_vol"> = {
  file: "eth_dvol_and_uniswap_iv_hourly_2024-03_2024-08",
  licence: "none",
  required: ["timestamp", "dvol_eth"],
  at: (row) => row.integer("timestamp") + HOUR_SECONDS,
  columns: {
    implied_vol: {
      lagSeconds: 0,
      maxAgeSeconds: 3 * HOUR_SECONDS,
      value: (row) => positive(row, "dvol_eth"),
    },
  },
};
