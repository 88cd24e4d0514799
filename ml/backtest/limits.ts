import type { Range } from "../types.ts";
import type { MarketSession } from "./market.ts";
import { budgetLeft, isCalm, type Vault } from "./vault.ts";

/** The vault's own limits, which refuse a move whatever asks for it. Ratios of 1. */
export interface VaultLimits {
  readonly minWidthTicks: number;
  readonly cooldownSeconds: number;
  readonly maxMovesPerDay: number;
  /** Most of the pool's in-range liquidity that may be ours after a move. */
  readonly maxPoolShare: number;
  /** Most of NAV that one move may lose. */
  readonly maxLossPerMove: number;
  readonly lossBudgetRatio: number;
  readonly lossBudgetRefillSeconds: number;
  /** Spot may be this far from its mean over `longWindowSeconds`. */
  readonly bandTicks: number;
  readonly longWindowSeconds: number;
}

/** Why the vault would revert a move into these ranges before it trades, as a short key; null = it would not. */
export function refusedBefore(
  limits: VaultLimits,
  vault: Vault,
  session: MarketSession,
  ranges: readonly Range[],
): string | null {
  const { atSeconds } = session;
  if (!isCalm(session, limits)) return "not-calm";
  if (vault.lastMoveAt > 0 && atSeconds < vault.lastMoveAt + limits.cooldownSeconds) return "cooldown";
  const today = vault.movesDay === Math.floor(atSeconds / 86_400) ? vault.movesToday : 0;
  if (today >= limits.maxMovesPerDay) return "moves-per-day";
  const narrow = ranges.some(({ lowerTick, upperTick }) => upperTick - lowerTick < limits.minWidthTicks);
  return narrow ? "width-below-minimum" : null;
}

export interface MoveOutcome {
  /** NAV lost by the move, a ratio. */
  readonly loss: number;
  readonly poolShare: number;
}

/** Why the vault would revert a move after it traded; null = it would not. */
export function refusedAfter(
  limits: VaultLimits,
  vault: Vault,
  session: MarketSession,
  { loss, poolShare }: MoveOutcome,
): string | null {
  if (poolShare > limits.maxPoolShare) return "pool-share";
  if (loss > limits.maxLossPerMove) return "loss-per-move";
  return loss > budgetLeft(vault, limits, session.atSeconds) ? "loss-budget" : null;
}

/** Writes a move that happened into what the limits remember. */
export function countMove(limits: VaultLimits | null, vault: Vault, atSeconds: number, loss: number): void {
  const day = Math.floor(atSeconds / 86_400);
  vault.movesToday = vault.movesDay === day ? vault.movesToday + 1 : 1;
  vault.movesDay = day;
  vault.lastMoveAt = atSeconds;
  vault.moves++;
  if (limits === null) return;
  const left = budgetLeft(vault, limits, atSeconds);
  vault.budgetUsed = limits.lossBudgetRatio - left + Math.max(0, loss);
  vault.budgetAt = atSeconds;
}
