import { fullRangeValue } from "../data/bars.ts";
import { concentration, type Offsets } from "../risk/position.ts";
import type {
  Bounds,
  Candidate,
  DecisionSettings,
  Features,
  ModelSet,
  Range,
  RangeQuery,
  RangeRiskPrediction,
  VaultState,
  YieldPrediction,
} from "../types.ts";
import { fromWad, ratioToBps, valueInAsset } from "../units.ts";
import type { Confidence } from "./confidence.ts";
import { type MoveMarket, offsetsOf, placement, swapCost } from "./cost.ts";
import type { Holdings } from "./holdings.ts";

export interface ScoreParameters {
  readonly models: ModelSet;
  readonly features: Features;
  readonly ranges: readonly Range[];
  readonly state: VaultState;
  readonly holdings: Holdings;
  readonly market: MoveMarket;
  readonly sqrtPriceX96: bigint;
  readonly bounds: Bounds;
  readonly confidence: Confidence;
  readonly settings: DecisionSettings;
}

const IDLE: Candidate = {
  kind: "idle",
  range: null,
  share: 0,
  inRange: 0,
  feesBps: 0,
  ilBps: 0,
  lvrBps: 0,
  costBps: 0,
  tailBps: 0,
  netBps: 0,
  refusal: null,
};

/**
 * The candidate table: idle, the current holding if there is one, then every range. All forecasts come from one batch
 * per model. Idle is worth exactly nothing: everything else must beat that.
 */
export async function score(parameters: ScoreParameters): Promise<Candidate[]> {
  const { models, features, ranges, state, holdings, market, settings } = parameters;
  const held = state.positions.filter((position) => position.liquidity > 0n);
  const all: readonly Range[] = [...held, ...ranges];
  const queries = all.map((range): RangeQuery => {
    const { lower, upper } = offsetsOf(range, market);
    return { lowerOffset: lower, upperOffset: upper, horizonSeconds: settings.horizonSeconds };
  });
  const [risks, yields] = await Promise.all([
    models.il.predict(features, queries),
    models.yield.predict(features, queries),
  ]);
  const forecast = (i: number): Forecast => ({
    offsets: { lower: queries[i]?.lowerOffset ?? 0, upper: queries[i]?.upperOffset ?? 0 },
    risk: risks[i] as RangeRiskPrediction,
    fees: yields[i] as YieldPrediction,
  });
  const table: Candidate[] = [IDLE];
  if (held.length > 0)
    table.push(
      currentCandidate(
        parameters,
        held.map((_, i) => forecast(i)),
      ),
    );
  const nav = Number(holdings.value);
  ranges.forEach((range, i) => {
    table.push(rangeCandidate(parameters, range, forecast(held.length + i), nav));
  });
  return table;
}

interface Forecast {
  readonly offsets: Offsets;
  readonly risk: RangeRiskPrediction;
  readonly fees: YieldPrediction;
}

const round4 = (value: number): number => Math.round(value * 1e4) / 1e4 + 0;

/** Basis points with four decimals: finer is noise, and would make tables differ between machines. */
const bps = (fraction: number): number => round4(ratioToBps(fraction));

interface Parts {
  readonly inRange: number;
  readonly fees: number;
  readonly il: number;
  readonly lvr: number;
  readonly cost: number;
  readonly tail: number;
}

function row(
  { kind, range, share, refusal }: Pick<Candidate, "kind" | "range" | "share" | "refusal">,
  parts: Parts,
  riskAversion: number,
): Candidate {
  const feesBps = bps(parts.fees);
  const lvrBps = bps(parts.lvr);
  const costBps = bps(parts.cost);
  const tailBps = bps(parts.tail);
  return {
    kind,
    range,
    share,
    inRange: round4(parts.inRange),
    feesBps,
    ilBps: bps(parts.il),
    lvrBps,
    costBps,
    tailBps,
    netBps: round4(feesBps - lvrBps - costBps - riskAversion * tailBps),
    refusal,
  };
}

/** The loss tail beyond what is expected: expected impermanent loss is expected LVR, which is counted already. */
const tailOf = ({ il, lvr }: RangeRiskPrediction): number => Math.max(0, -il.q10 - lvr.mean);

function currentCandidate(
  { state, holdings, sqrtPriceX96, settings }: ScoreParameters,
  forecasts: readonly Forecast[],
): Candidate {
  const held = state.positions.filter((position) => position.liquidity > 0n);
  const total = Number(holdings.value);
  const parts = { inRange: 0, fees: 0, il: 0, lvr: 0, cost: 0, tail: 0 };
  let share = 0;
  held.forEach((position, i) => {
    const { risk, fees } = forecasts[i] as Forecast;
    const part = total === 0 ? 0 : Number(valueInAsset(position, sqrtPriceX96, state.numeraire)) / total;
    share += part;
    parts.inRange += part * risk.inRange;
    // Our liquidity is in the pool that the fee forecast was made from: nothing to dilute.
    parts.fees += part * fees.mean;
    parts.il += part * risk.il.mean;
    parts.lvr += part * risk.lvr.mean;
    parts.tail += part * tailOf(risk);
  });
  if (share > 0) parts.inRange /= share;
  const only = held.length === 1 ? held[0] : undefined;
  const range = only === undefined ? null : { lowerTick: only.lowerTick, upperTick: only.upperTick };
  return row({ kind: "current", range, share: floor4(share), refusal: null }, parts, settings.riskAversion);
}

function rangeCandidate(parameters: ScoreParameters, range: Range, forecast: Forecast, nav: number): Candidate {
  const { bounds, confidence, holdings, market, settings } = parameters;
  const { offsets, risk, fees } = forecast;
  const { share, diluted, refusal: poolRefusal } = deployable(parameters, offsets, nav);
  const { swapShare } = placement(offsets, holdings.otherShare, share, fromWad(confidence.maxShareWad));
  const cost = swapCost(swapShare, nav, market);
  const gas = nav === 0 ? 0 : Number(settings.gasCost) / nav;
  const cap = fromWad(bounds.maxSwapShareWad);
  const refusal =
    poolRefusal ??
    (Math.abs(swapShare) > cap
      ? `needs to swap ${(100 * Math.abs(swapShare)).toFixed(1)} % of NAV, at most ${(100 * cap).toFixed(1)} % is allowed`
      : confidence.deRiskOnly
        ? "spread above the ceiling: only de-risking is accepted"
        : null);
  const parts = {
    inRange: risk.inRange,
    fees: share * fees.mean * diluted,
    il: share * risk.il.mean,
    lvr: share * risk.lvr.mean,
    cost: Number.isFinite(cost) ? cost + gas : 1,
    tail: share * tailOf(risk),
  };
  return row({ kind: "range", range, share: floor4(share), refusal }, parts, settings.riskAversion);
}

/** How much of NAV goes into the range under the share bounds, and what our own size leaves of the fee forecast. */
function deployable(
  { bounds, confidence, holdings, market }: ScoreParameters,
  offsets: Offsets,
  nav: number,
): { share: number; diluted: number; refusal: string | null } {
  let share = fromWad(confidence.maxShareWad);
  // Liquidity per unit of value, from what the same value buys over all prices.
  const perValue = concentration(offsets) / fullRangeValue(1, market.lnPrice);
  // The vault checks its cap at spot; here it holds for ranges beside spot too, which the price may enter any minute.
  if (bounds.maxPoolShareWad !== undefined) {
    const cap = fromWad(bounds.maxPoolShareWad) * 0.9;
    const most = cap >= 1 ? Number.POSITIVE_INFINITY : (cap / (1 - cap)) * market.otherLiquidity;
    share = Math.min(share, nav === 0 ? share : most / (perValue * nav));
    if (share < 0.02)
      return { share, diluted: 0, refusal: "the pool is too thin for the vault's share of its liquidity" };
  }
  const observed = market.otherLiquidity + Number(holdings.liquidityInRange);
  const withUs = market.otherLiquidity + perValue * share * nav;
  return { share, diluted: withUs > 0 ? observed / withUs : 0, refusal: null };
}

/** Down, so that a share never exceeds the bound it came from. */
const floor4 = (value: number): number => Math.floor(value * 1e4) / 1e4;
