import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface ProxiedCall {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
  /** How many calls of this method came before. */
  readonly nth: number;
}

/** What a proxy does with a call: null = pass it on; a string is sent as it is; a number is an HTTP status. */
export type Mischief = (call: ProxiedCall, forward: () => Promise<{ result?: unknown }>) => Promise<Answer> | Answer;
type Answer = null | string | number | { result?: unknown; error?: { code: number; message: string } } | "hang";

export interface RpcProxy {
  readonly url: string;
  readonly calls: readonly ProxiedCall[];
  stop(): Promise<void>;
}

/** A JSON-RPC node that passes calls on to a real one, except where `mischief` says otherwise. */
export async function startRpcProxy(target: string, mischief: Mischief): Promise<RpcProxy> {
  const calls: ProxiedCall[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => void serve(Buffer.concat(chunks).toString("utf8")));
    async function serve(body: string): Promise<void> {
      const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: unknown[] };
      const call = { id, method, params, nth: calls.filter((one) => one.method === method).length };
      calls.push(call);
      const headers = { "content-type": "application/json" };
      const forward = async () => (await (await fetch(target, { method: "POST", headers, body })).json()) as object;
      const answer = await mischief(call, forward as () => Promise<{ result?: unknown }>);
      if (answer === "hang") return;
      if (typeof answer === "number") {
        response.writeHead(answer).end("no");
      } else if (typeof answer === "string") response.writeHead(200, headers).end(answer);
      else
        response.writeHead(200, headers).end(JSON.stringify({ jsonrpc: "2.0", id, ...(answer ?? (await forward())) }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
