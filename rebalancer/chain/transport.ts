import { createPublicClient, createTransport, type PublicClient, type Transport } from "viem";
import type { Endpoints } from "./endpoints.ts";

/** A read-only viem client over the nodes: they do the batching, the trying again and the choice of a node. */
export function endpointsClient(endpoints: Endpoints): PublicClient {
  const transport: Transport = () =>
    createTransport({
      key: "endpoints",
      name: "JSON-RPC endpoints",
      type: "endpoints",
      retryCount: 0,
      // viem's type says which parameters belong to which method; the nodes do not care
      request: (({ method, params }: { method: string; params?: readonly unknown[] }) =>
        endpoints.request(method, params ?? [])) as never,
    });
  return createPublicClient({ transport, pollingInterval: 100 });
}
