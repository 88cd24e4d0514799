import type { Outside } from "../features/outsideSeries.ts";
import type { Bar, Decision, Numeraire, PlannedMove, PoolHistory, PoolMeta, Range, VaultState } from "../types.ts";
import type { VaultLimits } from "./limits.ts";
import type { ArbitrageTotals } from "./market.ts";

/**
 * The vocabulary of the backtester. Money is in whole units of the asset (`number`), prices are whole asset units per
 * whole unit of the other token, times are unix seconds. On-chain amounts stay `bigint` inside the market.
 */

/** How a market's fees are known: from every swap in the exact engine, or from bars. */
export type FeeModel = "exact" | "approximate";

/** What a policy sees when it decides: nothing from after `atSeconds`. */
export interface PolicyContext {
  readonly pool: PoolMeta;
  readonly numeraire: Numeraire;
  readonly atSeconds: number;
  readonly block: number;
  /** Hourly bars that end now, oldest first; as many as are known, at most 28 days. */
  readonly bars: readonly Bar[];
  /** Swaps where the market has them (event markets); null where it has bars only. */
  readonly history: PoolHistory | null;
  /** What the simulated vault holds, in the shape that `decide` reads. */
  readonly state: VaultState;
  /** Whole asset units per whole unit of the other token. */
  readonly price: number;
  /** Net asset value in whole asset units. */
  readonly nav: number;
  /** What moving into one position would pay for gas now, whole asset units. */
  readonly moveGas?: number;
}

/**
 * What a policy wants. Ranges are in pool ticks on the spacing, weights are shares of NAV and sum to at most 1.
 * `swap: "to-ratio"` trades in this pool what the ranges need; "none" places what is there and leaves the rest idle.
 */
export type PolicyAction =
  | { readonly kind: "hold"; readonly reason: string }
  | {
      readonly kind: "move";
      readonly reason: string;
      readonly ranges: readonly (Range & { readonly weight: number })[];
      /**
       * An order of a model's plan is carried out as the vault would: cut to what is there, stopped at its price limit;
       * the weights are then the part of each token to offer to each range.
       */
      readonly swap: "to-ratio" | "none" | PlannedMove["swap"];
    }
  /** Close everything; `sell` = also trade the other token into the asset. */
  | { readonly kind: "idle"; readonly reason: string; readonly sell: boolean };

export interface Policy {
  /** Unique in a run, e.g. "fixed-10-reset". */
  readonly id: string;
  /** For tables, at most 24 characters. */
  readonly label: string;
  /** Policies whose width (or other knob) is chosen on a training window share a family. */
  readonly family: string;
  /** true = it looks into the future and is a bound, not a competitor. */
  readonly clairvoyant: boolean;
  decide(context: PolicyContext): Promise<PolicyAnswer> | PolicyAnswer;
}

export interface PolicyAnswer {
  readonly action: PolicyAction;
  /** The full decision of a model policy, for reports and parity; null for rules. */
  readonly decision: Decision | null;
}

/** Makes a fresh policy for a run; policies may keep state between decisions, runs may not share it. */
export type PolicyFactory = (input: PolicyInput) => Policy | Promise<Policy>;

export interface PolicyInput {
  readonly pool: PoolMeta;
  readonly numeraire: Numeraire;
  readonly capital: number;
  readonly decisionSeconds: number;
  readonly costs: CostSettings;
  /** What was known of the world outside of the market, each value with the moment from which it was. */
  readonly outside?: Outside | undefined;
  /** Only for clairvoyant policies: bars of the whole span, of five minutes where the market has them. Others must not read it. */
  readonly future: readonly Bar[];
}

export interface CostSettings {
  /** Gas of one move, units of gas, before the number of positions: a bare move and each position on top. */
  readonly gasPerMove: number;
  readonly gasPerPosition: number;
  /** Gas price in gwei: a constant, or "recorded" where the market has one. Multiplied by `gasScale`. */
  readonly gasGwei: number | "recorded";
  readonly gasScale: number;
  /** Price of the gas token in whole asset units; null = the pool's own price where the other token is that token. */
  readonly gasTokenPrice: number | null;
  /** Part of every own swap lost to sandwiches and back-runs, basis points of the amount swapped. */
  readonly mevBps: number;
  /** Part of fee income lost to just-in-time liquidity, basis points of fees. */
  readonly feeHaircutBps: number;
}

export interface RunSettings {
  readonly capital: number;
  readonly numeraire: Numeraire;
  /** Seconds between decisions. */
  readonly decisionSeconds: number;
  /** Blocks between the block of a decision and the one it acts in; >= 1. */
  readonly latencyBlocks: number;
  readonly costs: CostSettings;
  readonly seed: number;
  /** What the vault refuses whatever asks for it; absent or null = it refuses nothing. */
  readonly limits?: VaultLimits | null;
  /**
   * Seconds between the times at which exposure, fees and LVR are told apart; 0 = after every block. Absent = 300: a
   * pool's own price follows the market in steps as wide as its fee, and on a finer grid that lag hides part of LVR. A
   * market of bars is marked at their ends at most.
   */
  readonly markSeconds?: number;
  /** First and last second of the span that is traded; earlier data is history only. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** The vault at one sampling time. Cumulative sums are positive numbers in whole asset units. */
export interface RunPoint {
  readonly atSeconds: number;
  readonly block: number;
  readonly price: number;
  readonly nav: number;
  /** Alternatives started with the same capital at the same time, marked at the same price. */
  readonly hodl: number;
  readonly fiftyFifty: number;
  readonly assetOnly: number;
  readonly fullRange: number;
  readonly fees: number;
  readonly lvr: number;
  readonly swapCost: number;
  readonly mev: number;
  readonly gas: number;
  /** Sum of (amount of the other token held) x (price change): what mere exposure earned; may be negative. */
  readonly exposure: number;
  /** 1 = spot inside the held ranges at this time, 0 = not or idle. */
  readonly inRange: number;
  /** Value in the pool / NAV. */
  readonly deployed: number;
  readonly ranges: readonly Range[];
}

export interface RunMove {
  readonly decidedAt: number;
  readonly actedAt: number;
  readonly block: number;
  readonly kind: "move" | "idle";
  readonly reason: string;
  readonly ranges: readonly Range[];
  readonly price: number;
  readonly nav: number;
  /** Whole asset units given to the swap, and its parts of cost. */
  readonly swapped: number;
  readonly swapFee: number;
  readonly swapImpact: number;
  readonly mev: number;
  readonly gas: number;
  /** Own share of the liquidity in range after the move. */
  readonly poolShare: number;
}

/**
 * start + fees − lvr − swapCost − mev − gas + exposure = final, to 1e-9 of start. `headline` = fees − lvr − swapCost −
 * mev − gas. All whole asset units.
 */
export interface Waterfall {
  readonly start: number;
  readonly fees: number;
  readonly lvr: number;
  readonly swapCost: number;
  readonly mev: number;
  readonly gas: number;
  readonly exposure: number;
  readonly final: number;
  readonly headline: number;
  readonly residual: number;
}

export interface RunResult {
  readonly policy: {
    readonly id: string;
    readonly label: string;
    readonly family: string;
    readonly clairvoyant: boolean;
  };
  readonly market: MarketDescription;
  readonly settings: RunSettings;
  readonly waterfall: Waterfall;
  /** Hourly, first at the start and last at the end. */
  readonly points: readonly RunPoint[];
  readonly moves: readonly RunMove[];
  /** How often each action was taken, and each reason given for not moving. */
  readonly decisions: { readonly taken: number; readonly byReason: Readonly<Record<string, number>> };
  /** Decisions of model policies, in time order; empty for rules. */
  readonly journal: readonly Decision[];
  /** What an arbitrageur traded because we kept the pool's price from following the record. */
  readonly arbitrage?: ArbitrageTotals;
  readonly warnings: readonly string[];
}

export interface MarketDescription {
  readonly name: string;
  readonly pool: PoolMeta;
  readonly feeModel: FeeModel;
  /** First and last data, unix seconds. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly events: number;
  readonly dataSha256: string;
  /** Reconstruction, gaps and the like, for the report's warning box. */
  readonly notes: readonly string[];
}

/**
 * One window of a walk-forward run: the policies of a family competed on the training span by headline, and the winner
 * ran on the test span. Headlines are fractions of the capital at the start of their own span.
 */
export interface WalkForwardFold {
  readonly family: string;
  readonly trainFromSeconds: number;
  readonly trainToSeconds: number;
  readonly testFromSeconds: number;
  readonly testToSeconds: number;
  readonly candidates: readonly { readonly policy: string; readonly trainHeadline: number }[];
  /** Id of the winner. */
  readonly chosen: string;
  readonly trainHeadline: number;
  readonly testHeadline: number;
}

/** One run of a sweep, as far as tables and heat maps need it; a RunResult is one. */
export type SweepCell = Pick<RunResult, "policy" | "settings" | "waterfall">;
