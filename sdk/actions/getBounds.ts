import type { Address, Client } from "viem";
import { readContract } from "viem/actions";
import type { Bounds } from "../../ml/types.ts";
import { modelStrategyAbi } from "../abi/modelStrategy.ts";

export interface GetBoundsParameters {
  readonly strategy: Address;
  readonly blockNumber?: bigint;
}

/**
 * The bounds that a strategy contract holds every proposal to.
 *
 * @example const bounds = await getBounds(client, { strategy });
 */
export async function getBounds(client: Client, { strategy, blockNumber }: GetBoundsParameters): Promise<Bounds> {
  return readContract(client, {
    address: strategy,
    abi: modelStrategyAbi,
    functionName: "bounds",
    ...(blockNumber === undefined ? {} : { blockNumber }),
  });
}
