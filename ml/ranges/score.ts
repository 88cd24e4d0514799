import type { Offsets } from "../risk/position.ts";
import type { Bounds, DecisionSettings, Range, VaultState, VolatilityPrediction } from "../types.ts";
import { bpsToRatio, fromWad, ratioToBps, valueInAsset } from "../units.ts";
import { breachProbability } from "./breach.ts";
import { type CandidateTable, CURRENT, emptyTable, IDLE, NO_TICK, RANGE } from "./candidateTable.ts";
import type { Confidence } from "./confidence.ts";
import { type MoveMarket, placementOf, swapCost } from "./cost.ts";
import type { RangeForecasts } from "./forecast.ts";
import type { Holdings } from "./holdings.ts";
import { logSpread, waitingThreshold } from "./waiting.ts";

const DAY = 86_400;
const HOUR = 3600;

export interface ScoreParameters {
  /** Of the candidate ranges, and of the positions with liquidity in their order. */
  readonly candidates: RangeForecasts;
  readonly held: RangeForecasts;
  readonly state: VaultState;
  readonly holdings: Holdings;
  readonly market: MoveMarket;
  readonly sqrtPriceX96: bigint;
  readonly bounds: Bounds;
  readonly confidence: Confidence;
  readonly settings: DecisionSettings;
  /** Of the price over a day. */
  readonly volatility: VolatilityPrediction;
}

/** One table for all decisions: each is read, and written down, before the next one is made. */
let shared = emptyTable(0);

/**
 * The candidate table: idle, the current holding if there is one, then every range. Idle is worth exactly nothing:
 * everything else must beat that. The table is good until `score` is called again.
 */
export function score(parameters: ScoreParameters): CandidateTable {
  const { candidates, held } = parameters;
  const room = candidates.ranges.length + 2;
  if (shared.kind.length < room) shared = emptyTable(room);
  const table = shared;
  const weights = weightsOf(parameters);
  table.rows = 0;
  put(table, IDLE, null, 0, NOTHING, weights, null);
  if (held.ranges.length > 0) putCurrent(table, parameters, weights);
  const limits = limitsOf(parameters);
  for (let i = 0; i < candidates.ranges.length; i++) putRange(table, limits, weights, candidates, i);
  return table;
}

/** What losses, distance and haste are weighed with: the same for all candidates. */
interface Weights {
  readonly lvr: number;
  readonly tail: number;
  readonly deviation: number;
  readonly breachBps: number;
  /** Part of NAV that may be lost over the horizon. */
  readonly lossBound: number;
  /** Variance of the price over the horizon. */
  readonly variance: number;
  /** Reference price less spot, logs. */
  readonly referenceGap: number;
  /** Value of waiting for each unit of uncertain fees and losses. */
  readonly waiting: number;
}

function weightsOf({ settings, state, market, volatility }: ScoreParameters): Weights {
  const { horizonSeconds, waitWeight = 0, everySeconds = HOUR } = settings;
  const budget = fromWad(state.lossBudgetLeftWad);
  const own = settings.lossBoundBps === undefined ? Number.POSITIVE_INFINITY : bpsToRatio(settings.lossBoundBps);
  return {
    lvr: settings.lvrWeight ?? 1,
    tail: settings.riskAversion,
    deviation: settings.deviationWeight ?? 0,
    breachBps: settings.breachWeightBps ?? 0,
    // A budget that is used up closes moves by itself; what is held then is held to the operator's bound.
    lossBound: Math.min(own, budget > 0 ? budget : Number.POSITIVE_INFINITY),
    variance: (volatility.mean * horizonSeconds) / DAY,
    referenceGap: market.referenceGap,
    waiting:
      waitWeight === 0 ? 0 : waitWeight * logSpread(volatility) * waitingThreshold(everySeconds / horizonSeconds),
  };
}

const round4 = (value: number): number => Math.round(value * 1e4) / 1e4 + 0;

/** Basis points with four decimals: finer is noise, and would make tables differ between machines. */
const bps = (fraction: number): number => round4(ratioToBps(fraction));

interface Parts {
  inRange: number;
  fees: number;
  il: number;
  lvr: number;
  cost: number;
  tail: number;
  deviation: number;
  breach: number;
}

const NOTHING: Readonly<Parts> = { inRange: 0, fees: 0, il: 0, lvr: 0, cost: 0, tail: 0, deviation: 0, breach: 0 };

/** Adds a row. */
function put(
  table: CandidateTable,
  kind: number,
  range: Range | null,
  share: number,
  parts: Readonly<Parts>,
  weights: Weights,
  refusal: string | null,
): void {
  const row = table.rows++;
  const feesBps = bps(parts.fees);
  const lvrBps = bps(parts.lvr);
  const costBps = bps(parts.cost);
  const tailBps = bps(parts.tail);
  const deviationBps = bps(parts.deviation);
  const breach = round4(parts.breach);
  const risks = weights.tail * tailBps + weights.deviation * deviationBps + weights.breachBps * breach;
  table.kind[row] = kind;
  table.lowerTick[row] = range === null ? NO_TICK : range.lowerTick;
  table.upperTick[row] = range === null ? NO_TICK : range.upperTick;
  table.share[row] = share;
  table.inRange[row] = round4(parts.inRange);
  table.feesBps[row] = feesBps;
  table.ilBps[row] = bps(parts.il);
  table.lvrBps[row] = lvrBps;
  table.costBps[row] = costBps;
  table.tailBps[row] = tailBps;
  table.deviationBps[row] = deviationBps;
  table.breach[row] = breach;
  table.netBps[row] = round4(feesBps - weights.lvr * lvrBps - costBps - risks);
  // Fees and losses are revised apart from each other, each by the spread of the forecast. A root is the same number on
  // every machine; Math.hypot need not be.
  table.waitBps[row] = kind === RANGE ? round4(weights.waiting * Math.sqrt(feesBps * feesBps + lvrBps * lvrBps)) : 0;
  table.refusal[row] = refusal;
}

function putCurrent(
  table: CandidateTable,
  { state, holdings, sqrtPriceX96, held }: ScoreParameters,
  weights: Weights,
): void {
  const positions = state.positions.filter((position) => position.liquidity > 0n);
  const total = Number(holdings.value);
  const parts = { ...NOTHING };
  let share = 0;
  positions.forEach((position, i) => {
    const of = (column: Float64Array): number => column[i] as number;
    const offsets = { lower: of(held.lower), upper: of(held.upper) };
    const part = total === 0 ? 0 : Number(valueInAsset(position, sqrtPriceX96, state.numeraire)) / total;
    share += part;
    parts.inRange += part * of(held.inRange);
    // Our liquidity is in the pool that the fee forecast was made from: nothing to dilute.
    parts.fees += part * of(held.fees);
    parts.il += part * of(held.il);
    parts.lvr += part * of(held.lvr);
    parts.tail += part * of(held.tail);
    parts.deviation += part * deviationOf(offsets, weights);
    // Of several ranges, the one that is likeliest to lose the whole bound alone.
    parts.breach = Math.max(parts.breach, breachOf(offsets, part, 0, weights));
  });
  if (share > 0) parts.inRange /= share;
  const only = positions.length === 1 ? positions[0] : undefined;
  const range = only === undefined ? null : { lowerTick: only.lowerTick, upperTick: only.upperTick };
  put(table, CURRENT, range, floor4(share), parts, weights, null);
}

/** How far a range's centre lies from the reference price, logs. */
const deviationOf = ({ lower, upper }: Offsets, { referenceGap }: Weights): number =>
  Math.abs((lower + upper) / 2 - referenceGap);

/** Chance that a share of NAV in a range loses more than the bound has left after this cost. */
function breachOf(range: Offsets, share: number, cost: number, weights: Weights): number {
  if (weights.lossBound === Number.POSITIVE_INFINITY || !(share > 0)) return 0;
  return breachProbability(range, weights.variance, (weights.lossBound - cost) / share);
}

/** What is the same for all of a vault's candidates, out of the integers. */
interface Limits {
  readonly market: MoveMarket;
  readonly nav: number;
  readonly otherShare: number;
  readonly gas: number;
  readonly maxShare: number;
  readonly maxSwapShare: number;
  /** Most liquidity that may be ours, pool units. */
  readonly mostLiquidity: number;
  readonly observedLiquidity: number;
  readonly deRiskOnly: boolean;
  /** By what is needed, thousandths of NAV. */
  readonly swapRefusals: Map<number, string>;
}

function limitsOf({ bounds, confidence, holdings, market, settings }: ScoreParameters): Limits {
  const nav = Number(holdings.value);
  // The vault checks its cap at spot; here it holds for ranges beside spot too, which the price may enter any minute.
  const cap = bounds.maxPoolShareWad === undefined ? 1 : fromWad(bounds.maxPoolShareWad) * 0.9;
  const observedLiquidity = market.otherLiquidity + Number(holdings.liquidityInRange);
  // What came into the pool lately is not in its mean yet.
  const meanLiquidity = bounds.meanLiquidity ? Number(bounds.meanLiquidity) : observedLiquidity;
  return {
    market,
    nav,
    otherShare: holdings.otherShare,
    gas: nav === 0 ? 0 : Number(settings.gasCost) / nav,
    maxShare: fromWad(confidence.maxShareWad),
    maxSwapShare: fromWad(bounds.maxSwapShareWad),
    // Of what is there after the mint, and of what the pool's mean still is then: without what was just minted.
    mostLiquidity:
      cap >= 1
        ? Number.POSITIVE_INFINITY
        : Math.min((cap / (1 - cap)) * market.otherLiquidity, cap * Math.min(observedLiquidity, meanLiquidity)),
    observedLiquidity,
    deRiskOnly: confidence.deRiskOnly,
    swapRefusals: new Map(),
  };
}

/** No closure of `putRange`: making one for each of thousands of ranges takes longer than what it is for. */
const at = (column: Float64Array, i: number): number => column[i] as number;

function putRange(table: CandidateTable, limits: Limits, weights: Weights, forecasts: RangeForecasts, i: number): void {
  const { market, nav, maxShare, maxSwapShare } = limits;
  const offsets = { lower: at(forecasts.lower, i), upper: at(forecasts.upper, i) };
  const { share, diluted, refusal: poolRefusal } = deployable(limits, at(forecasts.liquidityPerValue, i));
  const { swapShare } = placementOf(at(forecasts.otherShare, i), limits.otherShare, share, maxShare);
  const cost = swapCost(swapShare, nav, market);
  const refusal =
    poolRefusal ??
    (Math.abs(swapShare) > maxSwapShare
      ? swapRefusal(limits, swapShare)
      : limits.deRiskOnly
        ? "spread above the ceiling: only de-risking is accepted"
        : null);
  const lost = Number.isFinite(cost) ? cost + limits.gas : 1;
  const parts = {
    inRange: at(forecasts.inRange, i),
    fees: share * at(forecasts.fees, i) * diluted,
    il: share * at(forecasts.il, i),
    lvr: share * at(forecasts.lvr, i),
    cost: lost,
    tail: share * at(forecasts.tail, i),
    deviation: share * deviationOf(offsets, weights),
    breach: breachOf(offsets, share, lost, weights),
  };
  put(table, RANGE, forecasts.ranges[i] as Range, floor4(share), parts, weights, refusal);
}

/** Thousands of ranges share a few hundred of these. */
function swapRefusal({ swapRefusals, maxSwapShare }: Limits, swapShare: number): string {
  const thousandths = 1_000 * Math.abs(swapShare);
  const whole = Math.round(thousandths);
  const known = swapRefusals.get(whole);
  // Beside a half the decimals that are printed decide which way it is rounded.
  const certain = Math.abs(thousandths - whole) < 0.499;
  if (certain && known !== undefined) return known;
  const needed = (100 * Math.abs(swapShare)).toFixed(1);
  const text = `needs to swap ${needed} % of NAV, at most ${(100 * maxSwapShare).toFixed(1)} % is allowed`;
  if (certain) swapRefusals.set(whole, text);
  return text;
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
