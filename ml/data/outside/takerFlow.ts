import { numberWithin, type OutsideFile } from "./outsideFile.ts";

const MINUTE_SECONDS = 60;

/** What takers bought of ether futures each minute, and all that was traded: no feature, but a part of regimes. */
export const TAKER_FLOW_FILE: OutsideFile<"bought" | "traded"> = {
  file: "binance_um_ethusdt_1m_2021-01_2021-09",
  licence: "none",
  required: ["open_time", "taker_buy_volume_eth", "volume_eth"],
  at: (row) => row.integer("open_time") + MINUTE_SECONDS,
  columns: {
    bought: {
      lagSeconds: 0,
      maxAgeSeconds: MINUTE_SECONDS,
      value: (row) => numberWithin(row, "taker_buy_volume_eth", 0, 1e12),
    },
    traded: {
      lagSeconds: 0,
      maxAgeSeconds: MINUTE_SECONDS,
      value: (row) => numberWithin(row, "volume_eth", 0, 1e12),
    },
  },
};
