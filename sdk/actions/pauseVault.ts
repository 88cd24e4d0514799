import type { Account, Address, Client, Hex } from "viem";
import { encodeFunctionData } from "viem";
import { rangeVaultAbi } from "../abi/rangeVault.ts";
import { write } from "./write.ts";

export interface PauseVaultParameters {
  /** Holder of the guardian's role. */
  readonly account: Account | Address;
  readonly vault: Address;
  /** At most seven days; the pause lapses by itself. */
  readonly durationSeconds: bigint;
  /** Wei per gas; the client's own estimate where they are left out. */
  readonly fees?: { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint };
}

/** Calldata of a pause, for a Safe or another signer. */
export const encodePauseVault = (durationSeconds: bigint): Hex =>
  encodeFunctionData({ abi: rangeVaultAbi, functionName: "pause", args: [durationSeconds] });

/**
 * Closes a vault's entry and moves for a limited time; exits in kind stay open. Returns the transaction's hash.
 *
 * @example const hash = await pauseVault(client, { account: guardian, vault, durationSeconds: 86_400n });
 */
export function pauseVault(client: Client, parameters: PauseVaultParameters): Promise<Hex> {
  const { account, vault, durationSeconds, fees } = parameters;
  return write(client, {
    account,
    chain: null,
    address: vault,
    abi: rangeVaultAbi,
    functionName: "pause",
    args: [durationSeconds],
    ...fees,
  });
}
