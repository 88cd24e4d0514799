import { type Account, type Address, type Client, encodeFunctionData, type Hex } from "viem";
import { modelStrategyAbi } from "../abi/modelStrategy.ts";
import type { RebalanceProposal } from "../proposal.ts";
import { write } from "./write.ts";

export interface RebalanceParameters {
  readonly proposal: RebalanceProposal;
  readonly signature: Hex;
}

/** Calldata of a move, for those who sign and send transactions themselves. */
export function encodeRebalance({ proposal, signature }: RebalanceParameters): Hex {
  return encodeFunctionData({ abi: modelStrategyAbi, functionName: "rebalance", args: [proposal, signature] });
}

/**
 * Relays a signed proposal; anyone may, unless it names its executor. Returns the transaction's hash.
 *
 * @example const hash = await rebalance(client, { account, strategy, proposal, signature });
 */
export function rebalance(
  client: Client,
  { account, strategy, proposal, signature }: RebalanceParameters & { account: Account | Address; strategy: Address },
): Promise<Hex> {
  return write(client, {
    account,
    chain: null,
    address: strategy,
    abi: modelStrategyAbi,
    functionName: "rebalance",
    args: [proposal, signature],
  });
}
