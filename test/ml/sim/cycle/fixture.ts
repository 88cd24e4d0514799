import type { CycleParameters } from "../../../../ml/sim/cycle/parameters.ts";

/** A market with everything in it, in round numbers. */
export const lively: CycleParameters = {
  version: "market-cycle@1",
  market: "made for tests",
  feePips: 3000,
  tickSpacing: 60,
  volatility: {
    regimes: [
      { sigmaPerDay: 0.02, logSd: 0.3 },
      { sigmaPerDay: 0.04, logSd: 0.1 },
      { sigmaPerDay: 0.08, logSd: 0.25 },
    ],
    transition: [
      [0.7, 0.25, 0.05],
      [0.35, 0.5, 0.15],
      [0.1, 0.35, 0.55],
    ],
  },
  jumps: { perDay: 0.5, logSd: 0.02 },
  flashCrashes: {
    perDay: 0.02,
    leastLog: 0.05,
    meanExcessLog: 0.03,
    reboundShare: 0.6,
    reboundHours: 4,
    liquidityShare: 0.4,
  },
  crunches: { perDay: 0.05, liquidityShare: 0.6, recoveryHours: 12 },
  noise: {
    turnoverPerDay: 0.03,
    elasticity: 0.4,
    referenceVariancePerDay: 0.0009,
    hourlyVariation: 0.9,
    towardShare: 0.8,
    imbalance: 0.3,
  },
  arbitrage: { marginBps: 20 },
  depth: { fullRangeValue: 2e7 },
  provenance: { files: [], how: {}, residuals: [] },
};

/** One regime, no events: what comes out must be what went in. */
export const plain: CycleParameters = {
  ...lively,
  volatility: { regimes: [{ sigmaPerDay: 0.04, logSd: 0 }], transition: [[1]] },
  jumps: { perDay: 0, logSd: 0 },
  flashCrashes: { ...lively.flashCrashes, perDay: 0 },
  crunches: { ...lively.crunches, perDay: 0 },
};

export const mean = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0;
  return sum / values.length;
};
