import { RpcRequestError } from "viem";
import type { Hex } from "../../ml/types.ts";
import { faultOf } from "./answers.ts";
import { displayUrl } from "./displayUrl.ts";
import { EndpointError, meaningOf } from "./errors.ts";
import type { Verdict } from "./judge.ts";
import { createWire, type Reply, type RpcCall } from "./wire.ts";

/** `resting` = failed a moment ago and is left alone until it answers a check again. */
export type EndpointState = "unknown" | "resting" | "wrong-chain" | Verdict;

/** One node as metrics, API and `doctor` show it. */
export interface EndpointHealth {
  /** Its address without what may be a key. */
  readonly url: string;
  readonly state: EndpointState;
  readonly chainId: number | null;
  readonly head: number | null;
  /** Blocks behind the best node; null before the first comparison. */
  readonly lagBlocks: number | null;
  /** Mean over the last answers or so. */
  readonly latencyMilliseconds: number | null;
  /** Failures in a row, and in all. */
  readonly failures: number;
  readonly failuresTotal: number;
  readonly requestsTotal: number;
  readonly lastFailure: string | null;
  /** The last answer that was used came from here. */
  readonly inUse: boolean;
}

/** Header fields that tell nodes apart. */
export interface SeenHead {
  readonly number: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
}

/** What came of one call at one node: an answer, or what is to be asked elsewhere with the reason. */
export type Outcome =
  | { readonly kind: "answer"; readonly result: unknown }
  | { readonly kind: "error"; readonly error: Error }
  | { readonly kind: "elsewhere"; readonly error: Error | null };

export interface Endpoint {
  readonly name: string;
  state: EndpointState;
  head: SeenHead | null;
  lagBlocks: number | null;
  /** When the check after a failure is due, by the clock of `now`. */
  restUntil: number;
  /** Asks the node; a failure of the node as a whole is an "elsewhere" for each call. Never throws. */
  ask(calls: readonly RpcCall[], timeoutMilliseconds: number): Promise<readonly Outcome[]>;
  /** Asks for the chain id unless it is known; false when it is another than the configured one. Throws EndpointError. */
  identify(timeoutMilliseconds: number, again?: boolean): Promise<boolean>;
  /** Notes a failure: the node rests, longer each time in a row. */
  fail(reason: string): void;
  succeed(): void;
  health(inUse: boolean): EndpointHealth;
  close(): void;
}

export interface EndpointParameters {
  readonly url: string;
  /** Absent = any chain will do. */
  readonly chainId?: number | undefined;
  readonly maxResponseBytes: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

const FIRST_REST_MILLISECONDS = 250;
const LONGEST_REST_MILLISECONDS = 5_000;

/** A node with what has been learnt of it. */
export function createEndpoint({ url, chainId, maxResponseBytes, now }: EndpointParameters): Endpoint {
  const wire = createWire({ url, maxResponseBytes });
  const name = displayUrl(url);
  let found: number | null = null;
  let [failures, failuresTotal, requestsTotal] = [0, 0, 0];
  let latency: number | null = null;
  let lastFailure: string | null = null;

  const endpoint: Endpoint = {
    name,
    state: "unknown",
    head: null,
    lagBlocks: null,
    restUntil: 0,
    async ask(calls, timeoutMilliseconds) {
      requestsTotal += calls.length;
      const start = now();
      try {
        const replies = await wire.send(calls, timeoutMilliseconds);
        const took = now() - start;
        latency = latency === null ? took : 0.9 * latency + 0.1 * took;
        const faults: string[] = [];
        const outcomes = replies.map((reply, index) => read(calls[index] as RpcCall, reply, faults));
        if (faults[0] === undefined) endpoint.succeed();
        else endpoint.fail(faults[0]);
        return outcomes;
      } catch (error) {
        // A list of logs that is too long says nothing against the node.
        const tooLong =
          error instanceof EndpointError && error.kind === "too-large" && calls[0]?.method === "eth_getLogs";
        if (tooLong) return calls.map(() => ({ kind: "error", error }));
        const raised = error instanceof EndpointError ? error : new EndpointError("connection", String(error));
        endpoint.fail(raised.shortMessage);
        return calls.map(() => ({ kind: "elsewhere", error: raised }));
      }
    },
    async identify(timeoutMilliseconds, again = false) {
      if (chainId === undefined) return true;
      if (found === null || again) {
        const [reply] = await wire.send([{ method: "eth_chainId", params: [] }], timeoutMilliseconds);
        const result = reply && "result" in reply ? reply.result : undefined;
        const fault = faultOf("eth_chainId", [], result);
        if (fault !== null) throw new EndpointError("malformed", `${name}: ${fault}`);
        found = Number(result);
      }
      if (found === chainId) return true;
      endpoint.state = "wrong-chain";
      lastFailure = `chain ${found}; rule: must be ${chainId}`;
      return false;
    },
    fail(reason) {
      failures += 1;
      failuresTotal += 1;
      lastFailure = reason;
      endpoint.state = "resting";
      endpoint.restUntil = now() + Math.min(FIRST_REST_MILLISECONDS * 2 ** (failures - 1), LONGEST_REST_MILLISECONDS);
      // Behind the address there may be another node when it comes back.
      found = null;
    },
    succeed() {
      failures = 0;
      if (endpoint.state === "resting" || endpoint.state === "unknown") endpoint.state = "ok";
    },
    health: (inUse) => ({
      url: name,
      state: endpoint.state,
      chainId: found,
      head: endpoint.head?.number ?? null,
      lagBlocks: endpoint.lagBlocks,
      latencyMilliseconds: latency === null ? null : Math.round(latency * 10) / 10,
      failures,
      failuresTotal,
      requestsTotal,
      lastFailure,
      inUse,
    }),
    close: () => wire.close(),
  };

  function read({ method, params }: RpcCall, reply: Reply, faults: string[]): Outcome {
    if ("error" in reply) {
      const error = new RpcRequestError({ body: { method }, error: reply.error, url: name });
      // viem's own words for it say nothing of what happened
      error.shortMessage = `${method}: ${reply.error.message}`;
      const meaning = meaningOf(method, reply.error);
      if (meaning === "final") return { kind: "error", error };
      if (meaning === "faulty") faults.push(`${method}: ${reply.error.message}`);
      return { kind: "elsewhere", error };
    }
    const { result } = reply;
    const fault = faultOf(method, params, result);
    if (fault !== null) {
      faults.push(fault);
      return { kind: "elsewhere", error: new EndpointError("malformed", `${name}: ${fault}`) };
    }
    if (method === "eth_getBlockByNumber" || method === "eth_getBlockByHash") {
      if (result === null) return { kind: "elsewhere", error: null };
      if (params[0] === "latest") endpoint.head = seenHead(result);
    }
    return { kind: "answer", result };
  }
  return endpoint;
}

/** Of a checked header. */
export function seenHead(result: unknown): SeenHead {
  const { number, hash, parentHash } = result as { number: Hex; hash: Hex; parentHash: Hex };
  return { number: Number(number), hash: lower(hash), parentHash: lower(parentHash) };
}

const lower = (text: Hex): Hex => text.toLowerCase() as Hex;
