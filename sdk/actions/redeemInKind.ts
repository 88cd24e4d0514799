import type { Account, Address, Client, Hex } from "viem";
import { rangeVaultAbi } from "../abi/rangeVault.ts";
import { write } from "./write.ts";

export interface RedeemInKindParameters {
  readonly account: Account | Address;
  readonly vault: Address;
  readonly shares: bigint;
  readonly owner: Address;
  readonly receiver0: Address;
  readonly receiver1: Address;
  /** Token units. */
  readonly min0: bigint;
  readonly min1: bigint;
  /** A waived leg stays with those who stay: the way out when one token cannot move. */
  readonly waive0?: boolean;
  readonly waive1?: boolean;
}

/**
 * Redeems shares for the pro-rata slice of both tokens; needs no price and never closes. Returns the transaction's
 * hash.
 *
 * @example const hash = await redeemInKind(client, { account, vault, shares, owner, receiver0, receiver1, min0, min1 });
 */
export function redeemInKind(client: Client, parameters: RedeemInKindParameters): Promise<Hex> {
  const { account, vault, waive0 = false, waive1 = false, ...exit } = parameters;
  return write(client, {
    account,
    chain: null,
    address: vault,
    abi: rangeVaultAbi,
    functionName: "redeemInKind",
    args: [{ ...exit, waive0, waive1 }],
  });
}
