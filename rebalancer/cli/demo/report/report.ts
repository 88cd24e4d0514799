/** What a run of the main job leaves behind: everything that report.json holds and that console and page show. */

export interface Report {
  readonly version: 1;
  readonly market: MarketSection;
  readonly replay: ReplaySection | null;
  readonly models: readonly ModelSection[];
  /** Symbol and decimals of the vault's asset: the unit of every value below. */
  readonly asset: { readonly symbol: string; readonly decimals: number };
  readonly other: { readonly symbol: string; readonly decimals: number };
  readonly series: Series;
  readonly decisions: DecisionSection;
  readonly forecasts: ForecastSection;
  readonly moves: readonly Move[];
  readonly refusals: readonly Refusal[];
  readonly result: Result;
  readonly depositors: readonly Depositor[];
  readonly conservation: readonly Conservation[];
  readonly checks: readonly Check[];
}

export interface MarketSection {
  readonly name: string;
  readonly kind: "recorded" | "synthetic";
  readonly seed: number | null;
  /** Unix seconds. */
  readonly from: number;
  readonly to: number;
  readonly swaps: number;
  readonly blocks: number;
  readonly feePips: number;
  readonly source: string;
  readonly notes: readonly string[];
}

/** The pass without the vault, and what our liquidity changed in the pass with it. */
export interface ReplaySection {
  readonly reconstructed: boolean;
  readonly swaps: number;
  readonly exact: number;
  readonly exactIn: number;
  readonly exactOut: number;
  readonly atLimit: number;
  readonly mints: number;
  readonly burns: number;
  /** Median deviation of the swaps that were not exact, basis points of the amount received; null when all were. */
  readonly medianDeviationBps: number | null;
  readonly withVault: { readonly medianBps: number; readonly maxBps: number; readonly finalPriceBps: number } | null;
}

export interface ModelSection {
  readonly id: string;
  readonly version: string;
  readonly task: string;
  readonly sha256: string;
  /** Whether this market's days overlap the days the model was fitted on. */
  readonly inSample: boolean;
  readonly trainedOn: string;
}

/** One point per block of the market; prices in asset per other token, human units; indices start at 100. */
export interface Series {
  readonly at: readonly number[];
  readonly price: readonly number[];
  readonly lower: readonly (number | null)[];
  readonly upper: readonly (number | null)[];
  /** NAV in asset units (human). */
  readonly nav: readonly number[];
  readonly vault: readonly number[];
  readonly benchmarks: Readonly<Record<string, readonly number[]>>;
}

export interface DecisionSection {
  readonly total: number;
  readonly move: number;
  readonly hold: number;
  readonly standAside: number;
  readonly byReason: Readonly<Record<string, number>>;
}

/** Forecasts whose horizon has passed, against what happened: means in basis points of the position's value. */
export interface ForecastSection {
  readonly settled: number;
  readonly fees: { readonly predicted: number; readonly realised: number };
  readonly lvr: { readonly predicted: number; readonly realised: number };
}

export interface Move {
  readonly at: number;
  readonly block: number;
  readonly nonce: number;
  readonly kind: "move" | "stand-aside";
  readonly price: number;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly reason: string;
  readonly predictedEdgeBps: number;
  readonly measuredLossBps: number;
  readonly gasUsed: number;
  readonly transaction: string;
  readonly events: readonly string[];
}

export interface Refusal {
  /** Who said no: the decision itself, the preflight mirror, the chain, or the vault's entry. */
  readonly where: "decision" | "preflight" | "chain" | "entry";
  readonly reason: string;
  readonly count: number;
  readonly example: string;
}

/** Asset units (human). The waterfall: deposits - exits + market + fees - lvr - swapCost + rounding = end. */
export interface Result {
  readonly deposits: number;
  readonly exits: number;
  readonly market: number;
  readonly fees: number;
  readonly lvr: number;
  readonly swapCost: number;
  readonly rounding: number;
  readonly end: number;
  /** |left - right| over deposits. */
  readonly residual: number;
  /** Paid by the keeper, not by the vault. */
  readonly gas: number;
  /** fees - lvr - swapCost - gas: the headline. */
  readonly net: number;
  /** Returns since the vault opened, fractions: time-weighted, and of one share (which also gains entry margins). */
  readonly vaultReturn: number;
  readonly sharePriceReturn: number;
  readonly benchmarks: readonly { readonly name: string; readonly return: number }[];
  readonly timeInRange: number;
  readonly timeDeployed: number;
  readonly feesCollected: { readonly token0: string; readonly token1: string };
}

export interface Depositor {
  readonly name: string;
  readonly paidIn: number;
  readonly paidOutAsset: number;
  readonly paidOutOther: number;
  /** What was paid out, valued at the price of each exit. */
  readonly paidOutValue: number;
  readonly story: readonly string[];
}

/** One token's movements through the vault, token units as decimal strings; difference must be "0". */
export interface Conservation {
  readonly token: string;
  readonly depositorsIn: string;
  readonly poolToVault: string;
  readonly vaultToPool: string;
  readonly depositorsOut: string;
  readonly leftInVault: string;
  readonly difference: string;
}

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}
