import type { BacktestMarket } from "./market.ts";
import type { PolicyInput, RunSettings } from "./types.ts";

/** What a policy is made from; `onFuture` is told when it reads the future. */
export function policyInput(market: BacktestMarket, settings: RunSettings, onFuture?: () => void): PolicyInput {
  const { numeraire, capital, decisionSeconds, costs, fromSeconds } = settings;
  const toSeconds = Math.min(settings.toSeconds, market.description.toSeconds);
  return {
    pool: market.description.pool,
    numeraire,
    capital,
    decisionSeconds,
    costs,
    get outside() {
      return market.outside;
    },
    get future() {
      onFuture?.();
      return market.recordedBars({ fromSeconds, toSeconds, numeraire });
    },
  };
}
