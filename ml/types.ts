/**
 * The vocabulary of the brain. Everything here is plain immutable data; on-chain amounts are `bigint` in token units,
 * forecasts are `number`. "Value" and "price" are always in the vault's asset (the numeraire): price = asset units per
 * unit of the other token, so a position's loss has one sign whichever side of the pool the asset is.
 */

import type { Outside } from "./features/outsideSeries.ts";

export type Address = `0x${string}`;
export type Hex = `0x${string}`;

export interface Token {
  readonly address: Address;
  readonly symbol: string;
  readonly decimals: number;
}

export interface PoolMeta {
  readonly chainId: number;
  readonly address: Address;
  readonly token0: Token;
  readonly token1: Token;
  /** Swap fee in 1e-6. */
  readonly feePips: number;
  readonly tickSpacing: number;
}

/** One Swap event. Amounts are the pool's view: positive = paid into the pool. Price, liquidity and tick are after it. */
export interface SwapEvent {
  readonly block: number;
  /** Unix seconds of the block. */
  readonly timestamp: number;
  readonly logIndex: number;
  readonly amount0: bigint;
  readonly amount1: bigint;
  readonly sqrtPriceX96: bigint;
  readonly liquidity: bigint;
  readonly tick: number;
}

/** All swaps of one pool in a span that ends with block `toBlock`; sorted, complete from `fromTimestamp` on. */
export interface PoolHistory {
  readonly pool: PoolMeta;
  readonly swaps: readonly SwapEvent[];
  readonly fromTimestamp: number;
  readonly toBlock: number;
  readonly toTimestamp: number;
  /** Spot at the end of `toBlock` (liquidity may have changed since the last swap). */
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  readonly liquidity: bigint;
  /** What was known of the world outside of the pool; absent = nothing. */
  readonly outside?: Outside | undefined;
}

/** Which pool token is the vault's asset, and so the numeraire of prices and values. */
export type Numeraire = 0 | 1;

/**
 * One bar of market history, oriented to the numeraire. Prices are natural logarithms of asset units per unit of the
 * other token (raw token units; decimals cancel in differences). `NaN` = not known from this source.
 */
export interface Bar {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** Sum of squared log returns seen inside the bar at the source's resolution, including the gap from the last bar. */
  readonly realisedVariance: number;
  /** Swap volume into the pool, in asset units. */
  readonly volume: number;
  /** Volume that bought the other token minus volume that sold it, in asset units. */
  readonly signedVolume: number;
  /** Fees per full-range position of unit value: sum of fee x volume / (2 L sqrt(P)), a fraction. */
  readonly feeYield: number;
  /** Time-weighted in-range liquidity, pool units. */
  readonly liquidity: number;
  readonly swaps: number;
  /** Blocks with swaps; absent = not known from this source. */
  readonly arrivals?: number;
}

/** One row of named features at one time. `NaN` marks a missing value; models get a mask, never a silent zero. */
export interface Features {
  /** Name and version of the feature set, e.g. "main@2". */
  readonly schema: string;
  readonly atSeconds: number;
  /** One value per name of the schema, in its order. */
  readonly values: Float64Array;
}

/** A range in pool ticks, lower < upper, both on the pool's spacing. */
export interface Range {
  readonly lowerTick: number;
  readonly upperTick: number;
}

/** A range as models see it: log-price distances from spot in numeraire orientation (lower < upper), and a horizon. */
export interface RangeQuery {
  readonly lowerOffset: number;
  readonly upperOffset: number;
  readonly horizonSeconds: number;
}

export interface Quantiles {
  readonly mean: number;
  readonly q10: number;
  readonly q50: number;
  readonly q90: number;
}

/** Forecast of realised variance (sum of squared log returns) over the horizon. */
export type VolatilityPrediction = Quantiles;

/** Forecast for one range over the horizon, all as fractions of the position's starting value. */
export interface RangeRiskPrediction {
  /** Impermanent loss against holding the starting amounts, <= 0; q10 is the loss tail. */
  readonly il: Quantiles;
  /** Loss-versus-rebalancing, >= 0. */
  readonly lvr: Quantiles;
  /** Expected share of the horizon spent inside the range, 0..1. */
  readonly inRange: number;
}

/** Fee income of one range over the horizon as a fraction of its starting value, before dilution by our own size. */
export type YieldPrediction = Quantiles;

export type ModelTask = "volatility" | "il" | "yield";

export interface ModelIdentity {
  readonly id: string;
  readonly version: string;
  readonly task: ModelTask;
  /** sha256 of the ONNX file, or of the source text for a model without weights. */
  readonly sha256: Hex;
}

/** What every model can do besides its forecast. */
interface ModelBase extends ModelIdentity {
  /** Names of the features that lie well outside of what the model was trained on; absent = it was not trained. */
  outOfDomain?(features: Features): readonly string[];
  /** Where 98 % of each feature lay in training; absent = it was not trained. */
  readonly domain?: Readonly<Record<string, { readonly p1: number; readonly p99: number }>>;
}

export interface VolatilityModel extends ModelBase {
  readonly task: "volatility";
  predict(features: Features, horizonSeconds: number): Promise<VolatilityPrediction>;
}

export interface RangeRiskModel extends ModelBase {
  readonly task: "il";
  predict(features: Features, queries: readonly RangeQuery[]): Promise<readonly RangeRiskPrediction[]>;
  /** What scoring takes of `predict`'s answers, in columns, where that is cheaper than thousands of objects. */
  predictColumns?(features: Features, queries: readonly RangeQuery[]): Promise<RangeRiskColumns>;
}

/** One number for each query. */
export interface RangeRiskColumns {
  readonly ilMean: ArrayLike<number>;
  readonly ilQ10: ArrayLike<number>;
  readonly lvrMean: ArrayLike<number>;
  readonly inRange: ArrayLike<number>;
}

export interface YieldModel extends ModelBase {
  readonly task: "yield";
  predict(features: Features, queries: readonly RangeQuery[]): Promise<readonly YieldPrediction[]>;
  /** The means of `predict`'s answers, where that is cheaper. */
  predictMeans?(features: Features, queries: readonly RangeQuery[]): Promise<ArrayLike<number>>;
}

export type Model = VolatilityModel | RangeRiskModel | YieldModel;

/** The three forecasts that one decision needs. */
export interface ModelSet {
  readonly id: string;
  readonly volatility: VolatilityModel;
  readonly il: RangeRiskModel;
  readonly yield: YieldModel;
}

/** What the vault holds at the block of the decision. */
export interface VaultState {
  readonly vault: Address;
  readonly numeraire: Numeraire;
  readonly idle0: bigint;
  readonly idle1: bigint;
  readonly positions: readonly HeldPosition[];
  /** NAV at the mid reference, asset units. */
  readonly nav: bigint;
  /** Asset units per 1e18 shares at the low reference. */
  readonly sharePrice: bigint;
  readonly calm: boolean;
  readonly paused: boolean;
  /** Unix seconds, 0 = never. */
  readonly lastMoveAt: number;
  readonly movesToday: number;
  readonly lossBudgetLeftWad: bigint;
  readonly nextNonce: bigint;
  /** Tick of the mid reference price. */
  readonly referenceTick: number;
}

export interface HeldPosition extends Range {
  readonly liquidity: bigint;
  readonly amount0: bigint;
  readonly amount1: bigint;
  readonly fees0: bigint;
  readonly fees1: bigint;
}

/** The strategy contract's bounds, mirrored so that a decision never proposes what the chain would refuse. */
export interface Bounds {
  readonly minWidthTicks: number;
  readonly maxWidthTicks: number;
  readonly maxCentreDistanceTicks: number;
  readonly cooldownSeconds: number;
  readonly maxMovesPerDay: number;
  readonly gainMarginWad: bigint;
  readonly maxSwapShareWad: bigint;
  readonly widthFloorBaseTicks: number;
  readonly widthFloorPerSpreadTicks: number;
  readonly fullShareSpreadWad: bigint;
  readonly minShareWad: bigint;
  readonly spreadCeilingWad: bigint;
  /** The spread that counts at least, measured on chain; absent = the declared one alone counts. */
  readonly minSpreadWad?: bigint;
  /** The vault's own cap on its share of in-range liquidity; absent = not known, so not mirrored. */
  readonly maxPoolShareWad?: bigint;
  /** The pool's mean liquidity in range over the oracle's window, which that cap counts too; absent or 0 = not known. */
  readonly meanLiquidity?: bigint;
}

/** How the decision weighs things; chosen by the operator, not by a model. */
export interface DecisionSettings {
  readonly horizonSeconds: number;
  /** Multiplies the loss tail (positive) that is subtracted from the expected net. */
  readonly riskAversion: number;
  /** A move must beat staying by this many basis points of NAV on top of its cost. */
  readonly hysteresisBps: number;
  /** Multiplies the expected LVR; absent = 1. Below where a pool's past has shown the forecasts to be too high. */
  readonly lvrWeight?: number;
  /** Multiplies how far a range's centre lies from the reference price; absent = 0, as below. */
  readonly deviationWeight?: number;
  /** Basis points that a certain breach of the loss bound would cost; its probability is charged for. */
  readonly breachWeightBps?: number;
  /** Loss over the horizon, basis points of NAV, beyond which the bound is breached; absent = what is left of the vault's loss budget. */
  readonly lossBoundBps?: number;
  /** Multiplies the value of the right to decide later, which a move gives up. */
  readonly waitWeight?: number;
  /** Seconds to the next decision; absent = an hour. */
  readonly everySeconds?: number;
  /** Least history before anything but standing aside. */
  readonly minHistorySeconds: number;
  /** Gas price x gas of one move in asset units; 0n when the keeper is not charged to the vault. */
  readonly gasCost: bigint;
}

/** One row of the candidate table. Amounts are basis points of NAV over the horizon. */
export interface Candidate {
  readonly kind: "range" | "current" | "idle";
  /** Null for idle, and for a current holding of several ranges. */
  readonly range: Range | null;
  /** Part of NAV that would be in the pool, 0..1. */
  readonly share: number;
  readonly inRange: number;
  readonly feesBps: number;
  readonly ilBps: number;
  readonly lvrBps: number;
  readonly costBps: number;
  /** How far the 10 % worst impermanent loss lies beyond the expected LVR; >= 0. */
  readonly tailBps: number;
  /** How far the centre lies from the reference price, basis points of price x share. */
  readonly deviationBps: number;
  /** Probability, 0..1, that loss and cost exceed the loss bound within the horizon. */
  readonly breach: number;
  /** fees - LVR weight x LVR - cost - risk aversion x tail - deviation weight x deviation - breach weight x breach. */
  readonly netBps: number;
  /** What the right to decide later is worth, x its weight: a move must beat staying by it besides the hysteresis. */
  readonly waitBps: number;
  /** Why a bound excludes it, or null. */
  readonly refusal: string | null;
}

/** Orders in the shape of the strategy contract's proposal. */
export interface PlannedMove {
  readonly ranges: readonly (Range & { readonly weightWad: bigint })[];
  readonly swap: { readonly zeroForOne: boolean; readonly amountIn: bigint; readonly sqrtPriceLimitX96: bigint };
  /** NAV lost by swap fee and impact at the reference price, asset units, rounded up with head-room. */
  readonly declaredCost: bigint;
  readonly declaredGain: bigint;
  readonly minSharePrice: bigint;
}

/** What is stated of the day ahead by the posterior that wraps the volatility model. */
export interface StatedDay {
  /** The 95 % interval of the return is ± this, in ln of the price. */
  readonly halfWidth: number;
  /** The posterior of realised variance, from which the spread is declared. */
  readonly variance: VolatilityPrediction;
  /** Days that it has learned from, and how many of the last 59 left their interval. */
  readonly days: number;
  readonly misses: number;
  /** Probability that the market's regime changed within ten days. */
  readonly changed: number;
}

export interface Decision {
  readonly version: 1;
  readonly vault: Address;
  readonly pool: Address;
  readonly block: number;
  readonly atSeconds: number;
  readonly numeraire: Numeraire;
  /** Spot that the candidates were measured from. */
  readonly sqrtPriceX96: bigint;
  /** move = to a range; hold = keep what is there; stand-aside = be idle (with a plan when positions must be closed). */
  readonly action: "move" | "hold" | "stand-aside";
  /** One sentence for a person. */
  readonly reason: string;
  /** Short key for tables and metrics, e.g. "edge", "cooldown", "not-calm", "no-edge", "out-of-domain", "history". */
  readonly reasonKey: string;
  readonly candidates: readonly Candidate[];
  /** Index into candidates, or -1 when nothing was scored. */
  readonly chosen: number;
  readonly plan: PlannedMove | null;
  readonly spreadWad: bigint;
  readonly volatility: VolatilityPrediction | null;
  /** Absent where no calibration is kept. */
  readonly stated?: StatedDay;
  readonly models: readonly ModelIdentity[];
  readonly features: { readonly schema: string; readonly values: readonly (number | null)[] } | null;
  /** keccak256 over block, state, bounds, features and the candidate table's sha256: what the chain event carries. */
  readonly inputsDigest: Hex;
}
