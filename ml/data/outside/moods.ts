import { DAY_SECONDS, endOfDate, numberWithin, type OutsideFile, positive } from "./outsideFile.ts";

/**
 * What people fear, by day: the crypto fear and greed index, and of America the volatility that share options imply and
 * the dollar against other currencies. Each is out by the end of its UTC day: the index in the morning, the others with
 * the close of the session at 21:00 or 22:00. Sessions leave out weekends and holidays.
 */
export const MOODS_FILE: OutsideFile<"fear_greed" | "vix" | "dxy"> = {
  file: "daily_fear_greed_vix_dxy_btc_2015_2026",
  licence: "permissive",
  required: ["date", "fear_greed", "vix", "dxy"],
  at: endOfDate,
  columns: {
    fear_greed: {
      lagSeconds: 0,
      maxAgeSeconds: 3 * DAY_SECONDS,
      value: (row) => numberWithin(row, "fear_greed", 0, 100),
    },
    vix: { lagSeconds: 0, maxAgeSeconds: 5 * DAY_SECONDS, value: (row) => positive(row, "vix") },
    dxy: { lagSeconds: 0, maxAgeSeconds: 5 * DAY_SECONDS, value: (row) => positive(row, "dxy") },
  },
};
