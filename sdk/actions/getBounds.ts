import type { Address, Client } from "viem";
import { readContract } from "viem/actions";
import type { Bounds } from "../../ml/types.ts";
import { modelStrategyAbi } from "../abi/modelStrategy.ts";

export interface GetBoundsParameters {
  readonly strategy: Address;
  readonly blockNumber?: bigint;
}

/**
 * The bounds that a strategy contract holds every proposal to, with the spread that the pool's own volatility and the
 * model's on-chain head ask for at this block.
 *
 * @example const bounds = await getBounds(client, { strategy });
 */
export async function getBounds(client: Client, { strategy, blockNumber }: GetBoundsParameters): Promise<Bounds> {
  const at = { address: strategy, abi: modelStrategyAbi, ...(blockNumber === undefined ? {} : { blockNumber }) };
  const [bounds, minSpreadWad] = await Promise.all([
    readContract(client, { ...at, functionName: "bounds" }),
    readContract(client, { ...at, functionName: "effectiveSpreadWad", args: [0n] }),
  ]);
  return { ...bounds, minSpreadWad };
}
