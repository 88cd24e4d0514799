import type { Address, Client } from "viem";
import { readContract } from "viem/actions";
import type { VaultState } from "../../ml/types.ts";
import { bpsToWad, getTickAtSqrtPrice } from "../../ml/units.ts";
import { modelStrategyAbi } from "../abi/modelStrategy.ts";
import { vaultLensAbi } from "../abi/vaultLens.ts";

export interface GetVaultParameters {
  readonly lens: Address;
  readonly vault: Address;
  readonly blockNumber?: bigint;
}

/**
 * Everything about a vault in one call: holdings, prices, NAV at low, mid and high, share prices, budget, pause.
 *
 * @example const { midNav, positions, calm } = await getVault(client, { lens, vault });
 */
export function getVault(client: Client, { lens, vault, blockNumber }: GetVaultParameters) {
  return readContract(client, {
    address: lens,
    abi: vaultLensAbi,
    functionName: "status",
    args: [vault],
    ...(blockNumber === undefined ? {} : { blockNumber }),
  });
}

export type GetVaultReturnType = Awaited<ReturnType<typeof getVault>>;

/** What a decision is made from, and what else can stop a move. */
export interface MovableState extends VaultState {
  /** Rebalancing waits for the curator to lift the hold. */
  readonly rebalanceHeld: boolean;
  /** The vault's own cap on its share of the pool's in-range liquidity. */
  readonly maxPoolShareWad: bigint;
  /** The pool's mean liquidity in range, which that cap counts too: what came in lately is not in it. 0 = not known. */
  readonly meanLiquidity: bigint;
}

/**
 * The state that a decision is made from: the lens's answer and the strategy's next nonce, at one block.
 *
 * @example const state = await getVaultState(client, { lens, vault, strategy, blockNumber });
 */
export async function getVaultState(
  client: Client,
  { strategy, ...parameters }: GetVaultParameters & { strategy: Address },
): Promise<MovableState> {
  const { blockNumber } = parameters;
  const [status, nextNonce] = await Promise.all([
    getVault(client, parameters),
    readContract(client, {
      address: strategy,
      abi: modelStrategyAbi,
      functionName: "nextNonce",
      ...(blockNumber === undefined ? {} : { blockNumber }),
    }),
  ]);
  const reference = status.refs.midSqrtPriceX96;
  return {
    vault: parameters.vault,
    numeraire: status.assetIsToken0 ? 0 : 1,
    idle0: status.idle0,
    idle1: status.idle1,
    positions: status.positions,
    nav: status.midNav,
    sharePrice: status.lowSharePrice,
    calm: status.calm,
    // A hold stops moves as a pause does; a decision need not tell them apart.
    paused: status.paused || status.rebalanceHeld,
    rebalanceHeld: status.rebalanceHeld,
    lastMoveAt: Number(status.lastMoveAt),
    movesToday: Number(status.movesToday),
    lossBudgetLeftWad: status.budgetLeftWad,
    nextNonce,
    maxPoolShareWad: bpsToWad(status.limits.maxPoolShareBps),
    meanLiquidity: status.refs.meanLiquidity,
    referenceTick: reference === 0n ? status.tick : getTickAtSqrtPrice(reference),
  };
}
