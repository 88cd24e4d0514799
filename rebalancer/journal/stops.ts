import type { StopLevel, StopOrder, StopScope } from "../stops/killSwitch.ts";
import type { Database } from "./database.ts";

export const STOPS_SCHEMA = `
CREATE TABLE IF NOT EXISTS stops (
  chain_id INTEGER NOT NULL, scope TEXT NOT NULL, level INTEGER NOT NULL, reason TEXT NOT NULL, given_by TEXT NOT NULL,
  at_milliseconds INTEGER NOT NULL, PRIMARY KEY (chain_id, scope, at_milliseconds, level)
) STRICT;
`;

/** Orders of the kill switch. */
export interface StopStore {
  /** Inserts an order of the kill switch; the same order twice is one. */
  recordStop(chainId: number, order: StopOrder): void;
  /** All orders of a chain, oldest first. */
  stops(chainId: number): readonly StopOrder[];
}

/** The orders of an open journal. */
export function stopStore({ run, all }: Database): StopStore {
  const store: StopStore = {
    recordStop(chainId, { scope, level, reason, by, atMilliseconds }) {
      run("INSERT OR IGNORE INTO stops VALUES (?, ?, ?, ?, ?, ?)", chainId, scope, level, reason, by, atMilliseconds);
    },
    stops(chainId) {
      return all("SELECT * FROM stops WHERE chain_id = ? ORDER BY at_milliseconds, level", chainId).map((row) => ({
        scope: row.scope as StopScope,
        level: Number(row.level) as StopLevel,
        reason: String(row.reason),
        by: String(row.given_by),
        atMilliseconds: Number(row.at_milliseconds),
      }));
    },
  };
  return store;
}
