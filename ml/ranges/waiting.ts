import { normalDensity, normalDistribution } from "../risk/normal.ts";
import type { VolatilityPrediction } from "../types.ts";

/** Standard deviations to the upper decile of a normal. */
const UPPER_DECILE = 1.2815515655446004;
/** Times of waiting that are tried, between the next decision and this part of the horizon. */
const LONGEST_WAIT = 0.5;
const WAITS = 24;

/** How uncertain a forecast is: the standard deviation of the log of what it forecasts, from median to upper decile. */
export function logSpread({ q50, q90 }: Pick<VolatilityPrediction, "q50" | "q90">): number {
  return q50 > 0 && q90 > q50 ? Math.log(q90 / q50) / UPPER_DECILE : 0;
}

/**
 * Edge over staying, in standard deviations by which the edge may change over a horizon, from which moving now is worth
 * more than keeping the right to decide later. Waiting a part w of the horizon gives up that part of the edge, and ends
 * without a move where the edge has gone: worth (1 − w) E[max(edge + √w Z, 0)]. The best time to wait counts, none before
 * the next decision. It is the edge of the region of inaction of an impulse control problem with one move left.
 */
export function waitingThreshold(nextDecision: number): number {
  const first = Math.min(LONGEST_WAIT, Math.max(1e-3, nextDecision));
  let most = 0;
  for (let i = 0; i <= WAITS; i++) {
    const part = first * (LONGEST_WAIT / first) ** (i / WAITS);
    most = Math.max(most, indifference(part) * Math.sqrt(part));
  }
  return most;
}

/** Solves z = (1 − w)(z Φ(z) + φ(z)): at this many deviations the move now and the right to move after w are alike. */
function indifference(part: number): number {
  let [low, high] = [0, 10];
  for (let i = 0; i < 50; i++) {
    const z = (low + high) / 2;
    const later = (1 - part) * (z * normalDistribution(z) + normalDensity(z));
    if (later > z) low = z;
    else high = z;
  }
  return (low + high) / 2;
}
