import { InvalidInputError } from "../errors.ts";
import type { BacktestMarket } from "./market.ts";
import type { RunSettings } from "./types.ts";

/** Refuses settings that no run can have; each message names the setting, its value and the rule. */
export function checkSettings(
  settings: RunSettings,
  { description: market, stepSeconds }: Pick<BacktestMarket, "description" | "stepSeconds">,
): void {
  const { capital, decisionSeconds, latencyBlocks, costs, fromSeconds, toSeconds, markSeconds = 0 } = settings;
  const rule = (ok: boolean, name: string, value: unknown, must: string) => {
    if (!ok) throw new InvalidInputError(`${name} is ${value}, but it must be ${must}`, { details: { [name]: value } });
  };
  rule(Number.isFinite(capital) && capital > 0, "capital", capital, "above 0");
  rule(Number.isInteger(latencyBlocks) && latencyBlocks >= 1, "latencyBlocks", latencyBlocks, "a whole number from 1");
  rule(Number.isInteger(decisionSeconds) && decisionSeconds >= 1, "decisionSeconds", decisionSeconds, "at least 1");
  rule(Number.isInteger(markSeconds) && markSeconds >= 0, "markSeconds", markSeconds, "whole seconds, or 0");
  rule(Number.isInteger(fromSeconds), "fromSeconds", fromSeconds, "whole unix seconds");
  rule(Number.isInteger(toSeconds), "toSeconds", toSeconds, "whole unix seconds");
  rule(fromSeconds < toSeconds, "fromSeconds", fromSeconds, `before toSeconds ${toSeconds}`);
  rule(
    fromSeconds >= market.fromSeconds && fromSeconds < market.toSeconds,
    "fromSeconds",
    fromSeconds,
    `inside the market's data, from ${market.fromSeconds} to ${market.toSeconds}`,
  );
  // What happens inside a bar is not known: nothing is decided or marked there.
  const bars = (seconds: number): boolean => stepSeconds === 0 || seconds % stepSeconds === 0;
  rule(bars(decisionSeconds), "decisionSeconds", decisionSeconds, `whole bars of ${stepSeconds} s`);
  rule(
    bars(fromSeconds - market.fromSeconds),
    "fromSeconds",
    fromSeconds,
    `at the start of a bar of ${stepSeconds} s: whole bars from ${market.fromSeconds} on`,
  );
  for (const name of ["gasPerMove", "gasPerPosition", "gasScale"] as const) {
    rule(Number.isFinite(costs[name]) && costs[name] >= 0, `costs.${name}`, costs[name], "0 or more");
  }
  for (const name of ["mevBps", "feeHaircutBps"] as const) {
    rule(costs[name] >= 0 && costs[name] <= 10_000, `costs.${name}`, costs[name], "from 0 to 10,000");
  }
  const { gasGwei, gasTokenPrice } = costs;
  rule(gasGwei === "recorded" || (Number.isFinite(gasGwei) && gasGwei >= 0), "costs.gasGwei", gasGwei, "0 or more");
  rule(gasTokenPrice === null || gasTokenPrice > 0, "costs.gasTokenPrice", gasTokenPrice, "above 0");
}
