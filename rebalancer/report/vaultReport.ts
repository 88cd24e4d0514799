import type { ModelIdentity, Numeraire, StatedDay } from "../../ml/types.ts";
import type { Performance } from "../performance.ts";
import type { StopOrder } from "../stops/killSwitch.ts";

/**
 * What a vault did in a span, from the chain's events and the journal. Values in whole asset units, prices in asset per
 * whole other token, times in Unix seconds. The same events and the same journal give the same report, byte for byte.
 */
export interface VaultReport {
  readonly version: 1;
  readonly vault: {
    readonly name: string;
    readonly address: string;
    readonly pool: string;
    readonly chainId: number;
    readonly asset: string;
    readonly other: string;
    readonly numeraire: Numeraire;
  };
  readonly span: Span;
  /** What is missing, and what a reader must know; empty = nothing. */
  readonly notes: readonly string[];
  readonly result: Result;
  readonly moves: readonly ReportedMove[];
  readonly forecasts: Performance;
  /** Null where no decision stated anything of the day ahead. */
  readonly stated: Stated | null;
  readonly decisions: {
    readonly total: number;
    readonly move: number;
    readonly hold: number;
    readonly standAside: number;
  };
  readonly refusals: readonly Refusal[];
  readonly stops: readonly StopOrder[];
  /** With how many decisions each took part in. */
  readonly models: readonly (ModelIdentity & { readonly decisions: number })[];
  readonly series: readonly SeriesPoint[];
}

export interface Span {
  /** As asked for. */
  readonly sinceSeconds: number;
  readonly untilSeconds: number;
  /** Of the first and the last state that the journal holds: what the figures are of. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly fromBlock: number;
  readonly toBlock: number;
}

/** opening + deposits − exits + market + fees − LVR − swap cost + rounding = closing, up to the residual. */
export interface Result {
  readonly opening: number;
  readonly deposits: number;
  readonly exits: number;
  /** What the tokens held gained by the price alone. */
  readonly market: number;
  readonly fees: number;
  readonly lvr: number;
  readonly swapCost: number;
  readonly rounding: number;
  readonly closing: number;
  /** |left − right| over the larger of opening and deposits. */
  readonly residual: number;
  /** Paid by the keeper, not by the vault; `gas` is null where the pool has no native token to price it in. */
  readonly gasWei: string;
  readonly gas: number | null;
  /** fees − LVR − swap cost − gas (where it is known). */
  readonly net: number;
  /** Of one whole share, at the low reference price: what a leaver gets. */
  readonly sharePrice: { readonly opening: number; readonly closing: number; readonly return: number | null };
  /** Time-weighted, so that deposits and exits count for nothing; fractions. Null = the vault was empty. */
  readonly vaultReturn: number | null;
  /** Of holding the tokens that the vault held at the start. */
  readonly hodlReturn: number | null;
  readonly againstHodl: number | null;
  readonly timeInRange: number;
  readonly timeDeployed: number;
}

export interface ReportedMove {
  readonly atSeconds: number;
  readonly block: number;
  readonly nonce: string;
  readonly kind: "move" | "stand-aside";
  readonly lowerPrice: number | null;
  readonly upperPrice: number | null;
  readonly reason: string;
  /** By how much it was to beat staying, over the horizon, net of its cost. */
  readonly predictedEdgeBps: number;
  /** fees − LVR over the horizon, as forecast and as it came; null = not settled yet. */
  readonly predictedNetBps: number | null;
  readonly realisedNetBps: number | null;
  /** NAV lost by the move as the vault measured it. */
  readonly lossBps: number;
  readonly gasWei: string;
  readonly transaction: string;
}

/** What decisions stated of the day after them. */
export interface Stated {
  /** The spread that the last one declared, 1e18 = 100 %, and all that it stated. */
  readonly spreadWad: bigint;
  readonly latest: StatedDay;
  /** Decisions whose day has ended, and those of them whose price ended inside its interval. Days overlap. */
  readonly ended: number;
  readonly inside: number;
  /** The same of what challengers stated beside them, by model set. */
  readonly challengers: readonly ChallengerStated[];
}

export interface ChallengerStated {
  readonly modelSet: string;
  /** Decisions beside which it stated something and whose day has ended, and those whose price ended inside. */
  readonly ended: number;
  readonly inside: number;
  /** Of the same decisions, those whose price ended inside what the champion stated. */
  readonly champion: number;
}

export interface Refusal {
  /** Who said no: the decision, the worker's own checks before sending, or the chain. */
  readonly where: "decision" | "preflight" | "chain";
  readonly reason: string;
  readonly count: number;
  readonly example: string;
}

export interface SeriesPoint {
  readonly atSeconds: number;
  readonly block: number;
  readonly price: number;
  readonly nav: number;
  readonly sharePrice: number;
  readonly lowerPrice: number | null;
  readonly upperPrice: number | null;
  readonly inRange: boolean;
  readonly deployed: number;
  /** 100 at the start. */
  readonly vault: number;
  readonly hodl: number;
  readonly action: string;
}
