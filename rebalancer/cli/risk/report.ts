import { breakEvenYield } from "../../../ml/risk/fees.ts";
import { type HedgeReturnType, hedge } from "../../../ml/risk/hedge.ts";
import { expectedImpermanentLoss, impermanentLossQuantile } from "../../../ml/risk/horizon.ts";
import { stayProbability, timeInRange } from "../../../ml/risk/lognormal.ts";
import type { VanillaOption } from "../../../ml/risk/option.ts";
import { PATHS, type PathResult, walkPath } from "../../../ml/risk/paths.ts";
import { type Greeks, type Holding, holdingGreeks, portfolioGreeks } from "../../../ml/risk/portfolio.ts";
import { rangeValue } from "../../../ml/risk/range.ts";
import { type StressCell, stressTable } from "../../../ml/risk/stress.ts";

export interface RiskParameters {
  readonly holdings: readonly { readonly label: string; readonly holding: Holding }[];
  readonly price: number;
  readonly sigma: number;
  readonly horizonYears: number;
  /** Full-range fee yield per year; null = not given, so fees are left out. */
  readonly feeYieldPerYear: number | null;
  readonly stressYears: readonly number[];
  readonly hedgeOption: Omit<VanillaOption, "quantity"> | null;
}

/** What a range is expected to go through over the horizon. Fractions of its starting value, or probabilities. */
export interface RangeOutlook {
  readonly label: string;
  readonly timeInRange: number;
  /** Probability of not leaving the range at any time. */
  readonly stays: number;
  readonly impermanentLoss: number;
  readonly impermanentLossQ10: number;
  /** Fees over the horizon at the given yield while in range; null without a yield. */
  readonly fees: number | null;
}

export interface RiskReport {
  readonly price: number;
  readonly sigma: number;
  readonly horizonYears: number;
  readonly feeYieldPerYear: number | null;
  /** Full-range fee yield per year that pays LVR: σ²/8. */
  readonly breakEvenYieldPerYear: number;
  readonly greeks: readonly (Greeks & { readonly label: string })[];
  readonly total: Greeks;
  readonly outlook: readonly RangeOutlook[];
  readonly hedge: HedgeReturnType;
  readonly stress: readonly StressCell[];
  readonly paths: readonly PathResult[];
}

/** Everything that `rangekeeper risk` says, as numbers. */
export function riskReport(parameters: RiskParameters): RiskReport {
  const { price, sigma, horizonYears, feeYieldPerYear } = parameters;
  const market = { price, sigma, years: horizonYears };
  const holdings = parameters.holdings.map(({ holding }) => holding);
  const stressed = { holdings, price, sigma, feeYieldPerYear: feeYieldPerYear ?? 0 };
  return {
    price,
    sigma,
    horizonYears,
    feeYieldPerYear,
    breakEvenYieldPerYear: breakEvenYield(sigma),
    greeks: parameters.holdings.map(({ label, holding }) => ({ label, ...holdingGreeks(holding, market) })),
    total: portfolioGreeks(holdings, market),
    outlook: parameters.holdings.flatMap(({ label, holding }) =>
      holding.kind === "range" ? [outlook(label, holding, parameters)] : [],
    ),
    hedge: hedge(holdings, market, parameters.hedgeOption),
    stress: stressTable(stressed, parameters.stressYears),
    paths: PATHS.map((path) => walkPath(stressed, path)),
  };
}

function outlook(
  label: string,
  { position }: Extract<Holding, { kind: "range" }>,
  { price, sigma, horizonYears, feeYieldPerYear }: RiskParameters,
): RangeOutlook {
  const process = { price, sigma };
  const start = rangeValue(position, price);
  const impermanentLoss = expectedImpermanentLoss(position, process, horizonYears) / start;
  return {
    label,
    timeInRange: timeInRange(position, process, horizonYears),
    stays: stayProbability(position, process, horizonYears),
    impermanentLoss,
    impermanentLossQ10: impermanentLossQuantile(position, process, horizonYears, 0.1),
    // Fees and LVR both accrue with L√P while in range, and LVR is what a fair price makes of IL.
    fees: feeYieldPerYear === null ? null : (-impermanentLoss * feeYieldPerYear) / breakEvenYield(sigma),
  };
}
