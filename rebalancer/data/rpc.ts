import { z } from "zod";
import { explain } from "../errors.ts";
import { RangeTooLargeError, RpcRefusedError, RpcUnavailableError } from "./errors.ts";

export interface DataRpc {
  readonly url: string;
  /** Requests sent so far. */
  readonly requests: number;
  call(method: string, params: readonly unknown[]): Promise<unknown>;
}

export interface DataRpcParameters {
  readonly url: string;
  /** At most this many requests a second. */
  readonly requestsPerSecond: number;
  /** Tries of one call before giving up. */
  readonly tries?: number;
  readonly timeoutMs?: number;
  /** Wait after the first failure; doubles with each further one, up to thirty seconds. */
  readonly backOffMs?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Told of every failure that is tried again. */
  readonly onRetry?: (reason: string, waitMs: number) => void;
}

const LONGEST_WAIT_MS = 30_000;

const answerSchema = z.object({
  result: z.unknown().optional(),
  error: z.object({ code: z.number().optional(), message: z.string().default("") }).nullish(),
});

/** What providers say when a range, or what it holds, is beyond their limit. */
const TOO_LARGE =
  /too many (results|logs|blocks)|more than \d+ (results|logs)|(range|block range|limit|size|response).*(exceed|too (large|wide|big)|limit)|exceed(s|ed)?.*(range|limit|results|size)|query timeout|returned more than|ranges? (over|greater)|limited to|up to a? ?[\d,.k]+ ?block/i;
/** What they say when asked too often. */
const TOO_OFTEN = /rate|too many requests|capacity|throttl|per second|quota|busy|try again|temporar/i;

/** JSON-RPC with a limit on requests a second, a time limit on each, and tries again with growing waits. */
export function createDataRpc(parameters: DataRpcParameters): DataRpc {
  const { url, requestsPerSecond, tries = 6, timeoutMs = 30_000, backOffMs = 500, now, sleep, onRetry } = parameters;
  const spacing = 1000 / requestsPerSecond;
  let freeAt = Number.NEGATIVE_INFINITY;
  let [id, requests] = [0, 0];

  async function attempt(method: string, params: readonly unknown[]): Promise<unknown> {
    const wait = freeAt - now();
    freeAt = Math.max(freeAt, now()) + spacing;
    if (wait > 0) await sleep(wait);
    requests++;
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params });
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (response.status === 413) throw new RangeTooLargeError(`${method}: the node answers 413, too large`);
    const parsed = answerSchema.safeParse(tryJson(text));
    if (!parsed.success || (parsed.data.error == null && parsed.data.result === undefined)) {
      throw new Retry(
        response.ok
          ? `an answer that is no JSON-RPC: ${JSON.stringify(text.slice(0, 60))}`
          : `HTTP status ${response.status}`,
      );
    }
    const { error, result } = parsed.data;
    if (error == null) return result;
    const { message, code } = error;
    if (method === "eth_getLogs" && TOO_LARGE.test(message)) throw new RangeTooLargeError(`${method}: ${message}`);
    if (
      response.status === 429 ||
      response.status >= 500 ||
      code === -32005 ||
      code === -32603 ||
      TOO_OFTEN.test(message)
    ) {
      throw new Retry(`the error ${JSON.stringify(message)}`);
    }
    throw new RpcRefusedError(`${method} refused by ${host(url)}: ${message} (code ${code ?? "none"})`, {
      details: { method, message, code },
    });
  }

  return {
    url,
    get requests() {
      return requests;
    },
    async call(method, params) {
      for (let left = tries - 1, wait = backOffMs; ; left--, wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
        try {
          return await attempt(method, params);
        } catch (error) {
          if (error instanceof RangeTooLargeError || error instanceof RpcRefusedError) throw error;
          const reason = error instanceof Retry ? error.message : describe(error);
          if (left <= 0) {
            // A range that is always too slow is too large.
            if (method === "eth_getLogs" && reason === TIMED_OUT) throw new RangeTooLargeError(`${method}: ${reason}`);
            throw new RpcUnavailableError(`${method}: ${host(url)} failed ${tries} times, last with ${reason}`, {
              cause: error,
              details: { method, tries, reason },
            });
          }
          onRetry?.(`${method}: ${reason}`, wait);
          await sleep(wait);
        }
      }
    },
  };
}

class Retry extends Error {}

const TIMED_OUT = "no answer in time";

function describe(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  return name === "TimeoutError" || name === "AbortError" ? TIMED_OUT : explain(error);
}

/** The node without what may be a key. */
function host(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
