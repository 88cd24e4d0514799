import { fileURLToPath } from "node:url";
import type { VaultLimits } from "../../../ml/backtest/limits.ts";
import type { LoadOptions } from "../../../ml/models/index.ts";
import type { Bounds, DecisionSettings } from "../../../ml/types.ts";
import { bpsToWad } from "../../../ml/units.ts";
import { lookupOf } from "../../config/modelsSection.ts";
import { loadConfig } from "../../config.ts";

/** The configuration that ships for a local chain: what a vault is set to where nothing else is said. */
const SHIPPED = fileURLToPath(new URL("../../../deploy/config/local.toml", import.meta.url));

/** How a vault, its strategy and its operator are set, from a configuration file. */
export interface Setup {
  readonly bounds: Bounds;
  readonly limits: VaultLimits;
  readonly decision: Omit<DecisionSettings, "gasCost">;
  readonly decisionSeconds: number;
  /** Where models are looked up. */
  readonly models: LoadOptions;
}

const ratio = (bps: number): number => bps / 10_000;

/** Reads bounds, limits and decision settings of a file's first vault; what it leaves out is as shipped. */
export function readSetup(path: string | undefined): Setup {
  const env = {};
  const shipped = loadConfig({ path: SHIPPED, env });
  const config = path === undefined ? shipped : loadConfig({ path, env });
  const [standard, own] = [shipped.vaults[0], config.vaults[0]];
  const strategy = { ...standard?.strategy, ...own?.strategy };
  const limits = { ...standard?.limits, ...own?.limits };
  const oracle = { ...standard?.oracle, ...own?.oracle };
  const need = (section: Readonly<Record<string, unknown>>, name: string): number => {
    const value = section[name];
    if (typeof value !== "number") throw new TypeError(`${SHIPPED} must set ${name}`);
    return value;
  };
  const maxPoolShareBps = need(limits, "maxPoolShareBps");
  return {
    bounds: {
      minWidthTicks: need(strategy, "minWidthTicks"),
      maxWidthTicks: need(strategy, "maxWidthTicks"),
      maxCentreDistanceTicks: need(strategy, "maxCentreDistanceTicks"),
      cooldownSeconds: need(strategy, "cooldownSeconds"),
      maxMovesPerDay: need(strategy, "maxMovesPerDay"),
      gainMarginWad: bpsToWad(need(strategy, "gainMarginBps")),
      maxSwapShareWad: bpsToWad(need(strategy, "maxSwapShareBps")),
      widthFloorBaseTicks: need(strategy, "widthFloorBaseTicks"),
      widthFloorPerSpreadTicks: need(strategy, "widthFloorPerSpreadTicks"),
      fullShareSpreadWad: bpsToWad(need(strategy, "fullShareSpreadBps")),
      minShareWad: bpsToWad(need(strategy, "minShareBps")),
      spreadCeilingWad: bpsToWad(need(strategy, "spreadCeilingBps")),
      maxPoolShareWad: bpsToWad(maxPoolShareBps),
    },
    limits: {
      minWidthTicks: need(limits, "minWidthTicks"),
      cooldownSeconds: need(limits, "cooldownSeconds"),
      maxMovesPerDay: need(limits, "maxMovesPerDay"),
      maxPoolShare: ratio(maxPoolShareBps),
      maxLossPerMove: ratio(need(limits, "maxLossPerMoveBps")),
      lossBudgetRatio: ratio(need(limits, "lossBudgetBps")),
      lossBudgetRefillSeconds: need(limits, "lossBudgetRefillSeconds"),
      bandTicks: need(oracle, "bandTicks"),
      longWindowSeconds: need(oracle, "longWindowSeconds"),
    },
    decision: {
      horizonSeconds: config.evaluate.horizonSeconds,
      minHistorySeconds: config.evaluate.minHistorySeconds,
      riskAversion: config.decision.riskAversion,
      hysteresisBps: config.decision.hysteresisBps,
      lvrWeight: config.decision.lvrWeight,
      deviationWeight: config.decision.deviationWeight,
      breachWeightBps: config.decision.breachWeightBps,
      lossBoundBps: config.decision.lossBoundBps,
      waitWeight: config.decision.waitWeight,
      everySeconds: config.evaluate.everySeconds,
    },
    decisionSeconds: config.evaluate.everySeconds,
    models: lookupOf(config.models),
  };
}
