import type { Account, Address, Client, Hex } from "viem";
import { rangeVaultAbi } from "../abi/rangeVault.ts";
import { write } from "./write.ts";

export interface DepositParameters {
  readonly account: Account | Address;
  readonly vault: Address;
  /** Asset units; the vault must be approved for them. */
  readonly assets: bigint;
  readonly receiver: Address;
  /** Fewer shares than this and the deposit is refused. */
  readonly minShares: bigint;
}

/**
 * Deposits the asset and returns the transaction's hash. Always states a minimum, because a deposit is priced at the
 * block that mines it.
 *
 * @example const hash = await deposit(client, { account, vault, assets, receiver, minShares });
 */
export function deposit(
  client: Client,
  { account, vault, assets, receiver, minShares }: DepositParameters,
): Promise<Hex> {
  return write(client, {
    account,
    chain: null,
    address: vault,
    abi: rangeVaultAbi,
    functionName: "deposit",
    args: [assets, receiver, minShares],
  });
}
