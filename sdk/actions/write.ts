import type { Client, EstimateContractGasParameters, Hex, WriteContractParameters } from "viem";
import { estimateContractGas, writeContract } from "viem/actions";

/** Head-room over the estimate: what others do to the pool first can cost a tick crossing or a fresh storage slot. */
const GAS_HEADROOM = { numerator: 5n, denominator: 4n };

/**
 * Sends a contract call with a quarter more gas than estimated. The estimate runs the call first, so what the chain
 * would refuse throws before anything is signed.
 */
export async function write(client: Client, request: WriteContractParameters): Promise<Hex> {
  const { chain: _chain, ...call } = request;
  const estimate = await estimateContractGas(client, call as EstimateContractGasParameters);
  return writeContract(client, {
    ...request,
    gas: (estimate * GAS_HEADROOM.numerator) / GAS_HEADROOM.denominator,
  } as WriteContractParameters);
}
