import type { PublicClient } from "viem";
import type { Config } from "../config.ts";
import { ConfigError, explain, RetryableError } from "../errors.ts";
import { displayUrl } from "./displayUrl.ts";
import { createEndpoints, type Endpoints, type EndpointsParameters } from "./endpoints.ts";
import { endpointsClient } from "./transport.ts";

/** What of the configuration says where the chain is. */
export type ChainSettings = Pick<Config, "chainId" | "rpcUrl"> & { readonly rpc?: Partial<Config["rpc"]> };

/** A chain that can be read: the client that everybody uses, and the nodes behind it. */
export interface Chain {
  readonly client: PublicClient;
  readonly endpoints: Endpoints;
}

/** The nodes of a configuration, `rpcUrl` first; nothing is asked yet. */
export function endpointsOf(config: ChainSettings, onChange?: EndpointsParameters["onChange"]): Endpoints {
  const { fallbackUrls = [], timeoutMilliseconds, maxLagBlocks } = config.rpc ?? {};
  return createEndpoints({
    urls: [config.rpcUrl, ...fallbackUrls],
    chainId: config.chainId,
    ...(timeoutMilliseconds === undefined ? {} : { timeoutMilliseconds }),
    ...(maxLagBlocks === undefined ? {} : { maxLagBlocks }),
    ...(onChange === undefined ? {} : { onChange }),
  });
}

/** Throws RetryableError when no node answers, ConfigError when one is of another chain. */
export async function checkChain(endpoints: Endpoints, config: ChainSettings): Promise<void> {
  try {
    await endpoints.check();
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const where = displayUrl(config.rpcUrl);
    throw new RetryableError(`rpcUrl: ${where}; rule: an Ethereum node must answer there (${explain(cause)})`, {
      cause,
    });
  }
}

/** Opens the way to the chain, checked: see `checkChain`. */
export async function openChain(config: ChainSettings, onChange?: EndpointsParameters["onChange"]): Promise<Chain> {
  const endpoints = endpointsOf(config, onChange);
  try {
    await checkChain(endpoints, config);
  } catch (error) {
    endpoints.close();
    throw error;
  }
  return { client: endpointsClient(endpoints), endpoints };
}
