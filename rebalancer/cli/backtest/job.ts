import { readGasSeries } from "../../../ml/backtest/gasSeries.ts";
import type { BacktestMarket } from "../../../ml/backtest/market.ts";
import { modelPolicy } from "../../../ml/backtest/modelPolicy.ts";
import { policies } from "../../../ml/backtest/policies/index.ts";
import { openMarket } from "../../../ml/backtest/resolve.ts";
import { runBacktest } from "../../../ml/backtest/run.ts";
import type { PolicyFactory, RunResult, RunSettings } from "../../../ml/backtest/types.ts";
import { type Choice, walkForwardPolicy } from "../../../ml/backtest/walkForward.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import type { Setup } from "./setup.ts";

/** What every job of a command shares; plain data, so that worker threads can be told it. */
export interface Workplace {
  readonly dataFolder: string;
  readonly market: string;
  readonly atSeconds?: number;
  readonly feePips?: number;
  readonly gasSeries?: string;
  readonly setup: Pick<Setup, "bounds" | "decision" | "models">;
}

export type PolicySpec =
  | { readonly kind: "baseline"; readonly id: string }
  | { readonly kind: "models"; readonly set: string }
  | { readonly kind: "walk-forward"; readonly family: string; readonly choices: readonly Choice[] };

/** One run. */
export interface Job {
  readonly policy: PolicySpec;
  readonly settings: RunSettings;
}

export type JobRunner = (job: Job, onProgress: (done: number) => void) => Promise<RunResult>;

/** Opens the market of a workplace. */
export function openWorkplace(place: Workplace): BacktestMarket {
  const { dataFolder, market, atSeconds, feePips, gasSeries } = place;
  return openMarket({
    dataFolder,
    name: market,
    ...(atSeconds === undefined ? {} : { atSeconds }),
    ...(feePips === undefined ? {} : { feePips }),
    ...(gasSeries === undefined ? {} : { gasPriceWei: readGasSeries(gasSeries) }),
  });
}

/** Runs jobs in an open market; model sets are loaded once. */
export function createRunner(market: BacktestMarket, { setup }: Workplace): JobRunner {
  const sets = new Map<string, Promise<PolicyFactory>>();
  const factoryOf = async (spec: PolicySpec): Promise<PolicyFactory> => {
    if (spec.kind === "baseline") return policies[spec.id] as PolicyFactory;
    if (spec.kind === "walk-forward") return walkForwardPolicy(spec.family, spec.choices, policies);
    const loaded =
      sets.get(spec.set) ??
      loadModelSet(spec.set, setup.models).then((models) =>
        modelPolicy({ models, bounds: setup.bounds, settings: setup.decision }),
      );
    sets.set(spec.set, loaded);
    return loaded;
  };
  return async ({ policy, settings }, onProgress) =>
    runBacktest({ market, policy: await factoryOf(policy), settings, onProgress });
}
