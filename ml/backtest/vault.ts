import type { Address, HeldPosition, Numeraire, VaultState } from "../types.ts";
import { mulDivDown, toWad, valueInAsset, WAD } from "../units.ts";
import type { VaultLimits } from "./limits.ts";
import type { MarketSession } from "./market.ts";

/** Stands for the simulated vault in decisions. */
export const SIMULATED_VAULT: Address = "0x0000000000000000000000000000000000ba7c7e";

/** What the simulated vault holds beside its positions, and what its limits remember. Token units. */
export interface Vault {
  idle0: bigint;
  idle1: bigint;
  lastMoveAt: number;
  movesDay: number;
  movesToday: number;
  /** Loss that is not refilled yet, a ratio of NAV, at `budgetAt`. */
  budgetUsed: number;
  budgetAt: number;
  moves: number;
}

/** A vault that holds its whole capital in the asset. */
export const openVault = (capital: bigint, numeraire: Numeraire): Vault => ({
  idle0: numeraire === 0 ? capital : 0n,
  idle1: numeraire === 1 ? capital : 0n,
  lastMoveAt: 0,
  movesDay: -1,
  movesToday: 0,
  budgetUsed: 0,
  budgetAt: 0,
  moves: 0,
});

/** Fees less what just-in-time liquidity is taken to get of them. */
export const afterHaircut = (fees: bigint, haircutBps: number): bigint =>
  haircutBps === 0 ? fees : mulDivDown(fees, BigInt(Math.round((10_000 - haircutBps) * 1e6)), 10_000_000_000n);

export interface VaultStateParameters {
  readonly vault: Vault;
  readonly session: MarketSession;
  readonly numeraire: Numeraire;
  readonly capital: bigint;
  readonly feeHaircutBps: number;
  readonly limits: VaultLimits | null;
}

/** The vault in the shape that `decide` reads; amounts at the pool's own price. */
export function vaultState(parameters: VaultStateParameters): VaultState {
  const { vault, session, numeraire, capital, feeHaircutBps, limits } = parameters;
  const positions = session.positions().map(
    (position): HeldPosition => ({
      ...position,
      fees0: afterHaircut(position.fees0, feeHaircutBps),
      fees1: afterHaircut(position.fees1, feeHaircutBps),
    }),
  );
  const sum = (pick: (position: HeldPosition) => bigint): bigint =>
    positions.reduce((total, position) => total + pick(position), 0n);
  const amounts = {
    amount0: vault.idle0 + sum(({ amount0, fees0 }) => amount0 + fees0),
    amount1: vault.idle1 + sum(({ amount1, fees1 }) => amount1 + fees1),
  };
  const nav = valueInAsset(amounts, session.sqrtPriceX96, numeraire);
  const day = Math.floor(session.atSeconds / 86_400);
  return {
    vault: SIMULATED_VAULT,
    numeraire,
    idle0: vault.idle0,
    idle1: vault.idle1,
    positions,
    nav,
    sharePrice: capital === 0n ? 0n : mulDivDown(nav, WAD, capital),
    calm: limits === null || isCalm(session, limits),
    paused: false,
    lastMoveAt: vault.lastMoveAt,
    movesToday: vault.movesDay === day ? vault.movesToday : 0,
    lossBudgetLeftWad: limits === null ? WAD : toWad(budgetLeft(vault, limits, session.atSeconds)),
    nextNonce: BigInt(vault.moves),
    // Spot and the tick before it outvote the lagging mean: the median of the three.
    referenceTick: session.tick,
  };
}

/** Whether spot and its long mean agree within the vault's band. */
export const isCalm = (session: MarketSession, { bandTicks, longWindowSeconds }: VaultLimits): boolean =>
  Math.abs(session.tick - session.meanTick(longWindowSeconds)) <= bandTicks;

/** What is left of the leaky bucket, a ratio of NAV. */
export function budgetLeft(vault: Vault, limits: VaultLimits, atSeconds: number): number {
  const { lossBudgetRatio, lossBudgetRefillSeconds } = limits;
  const refilled = ((atSeconds - vault.budgetAt) / lossBudgetRefillSeconds) * lossBudgetRatio;
  return Math.max(0, lossBudgetRatio - Math.max(0, vault.budgetUsed - refilled));
}
