import { ceilToSpacing, floorToSpacing, MAX_TICK, MIN_TICK } from "../units.ts";
import type { BacktestMarket } from "./market.ts";
import { playRun } from "./play.ts";
import type { Policy, RunSettings } from "./types.ts";

const kept = new WeakMap<BacktestMarket, Map<string, Promise<readonly number[]>>>();

/**
 * Net asset value, point by point, of a position over all prices of equal value: a run of its own in the same market at
 * the same costs, made once per market and settings.
 */
export function fullRangeSeries(market: BacktestMarket, settings: RunSettings): Promise<readonly number[]> {
  const runs = kept.get(market) ?? new Map<string, Promise<readonly number[]>>();
  kept.set(market, runs);
  const own = { ...settings, seed: 0, limits: null };
  const key = JSON.stringify(own);
  const known = runs.get(key);
  if (known) return known;
  const made = playRun({ market, policy: fullRange(market), settings: own }).then(({ points }) =>
    points.map(({ nav }) => nav),
  );
  runs.set(key, made);
  return made;
}

function fullRange(market: BacktestMarket): Policy {
  const { tickSpacing } = market.description.pool;
  const range = { lowerTick: ceilToSpacing(MIN_TICK, tickSpacing), upperTick: floorToSpacing(MAX_TICK, tickSpacing) };
  return {
    id: "full-range-benchmark",
    label: "full range",
    family: "benchmark",
    clairvoyant: false,
    decide: ({ state }) => ({
      action:
        state.positions.length > 0
          ? { kind: "hold", reason: "keeps its range" }
          : { kind: "move", reason: "opens its range", ranges: [{ ...range, weight: 1 }], swap: "to-ratio" },
      decision: null,
    }),
  };
}
