import { InvalidInputError } from "../errors.ts";
import { fullRangeSeries } from "./fullRangeSeries.ts";
import type { BacktestMarket } from "./market.ts";
import { type PlayedRun, playRun } from "./play.ts";
import { policyInput } from "./policyInput.ts";
import { checkSettings } from "./settings.ts";
import type { Policy, PolicyFactory, RunResult, RunSettings } from "./types.ts";

export interface RunBacktestParameters {
  readonly market: BacktestMarket;
  readonly policy: PolicyFactory;
  readonly settings: RunSettings;
  /** Called now and then with the part that is done, 0..1. */
  readonly onProgress?: (done: number) => void;
}

/** A policy that is no clairvoyant looked at the future. */
export class LookAheadError extends InvalidInputError {
  override name = "LookAheadError";
}

/** A run by itself, without the alternatives that a report holds it against. */
export type PolicyRun = PlayedRun & { readonly policy: Policy };

/**
 * Runs one policy through one market. The vault starts with its whole capital in the asset; every decision sees what was
 * known at its time and acts at least one block later; what is open at the end is marked, not sold.
 */
export async function runPolicy({ market, policy, settings, onProgress }: RunBacktestParameters): Promise<PolicyRun> {
  checkSettings(settings, market);
  const made = await makePolicy(market, policy, settings);
  // A bound is of what anybody could have done, not of what this vault lets its worker do.
  const held = made.clairvoyant ? { ...settings, limits: null } : settings;
  const run = await playRun({ market, policy: made, settings: held, ...(onProgress ? { onProgress } : {}) });
  return { ...run, policy: made };
}

/** The same with the full range beside it, as reports tell it. */
export async function runBacktest(parameters: RunBacktestParameters): Promise<RunResult> {
  const { market, settings } = parameters;
  const run = await runPolicy(parameters);
  const fullRange = await fullRangeSeries(market, settings);
  const { id, label, family, clairvoyant } = run.policy;
  return {
    policy: { id, label, family, clairvoyant },
    market: market.description,
    settings,
    waterfall: run.waterfall,
    points: run.points.map((point, i) => ({ ...point, fullRange: fullRange[i] ?? Number.NaN })),
    moves: run.moves,
    decisions: run.decisions,
    journal: run.journal,
    arbitrage: run.arbitrage,
    warnings: warningsOf(run),
  };
}

async function makePolicy(market: BacktestMarket, factory: PolicyFactory, settings: RunSettings): Promise<Policy> {
  let looked = false;
  const policy = await factory(
    policyInput(market, settings, () => {
      looked = true;
    }),
  );
  if (looked && !policy.clairvoyant) {
    throw new LookAheadError(`policy ${policy.id} read input.future, but only a clairvoyant policy may`);
  }
  return policy;
}

function warningsOf({ arbitrage }: PlayedRun): string[] {
  if (arbitrage.swaps === 0) return [];
  return [`an arbitrageur swapped ${arbitrage.swaps} times to keep the pool's price near the recorded one`];
}
