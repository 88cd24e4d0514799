import type { Numeraire, VaultState } from "../types.ts";
import { type Amounts, valueInAsset } from "../units.ts";

/** What the vault would have in hand after closing everything. */
export interface Holdings extends Amounts {
  /** Asset units at spot. */
  readonly value: bigint;
  /** Part of the value that is in the other token, 0..1. */
  readonly otherShare: number;
  /** Liquidity of our own that is in range at spot. */
  readonly liquidityInRange: bigint;
}

/** Sums idle tokens, position amounts and uncollected fees. */
export function holdingsOf(state: VaultState, spot: { sqrtPriceX96: bigint; tick: number }): Holdings {
  let [amount0, amount1, liquidityInRange] = [state.idle0, state.idle1, 0n];
  for (const position of state.positions) {
    amount0 += position.amount0 + position.fees0;
    amount1 += position.amount1 + position.fees1;
    if (position.lowerTick <= spot.tick && spot.tick < position.upperTick) liquidityInRange += position.liquidity;
  }
  const value = valueInAsset({ amount0, amount1 }, spot.sqrtPriceX96, state.numeraire);
  const asset = assetAmount({ amount0, amount1 }, state.numeraire);
  const otherShare = value === 0n ? 0 : Number(value - asset) / Number(value);
  return { amount0, amount1, value, otherShare, liquidityInRange };
}

/** The asset's side of two amounts. */
export const assetAmount = ({ amount0, amount1 }: Amounts, numeraire: Numeraire): bigint =>
  numeraire === 0 ? amount0 : amount1;
