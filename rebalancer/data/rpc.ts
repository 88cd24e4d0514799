import { RpcRequestError } from "viem";
import { createEndpoints } from "../chain/endpoints.ts";
import { EndpointError, isTooLarge, meaningOf, NoEndpointError, type RpcFailure } from "../chain/errors.ts";
import { explain } from "../errors.ts";
import { RangeTooLargeError, RpcRefusedError, RpcUnavailableError } from "./errors.ts";

/** The nodes of a download, asked one question at a time. */
export interface DataRpc {
  /** Requests sent so far. */
  readonly requests: number;
  call(method: string, params: readonly unknown[]): Promise<unknown>;
  close(): void;
}

export interface DataRpcParameters {
  /** The first is preferred, the others are asked when those before them fail, lag or are on another fork. */
  readonly urls: readonly string[];
  /** The chain that they must be of; absent = any, which only a lone node may be. */
  readonly chainId?: number | undefined;
  /** Blocks on top of those that are fetched: a node that is further behind than this is not asked. */
  readonly confirmations: number;
  /** At most this many requests a second. */
  readonly requestsPerSecond: number;
  /** Tries of one call, each over all nodes, before giving up. */
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
const MOST_LAG_BLOCKS = 3;
/** Time after which several nodes are held against each other again. */
const COMPARE_MS = 10_000;

/**
 * The worker's way to the chain, at the pace of a download: so many requests a second, and more patience with nodes that
 * are down, because days of work wait for them.
 */
export function createDataRpc(parameters: DataRpcParameters): DataRpc {
  const {
    urls,
    chainId,
    confirmations,
    requestsPerSecond,
    tries = 6,
    timeoutMs = 30_000,
    backOffMs = 500,
  } = parameters;
  const { now, sleep, onRetry } = parameters;
  const endpoints = createEndpoints({
    urls,
    ...(chainId === undefined ? {} : { chainId }),
    timeoutMilliseconds: timeoutMs,
    maxLagBlocks: Math.min(MOST_LAG_BLOCKS, confirmations),
    rounds: 1,
  });
  const spacing = 1000 / requestsPerSecond;
  let freeAt = Number.NEGATIVE_INFINITY;
  let comparedAt = Number.NEGATIVE_INFINITY;

  async function attempt(method: string, params: readonly unknown[]): Promise<unknown> {
    const wait = freeAt - now();
    freeAt = Math.max(freeAt, now()) + spacing;
    if (wait > 0) await sleep(wait);
    // One that has fallen behind answers a list of logs that is too short, and no error.
    if (urls.length > 1 && now() - comparedAt >= COMPARE_MS) {
      comparedAt = now();
      await endpoints.compare();
    }
    const answer = await endpoints.request(method, params);
    const used = endpoints.health().find(({ inUse }) => inUse);
    if (method === "eth_getLogs" && (used?.state === "lagging" || used?.state === "forked"))
      throw new EndpointError("refused", `no other node answers than ${used.url}, which is ${used.state}`);
    return answer;
  }

  return {
    get requests() {
      return endpoints.health().reduce((sum, { requestsTotal }) => sum + requestsTotal, 0);
    },
    async call(method, params) {
      for (let left = tries - 1, wait = backOffMs; ; left--, wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
        try {
          return await attempt(method, params);
        } catch (error) {
          const reason = reasonToWait(method, error);
          if (left <= 0) {
            // A range that is always too slow is too large.
            if (method === "eth_getLogs" && isTimeOut(error)) throw new RangeTooLargeError(`${method}: ${reason}`);
            throw new RpcUnavailableError(`${method}: failed ${tries} times, last with ${reason}`, {
              cause: error,
              details: { method, tries, reason },
            });
          }
          onRetry?.(`${method}: ${reason}`, wait);
          await sleep(wait);
        }
      }
    },
    close: () => endpoints.close(),
  };
}

/** Why a call is worth another try, in words; throws what is an answer. */
function reasonToWait(method: string, error: unknown): string {
  if (error instanceof EndpointError && error.kind === "too-large")
    throw new RangeTooLargeError(`${method}: ${error.shortMessage}`, { cause: error });
  if (error instanceof NoEndpointError || error instanceof EndpointError) return error.shortMessage;
  if (!(error instanceof RpcRequestError)) return explain(error);
  const failure: RpcFailure = { code: error.code, message: error.details, data: error.data };
  if (method === "eth_getLogs" && isTooLarge(failure.message))
    throw new RangeTooLargeError(`${method}: ${failure.message}`, { cause: error });
  if (meaningOf(method, failure) === "faulty") return `the error ${JSON.stringify(failure.message)}`;
  throw new RpcRefusedError(`${method} refused: ${failure.message} (code ${failure.code})`, {
    cause: error,
    details: { method, message: failure.message, code: failure.code },
  });
}

const isTimeOut = (error: unknown): boolean =>
  error instanceof NoEndpointError && error.cause instanceof EndpointError && error.cause.kind === "time-out";
