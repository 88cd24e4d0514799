import type { Bounds, Candidate, DecisionSettings, Range, VaultState } from "../types.ts";
import { fromWad, ratioToBps, valueInAsset } from "../units.ts";
import type { Confidence } from "./confidence.ts";
import { type MoveMarket, placementOf, swapCost } from "./cost.ts";
import type { RangeForecast } from "./forecast.ts";
import type { Holdings } from "./holdings.ts";

export interface ScoreParameters {
  /** Of the candidate ranges, and of the positions with liquidity in their order. */
  readonly candidates: readonly RangeForecast[];
  readonly held: readonly RangeForecast[];
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
 * The candidate table: idle, the current holding if there is one, then every range. Idle is worth exactly nothing:
 * everything else must beat that.
 */
export function score(parameters: ScoreParameters): Candidate[] {
  const { candidates, held } = parameters;
  const table: Candidate[] = [IDLE];
  if (held.length > 0) table.push(currentCandidate(parameters));
  const limits = limitsOf(parameters);
  for (const forecast of candidates) table.push(rangeCandidate(limits, forecast));
  return table;
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
  kind: Candidate["kind"],
  range: Range | null,
  share: number,
  parts: Parts,
  riskAversion: number,
  refusal: string | null,
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

function currentCandidate({ state, holdings, sqrtPriceX96, settings, held }: ScoreParameters): Candidate {
  const positions = state.positions.filter((position) => position.liquidity > 0n);
  const total = Number(holdings.value);
  const parts = { inRange: 0, fees: 0, il: 0, lvr: 0, cost: 0, tail: 0 };
  let share = 0;
  positions.forEach((position, i) => {
    const { inRange, fees, il, lvr, tail } = held[i] as RangeForecast;
    const part = total === 0 ? 0 : Number(valueInAsset(position, sqrtPriceX96, state.numeraire)) / total;
    share += part;
    parts.inRange += part * inRange;
    // Our liquidity is in the pool that the fee forecast was made from: nothing to dilute.
    parts.fees += part * fees;
    parts.il += part * il;
    parts.lvr += part * lvr;
    parts.tail += part * tail;
  });
  if (share > 0) parts.inRange /= share;
  const only = positions.length === 1 ? positions[0] : undefined;
  const range = only === undefined ? null : { lowerTick: only.lowerTick, upperTick: only.upperTick };
  return row("current", range, floor4(share), parts, settings.riskAversion, null);
}

/** What is the same for all of a vault's candidates, out of the integers. */
interface Limits {
  readonly market: MoveMarket;
  readonly riskAversion: number;
  readonly nav: number;
  readonly otherShare: number;
  readonly gas: number;
  readonly maxShare: number;
  readonly maxSwapShare: number;
  /** Most liquidity that may be ours, pool units. */
  readonly mostLiquidity: number;
  readonly observedLiquidity: number;
  readonly deRiskOnly: boolean;
}

function limitsOf({ bounds, confidence, holdings, market, settings }: ScoreParameters): Limits {
  const nav = Number(holdings.value);
  // The vault checks its cap at spot; here it holds for ranges beside spot too, which the price may enter any minute.
  const cap = bounds.maxPoolShareWad === undefined ? 1 : fromWad(bounds.maxPoolShareWad) * 0.9;
  const observedLiquidity = market.otherLiquidity + Number(holdings.liquidityInRange);
  return {
    market,
    riskAversion: settings.riskAversion,
    nav,
    otherShare: holdings.otherShare,
    gas: nav === 0 ? 0 : Number(settings.gasCost) / nav,
    maxShare: fromWad(confidence.maxShareWad),
    maxSwapShare: fromWad(bounds.maxSwapShareWad),
    // Of what is there after the mint, and of what the pool's mean still is then: without what was just minted.
    mostLiquidity:
      cap >= 1
        ? Number.POSITIVE_INFINITY
        : Math.min((cap / (1 - cap)) * market.otherLiquidity, cap * observedLiquidity),
    observedLiquidity,
    deRiskOnly: confidence.deRiskOnly,
  };
}

function rangeCandidate(limits: Limits, forecast: RangeForecast): Candidate {
  const { market, nav, maxShare, maxSwapShare } = limits;
  const { share, diluted, refusal: poolRefusal } = deployable(limits, forecast.liquidityPerValue);
  const { swapShare } = placementOf(forecast.otherShare, limits.otherShare, share, maxShare);
  const cost = swapCost(swapShare, nav, market);
  const refusal =
    poolRefusal ??
    (Math.abs(swapShare) > maxSwapShare
      ? `needs to swap ${(100 * Math.abs(swapShare)).toFixed(1)} % of NAV, at most ${(100 * maxSwapShare).toFixed(1)} % is allowed`
      : limits.deRiskOnly
        ? "spread above the ceiling: only de-risking is accepted"
        : null);
  const parts = {
    inRange: forecast.inRange,
    fees: share * forecast.fees * diluted,
    il: share * forecast.il,
    lvr: share * forecast.lvr,
    cost: Number.isFinite(cost) ? cost + limits.gas : 1,
    tail: share * forecast.tail,
  };
  return row("range", forecast.range, floor4(share), parts, limits.riskAversion, refusal);
}

/** How much of NAV goes into the range under the share bounds, and what our own size leaves of the fee forecast. */
function deployable(
  { maxShare, mostLiquidity, nav, market, observedLiquidity }: Limits,
  liquidityPerValue: number,
): { share: number; diluted: number; refusal: string | null } {
  const share =
    nav === 0 || mostLiquidity === Number.POSITIVE_INFINITY
      ? maxShare
      : Math.min(maxShare, mostLiquidity / (liquidityPerValue * nav));
  if (share < 0.02 && mostLiquidity !== Number.POSITIVE_INFINITY) {
    return { share, diluted: 0, refusal: "the pool is too thin for the vault's share of its liquidity" };
  }
  const withUs = market.otherLiquidity + liquidityPerValue * share * nav;
  return { share, diluted: withUs > 0 ? observedLiquidity / withUs : 0, refusal: null };
}

/** Down, so that a share never exceeds the bound it came from. */
const floor4 = (value: number): number => Math.floor(value * 1e4) / 1e4;
