import type { Bounds, VolatilityPrediction } from "../types.ts";
import { toWad, WAD } from "../units.ts";

/** Standard deviations to the upper decile of a normal. */
const UPPER_DECILE = 1.28;

/** What a spread lets a move do; the strategy contract computes the same. */
export interface Confidence {
  readonly minWidthTicks: number;
  /** Part of each token that may be deployed. */
  readonly maxShareWad: bigint;
  /** Above the ceiling nothing but de-risking is accepted. */
  readonly deRiskOnly: boolean;
}

/** The declared spread: how far the price may move in a day when its variance turns out high, as a Wad. */
export const spreadOf = (dayAhead: VolatilityPrediction): bigint => toWad(Math.sqrt(dayAhead.q90) * UPPER_DECILE);

/** The spread that counts for a declared one: never less than what the chain measures. */
export function countedSpreadWad({ minSpreadWad }: Bounds, declaredSpreadWad: bigint): bigint {
  if (minSpreadWad === undefined || declaredSpreadWad >= minSpreadWad) return declaredSpreadWad;
  return minSpreadWad;
}

/** The more uncertain, the wider and the smaller. */
export function confidenceLimits(bounds: Bounds, declaredSpreadWad: bigint): Confidence {
  const spreadWad = countedSpreadWad(bounds, declaredSpreadWad);
  const floor = bounds.widthFloorBaseTicks + Number((BigInt(bounds.widthFloorPerSpreadTicks) * spreadWad) / WAD);
  return {
    minWidthTicks: Math.max(bounds.minWidthTicks, floor),
    maxShareWad: shareAt(bounds, spreadWad),
    deRiskOnly: spreadWad > bounds.spreadCeilingWad,
  };
}

function shareAt({ fullShareSpreadWad, spreadCeilingWad, minShareWad }: Bounds, spreadWad: bigint): bigint {
  if (spreadWad <= fullShareSpreadWad) return WAD;
  if (spreadWad >= spreadCeilingWad) return minShareWad;
  const fallen = ((WAD - minShareWad) * (spreadWad - fullShareSpreadWad)) / (spreadCeilingWad - fullShareSpreadWad);
  // The contract may round the other way: one unit in 1e12 is left to it.
  return WAD - fallen - 1_000_000n;
}
