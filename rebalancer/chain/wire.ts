import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { z } from "zod";
import { displayUrl } from "./displayUrl.ts";
import { EndpointError, meaningOf, type RpcFailure } from "./errors.ts";

export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What a node said to one call. */
export type Reply = { readonly result: unknown } | { readonly error: RpcFailure };

/** One node's address, with connections that are kept open. */
export interface Wire {
  /** Replies in the order of the calls. Throws EndpointError when there is no reply to read. */
  send(calls: readonly RpcCall[], timeoutMilliseconds: number): Promise<readonly Reply[]>;
  close(): void;
}

export interface WireParameters {
  readonly url: string;
  /** Longest answer that is read. */
  readonly maxResponseBytes: number;
}

/** Calls in one HTTP request; providers refuse more. */
const MAX_BATCH = 100;

const errorSchema = z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() });

/** JSON-RPC over HTTP: several calls in one request, answers of bounded size, within a bounded time. */
export function createWire({ url, maxResponseBytes }: WireParameters): Wire {
  const target = new URL(url);
  const secure = target.protocol === "https:";
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxSockets: 32 })
    : new HttpAgent({ keepAlive: true, maxSockets: 32 });
  const options: RequestOptions = {
    agent,
    method: "POST",
    hostname: target.hostname.replace(/^\[|\]$/g, ""),
    port: target.port,
    path: `${target.pathname}${target.search}`,
    ...(target.username === "" && target.password === ""
      ? {}
      : { auth: `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}` }),
  };
  const name = displayUrl(url);
  let nextId = 1;
  let batches = true;

  function post(body: string, timeoutMilliseconds: number): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const fail = (error: EndpointError) => {
        clearTimeout(timer);
        sent.destroy();
        reject(error);
      };
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const sent = (secure ? httpsRequest : httpRequest)({ ...options, headers }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxResponseBytes)
            fail(new EndpointError("too-large", `${name} answers more than ${maxResponseBytes} bytes`));
          else chunks.push(chunk);
        });
        response.on("end", () => {
          clearTimeout(timer);
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") });
        });
        response.on("error", (cause) => fail(new EndpointError("connection", `${name} broke off its answer`, cause)));
      });
      const timer = setTimeout(
        () => fail(new EndpointError("time-out", `${name} did not answer in ${timeoutMilliseconds} ms`)),
        timeoutMilliseconds,
      );
      sent.on("error", (cause: NodeJS.ErrnoException) =>
        fail(
          new EndpointError("connection", `${name} cannot be reached (${cause.code ?? "broken connection"})`, cause),
        ),
      );
      sent.end(body);
    });
  }

  function parse({ status, text }: { status: number; text: string }): unknown {
    const failed = status === 429 || status >= 500;
    if (!failed) {
      try {
        const parsed: unknown = JSON.parse(text);
        if (status < 300 || (typeof parsed === "object" && parsed !== null && "error" in parsed)) return parsed;
      } catch (cause) {
        if (status < 300) {
          throw new EndpointError(
            "malformed",
            `${name} answers what is no JSON: ${JSON.stringify(text.slice(0, 60))}`,
            cause as Error,
          );
        }
      }
    }
    throw new EndpointError(status === 413 ? "too-large" : "status", `${name} answers with HTTP status ${status}`);
  }

  async function exchange(calls: readonly RpcCall[], timeoutMilliseconds: number): Promise<readonly Reply[]> {
    const first = nextId;
    nextId += calls.length;
    const bodies = calls.map(({ method, params }, index) => ({ jsonrpc: "2.0", id: first + index, method, params }));
    const answer = parse(await post(JSON.stringify(calls.length === 1 ? bodies[0] : bodies), timeoutMilliseconds));
    if (calls.length > 1 && !Array.isArray(answer)) {
      const { error } = readReply(name, answer) as { error?: RpcFailure };
      if (error === undefined) throw new EndpointError("malformed", `${name} answers several calls with one result`);
      if (meaningOf("batch", error) === "faulty") throw new EndpointError("refused", `${name}: ${error.message}`);
      throw new BatchRefused(error.message);
    }
    const replies: (Reply | undefined)[] = new Array(calls.length).fill(undefined);
    for (const one of Array.isArray(answer) ? answer : [answer]) {
      const id: unknown = typeof one === "object" && one !== null ? Reflect.get(one, "id") : undefined;
      // Nodes that could not read a lone request answer it with id null.
      const index = calls.length === 1 && id === null ? 0 : Number(id) - first;
      if (typeof id === "string" || !(index in replies) || replies[index] !== undefined) {
        throw new EndpointError(
          "malformed",
          `${name} answers id ${JSON.stringify(id)?.slice(0, 40)}, not what was asked`,
        );
      }
      replies[index] = readReply(name, one);
    }
    return replies.map((reply, index) => {
      if (reply === undefined) throw new EndpointError("malformed", `${name} does not answer ${calls[index]?.method}`);
      return reply;
    });
  }

  async function send(calls: readonly RpcCall[], timeoutMilliseconds: number): Promise<readonly Reply[]> {
    if (calls.length > 1 && !batches) {
      return (await Promise.all(calls.map((call) => exchange([call], timeoutMilliseconds)))).flat();
    }
    if (calls.length > MAX_BATCH) {
      const parts: (readonly RpcCall[])[] = [];
      for (let at = 0; at < calls.length; at += MAX_BATCH) parts.push(calls.slice(at, at + MAX_BATCH));
      return (await Promise.all(parts.map((part) => send(part, timeoutMilliseconds)))).flat();
    }
    try {
      return await exchange(calls, timeoutMilliseconds);
    } catch (error) {
      if (!(error instanceof BatchRefused)) throw error;
      batches = false;
      return send(calls, timeoutMilliseconds);
    }
  }

  return { send, close: () => agent.destroy() };
}

/** The node takes one call at a time. */
class BatchRefused extends Error {}

function readReply(name: string, answer: unknown): Reply {
  if (typeof answer !== "object" || answer === null) {
    throw new EndpointError(
      "malformed",
      `${name} answers what is no JSON-RPC: ${JSON.stringify(answer)?.slice(0, 60)}`,
    );
  }
  const { error, result } = answer as { error?: unknown; result?: unknown };
  if (error === undefined || error === null) return { result };
  const parsed = errorSchema.safeParse(error);
  if (parsed.success) return { error: parsed.data };
  throw new EndpointError("malformed", `${name} answers an error that is none: ${JSON.stringify(error).slice(0, 60)}`);
}
