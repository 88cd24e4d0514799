import { Agent, request } from "node:http";
import { BaseError } from "../../../ml/errors.ts";

/** The node answered a call with an error: names method, message and revert data. */
export class RpcCallError extends BaseError {
  override name = "RpcCallError";
}

/** The node did not answer at all. */
export class RpcUnreachableError extends BaseError {
  override name = "RpcUnreachableError";
}

export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

export interface Rpc {
  readonly url: string;
  call<Result = unknown>(method: string, params?: readonly unknown[]): Promise<Result>;
  /** All calls in one request, carried out in order; the first that fails is raised. */
  batch<Results extends readonly unknown[] = readonly unknown[]>(calls: readonly RpcCall[]): Promise<Results>;
  close(): void;
}

/** Raw JSON-RPC over one kept-alive connection: whole blocks go to the node in a single request. */
export function createRpc(url: string): Rpc {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, noDelay: true });
  let nextId = 1;
  async function batch<Results extends readonly unknown[]>(calls: readonly RpcCall[]): Promise<Results> {
    if (calls.length === 0) return [] as unknown as Results;
    const first = nextId;
    nextId += calls.length;
    const body = JSON.stringify(
      calls.map(({ method, params }, i) => ({ jsonrpc: "2.0", id: first + i, method, params })),
    );
    const answers = JSON.parse(await post(url, agent, body)) as Answer[];
    const results: unknown[] = new Array(calls.length);
    for (const answer of Array.isArray(answers) ? answers : [answers]) {
      const index = (answer.id ?? first) - first;
      if (answer.error) {
        const { message, data } = answer.error;
        const method = calls[index]?.method ?? "batch";
        throw new RpcCallError(`${method} failed: ${message}`, { details: { url, method, message, data } });
      }
      results[index] = answer.result;
    }
    return results as unknown as Results;
  }
  return {
    url,
    batch,
    async call<Result>(method: string, params: readonly unknown[] = []) {
      return (await batch<[Result]>([{ method, params }]))[0];
    },
    close: () => agent.destroy(),
  };
}

interface Answer {
  readonly id: number | null;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly data?: unknown };
}

function post(url: string, agent: Agent, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(
        new RpcUnreachableError(`the node at ${url} does not answer (${cause.message})`, { cause, details: { url } }),
      );
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const call = request(url, { method: "POST", agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
      response.on("error", fail);
    });
    call.on("error", fail);
    call.end(body);
  });
}

/** A number as JSON-RPC writes quantities. */
export const toQuantity = (value: bigint | number): `0x${string}` => `0x${BigInt(value).toString(16)}`;
