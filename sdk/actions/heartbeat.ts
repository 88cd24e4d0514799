import { type Account, type Address, type Client, encodeFunctionData, type Hex, type LocalAccount } from "viem";
import { modelStrategyAbi } from "../abi/modelStrategy.ts";
import { type Heartbeat, heartbeatTypedData, type ProposalDomainParameters } from "../proposal.ts";
import { write } from "./write.ts";

export interface HeartbeatParameters {
  readonly heartbeat: Heartbeat;
  readonly signature: Hex;
}

/**
 * Signs a "hold" with a model's key: the model looked and wants no move.
 *
 * @example const signature = await signHeartbeat(account, { chainId, strategy, heartbeat });
 */
export function signHeartbeat(
  account: LocalAccount,
  { heartbeat, ...domain }: ProposalDomainParameters & { readonly heartbeat: Heartbeat },
): Promise<Hex> {
  return account.signTypedData(heartbeatTypedData(domain, heartbeat));
}

/** Calldata of a sign of life, for those who sign and send transactions themselves. */
export function encodeHeartbeat({ heartbeat, signature }: HeartbeatParameters): Hex {
  const { deadline, nonce, inputsDigest } = heartbeat;
  return encodeFunctionData({
    abi: modelStrategyAbi,
    functionName: "heartbeat",
    args: [deadline, nonce, inputsDigest, signature],
  });
}

/**
 * Relays a signed "hold"; anyone may. Returns the transaction's hash.
 *
 * @example const hash = await sendHeartbeat(client, { account, strategy, heartbeat, signature });
 */
export function sendHeartbeat(
  client: Client,
  { account, strategy, heartbeat, signature }: HeartbeatParameters & { account: Account | Address; strategy: Address },
): Promise<Hex> {
  return write(client, {
    account,
    chain: null,
    address: strategy,
    abi: modelStrategyAbi,
    functionName: "heartbeat",
    args: [heartbeat.deadline, heartbeat.nonce, heartbeat.inputsDigest, signature],
  });
}
