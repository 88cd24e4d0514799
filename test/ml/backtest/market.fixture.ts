import { placeboMarket } from "../../../ml/backtest/checks/placeboMarket.ts";
import { createEventMarket } from "../../../ml/backtest/events/eventMarket.ts";
import type { CostSettings, Policy, PolicyAction, PolicyContext, RunSettings } from "../../../ml/backtest/types.ts";

/** Two days of synthetic swaps in a pool with even liquidity over all prices: whatever happens has a closed form. */
export const data = placeboMarket({ seed: 11, days: 2, feePips: 3000, sigmaPerDay: 0.08 });
export const market = createEventMarket({ data, dataSha256: "" });

export const FREE: CostSettings = {
  gasPerMove: 0,
  gasPerPosition: 0,
  gasGwei: 0,
  gasScale: 1,
  gasTokenPrice: 1,
  mevBps: 0,
  feeHaircutBps: 0,
};

const { fromSeconds, toSeconds } = market.description;

export const settings: RunSettings = {
  capital: 10_000,
  numeraire: 1,
  decisionSeconds: 3600,
  latencyBlocks: 1,
  costs: FREE,
  seed: 0,
  fromSeconds,
  toSeconds,
};

/** A policy from one function. */
export const policyOf = (act: (context: PolicyContext, turn: number) => PolicyAction) => (): Policy => {
  let turn = 0;
  return {
    id: "test",
    label: "test",
    family: "test",
    clairvoyant: false,
    decide: (context) => ({ action: act(context, turn++), decision: null }),
  };
};

export const hold: PolicyAction = { kind: "hold", reason: "holds" };

/** Puts everything into one range at the first decision and leaves it. */
export const once = (range: { lowerTick: number; upperTick: number }, weight = 1) =>
  policyOf((_, turn) =>
    turn === 0 ? { kind: "move", reason: "opens", ranges: [{ ...range, weight }], swap: "to-ratio" } : hold,
  );

const { tickSpacing } = market.description.pool;
const widest = Math.floor(887_272 / tickSpacing) * tickSpacing;
export const FULL = { lowerTick: -widest, upperTick: widest };
