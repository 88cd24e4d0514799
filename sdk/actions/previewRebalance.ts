import type { Address, Client, Hex } from "viem";
import { simulateContract } from "viem/actions";
import { modelStrategyAbi } from "../abi/modelStrategy.ts";
import type { RebalanceProposal } from "../proposal.ts";

export interface PreviewRebalanceParameters {
  readonly strategy: Address;
  readonly proposal: RebalanceProposal;
  readonly signature: Hex;
  /** Who would relay it; matters only when the proposal names its executor. */
  readonly account?: Address;
  readonly blockNumber?: bigint;
}

/** What a move would do, measured by the vault: values in asset units, loss in Wad, swap amounts as the pool sees them. */
export interface RebalanceReport {
  readonly navBefore: bigint;
  readonly navAfter: bigint;
  readonly lossWad: bigint;
  readonly fees0: bigint;
  readonly fees1: bigint;
  readonly swap0: bigint;
  readonly swap1: bigint;
}

/**
 * Runs a move without sending it. Throws what the chain would refuse it with; `decodeRevert` puts that in words.
 *
 * @example const report = await previewRebalance(client, { strategy, proposal, signature });
 */
export async function previewRebalance(
  client: Client,
  { strategy, proposal, signature, account, blockNumber }: PreviewRebalanceParameters,
): Promise<RebalanceReport> {
  const { result } = await simulateContract(client, {
    address: strategy,
    abi: modelStrategyAbi,
    functionName: "rebalance",
    args: [proposal, signature],
    ...(account === undefined ? {} : { account }),
    ...(blockNumber === undefined ? {} : { blockNumber }),
  });
  return result;
}
