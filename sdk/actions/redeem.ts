import type { Account, Address, Client, Hex } from "viem";
import { rangeVaultAbi } from "../abi/rangeVault.ts";
import { write } from "./write.ts";

export interface RedeemParameters {
  readonly account: Account | Address;
  readonly vault: Address;
  readonly shares: bigint;
  readonly receiver: Address;
  readonly owner: Address;
  /** Asset units; fewer than this and the exit is refused. */
  readonly minAssets: bigint;
}

/**
 * Redeems shares for the asset, swapping the other token inside the reference band at the leaver's cost. Returns the
 * transaction's hash.
 *
 * @example const hash = await redeem(client, { account, vault, shares, receiver, owner, minAssets });
 */
export function redeem(
  client: Client,
  { account, vault, shares, receiver, owner, minAssets }: RedeemParameters,
): Promise<Hex> {
  return write(client, {
    account,
    chain: null,
    address: vault,
    abi: rangeVaultAbi,
    functionName: "redeem",
    args: [shares, receiver, owner, minAssets],
  });
}
