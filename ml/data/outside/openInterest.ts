import { DAY_SECONDS, endOfDate, numberWithin, type OutsideFile, positive } from "./outsideFile.ts";

/**
 * Bitcoin futures that were open at the end of a day on all exchanges, in dollars, and their mean funding rate. Whoever
 * adds the exchanges up tells neither when nor how late, so a whole day more is left for it.
 */
export const OPEN_INTEREST_FILE: OutsideFile<"open_interest" | "funding_all"> = {
  file: "btc_open_interest_all_exchanges_daily_2019_2024",
  licence: "none",
  required: ["date", "open_interest_usd", "funding_rate_all_exchanges"],
  at: endOfDate,
  columns: {
    open_interest: {
      lagSeconds: DAY_SECONDS,
      maxAgeSeconds: 3 * DAY_SECONDS,
      value: (row) => positive(row, "open_interest_usd"),
    },
    funding_all: {
      lagSeconds: DAY_SECONDS,
      maxAgeSeconds: 2 * DAY_SECONDS,
      value: (row) => numberWithin(row, "funding_rate_all_exchanges", -1, 1),
    },
  },
};
