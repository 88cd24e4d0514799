import { createClient, http, type PublicClient } from "viem";
import type { Config } from "../config.ts";

/** Takes raw transactions, and is asked nothing else. */
export type Relay = Pick<PublicClient, "request">;

/** The private relay of the configuration; null where there is none. A failure is told, never gone around. */
export function createRelay({ rpc }: Pick<Config, "rpc">): Relay | null {
  if (rpc.privateRelayUrl === undefined) return null;
  const transport = http(rpc.privateRelayUrl, { retryCount: 0, timeout: rpc.timeoutMilliseconds });
  return createClient({ transport }) as unknown as Relay;
}
