import type { Outside } from "../features/outsideSeries.ts";
import type { SwapOrder } from "../sim/exact/types.ts";
import type { Bar, HeldPosition, Numeraire, PoolHistory, Range } from "../types.ts";
import type { Amounts } from "../units.ts";
import type { MarketDescription } from "./types.ts";

/** A market's data, loaded once; every run opens a session of its own. */
export interface BacktestMarket {
  readonly description: MarketDescription;
  /** Between prices that were recorded; in between they are filled in, and no LVR is in them. 0 = each one was recorded. */
  readonly stepSeconds: number;
  /** Whether it knows gas prices at its own times. */
  readonly knowsGas: boolean;
  /** What was known of the world outside of it, read when it is first asked for; absent = nothing. */
  readonly outside?: Outside | undefined;
  /** A market that has been played, without us in it, up to and including `fromSeconds`. */
  open(parameters: OpenMarketParameters): MarketSession;
  /** The same market as it would be if its data ended at this time: what nobody can look beyond. */
  until(seconds: number): BacktestMarket;
  /** Bars of the record of five minutes, or its own where they are longer, to `toSeconds`. Only clairvoyants see them. */
  recordedBars(parameters: OpenMarketParameters & { readonly toSeconds: number }): readonly Bar[];
}

export interface OpenMarketParameters {
  readonly fromSeconds: number;
  readonly numeraire: Numeraire;
}

/** All own positions together, in token units as floats: what the books are kept in. */
export interface OwnHoldings {
  readonly principal0: number;
  readonly principal1: number;
  /** Earned and not yet collected. */
  readonly fees0: number;
  readonly fees1: number;
  readonly inRange: boolean;
}

/** The arbitrageur of a market that is played with us in it. */
export interface ArbitrageTotals {
  readonly swaps: number;
  /** Whole asset units. */
  readonly volume: number;
}

/**
 * A pool in time, as the one who owns positions in it sees it. Time only goes forward. `price` is the price outside, at
 * which everything is valued; `sqrtPriceX96` is the pool's own, which own swaps and own liquidity may keep apart from it.
 */
export interface MarketSession {
  readonly atSeconds: number;
  readonly block: number;
  /** Whole asset units per whole unit of the other token. */
  readonly price: number;
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  /** In range, ours included. */
  readonly liquidity: bigint;
  /** Wei per unit of gas as last recorded; null where the market has none. */
  readonly gasPriceWei: number | null;
  readonly arbitrage: ArbitrageTotals;

  /** Plays the market up to and including a time; `onStep` runs after each moment at which the price may have moved. */
  advance(untilSeconds: number, onStep: () => void): void;
  /** When a transaction that is sent now and mined this many blocks later acts. */
  actsAt(latencyBlocks: number): number;
  /** Swaps of the last `lookbackSeconds` in the pool as it is with us in it; null where the market has bars only. */
  history(lookbackSeconds: number): PoolHistory | null;
  /** Hourly bars that end now. */
  bars(count: number): readonly Bar[];
  /** Time-weighted mean tick of the last seconds. */
  meanTick(windowSeconds: number): number;

  /** Own positions with their fees to the unit, by lower then upper tick. */
  positions(): readonly HeldPosition[];
  holdings(): OwnHoldings;
  /** Opens a position or adds to it; what it takes. */
  mint(range: Range, liquidity: bigint): Amounts;
  /** Closes a position: its tokens, and its fees. */
  close(range: Range): { readonly principal: Amounts; readonly fees: Amounts };
  /** Amounts are the pool's view: positive = paid into the pool. */
  swap(order: SwapOrder): Amounts;
  /** Undoes all own dealings since; valid until time goes on. */
  checkpoint(): () => void;
}
