import { ConfigError } from "../errors.ts";
import { compareEndpoints } from "./compare.ts";
import { createEndpoint, type Endpoint, type EndpointHealth, type Outcome } from "./endpoint.ts";
import { EndpointError, NoEndpointError } from "./errors.ts";
import type { RpcCall } from "./wire.ts";

/** Every way to the chain, asked as one. */
export interface Endpoints {
  /** An answer to one call from the first node that gives a usable one. Throws viem's RpcRequestError or NoEndpointError. */
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  /** Compares all nodes' heads and forks now. Never throws. */
  compare(): Promise<void>;
  /** The node that gave the newest head, or the last logs, is not believed: it rests, and all are compared. */
  suspect(what: "head" | "logs", reason: string): Promise<void>;
  /** Throws ConfigError when a node is of another chain, NoEndpointError when none answers. */
  check(): Promise<void>;
  health(): readonly EndpointHealth[];
  close(): void;
}

export interface EndpointsParameters {
  /** The first is preferred, the others are asked when those before them fail. */
  readonly urls: readonly string[];
  /** Absent = any chain will do. */
  readonly chainId?: number;
  readonly timeoutMilliseconds?: number;
  /** A node so many blocks behind the best one is not asked. */
  readonly maxLagBlocks?: number;
  /** Time between two comparisons of all nodes, while heads are asked for. */
  readonly compareMilliseconds?: number;
  readonly maxResponseBytes?: number;
  /** Rounds over all nodes for trouble that may be over in a moment. */
  readonly rounds?: number;
  /** Told when a node changes its state. */
  readonly onChange?: (health: EndpointHealth, before: EndpointHealth["state"]) => void;
}

interface PendingCall extends RpcCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  /** Why the last node asked did not serve; null = it does not have the block. */
  last?: Error | null;
}

/** The wait after the first round over all nodes. */
const ROUND_WAIT_MILLISECONDS = 100;
/** A check of a node's health waits no longer than this. */
const CHECK_TIMEOUT_MILLISECONDS = 3_000;
const MEBIBYTE = 1_048_576;

/** Several nodes behind one `request`: calls of the same instant go out together. */
export function createEndpoints(parameters: EndpointsParameters): Endpoints {
  const {
    urls,
    chainId,
    timeoutMilliseconds = 10_000,
    maxLagBlocks = 3,
    compareMilliseconds = 3_000,
    maxResponseBytes = 64 * MEBIBYTE,
    rounds = 3,
    onChange,
  } = parameters;
  const now = () => performance.now();
  const endpoints = urls.map((url) => createEndpoint({ url, chainId, maxResponseBytes, now }));
  const checkTimeout = Math.min(timeoutMilliseconds, CHECK_TIMEOUT_MILLISECONDS);
  const states = new Map(endpoints.map((endpoint) => [endpoint, endpoint.state]));
  let pending: PendingCall[] = [];
  let used: Endpoint | null = null;
  const gave: { head: Endpoint | null; logs: Endpoint | null } = { head: null, logs: null };
  let comparedAt = Number.NEGATIVE_INFINITY;
  let comparing: Promise<void> | null = null;
  let closed = false;

  /** Whom to ask, best first: those in good standing, else those that rest; never one of another chain. */
  function order(): readonly Endpoint[] {
    const good = endpoints.filter(({ state }) => state === "ok" || state === "unknown");
    // One that has fallen behind by more than the block that is on its way is asked after the others.
    if (good.length > 0) return [...good].sort((a, b) => Number(isBehind(a)) - Number(isBehind(b)));
    return endpoints.filter(({ state }) => state !== "wrong-chain").sort((a, b) => a.restUntil - b.restUntil);
  }

  function tellChanges(): void {
    for (const endpoint of endpoints) {
      const before = states.get(endpoint) ?? "unknown";
      if (before === endpoint.state) continue;
      states.set(endpoint, endpoint.state);
      onChange?.(endpoint.health(endpoint === used), before);
    }
  }

  function compare(): Promise<void> {
    comparedAt = now();
    comparing ??= compareEndpoints(endpoints, { maxLagBlocks, timeoutMilliseconds: checkTimeout, now }).finally(() => {
      comparing = null;
      tellChanges();
    });
    return comparing;
  }

  async function attempt(endpoint: Endpoint, calls: readonly PendingCall[]): Promise<readonly PendingCall[]> {
    try {
      if (!(await endpoint.identify(checkTimeout))) return calls;
    } catch (error) {
      const raised = error instanceof Error ? error : new Error(String(error));
      endpoint.fail(error instanceof EndpointError ? error.shortMessage : raised.message);
      for (const call of calls) call.last = raised;
      return calls;
    }
    // Logs may be longer than is read: they must not take other answers with them.
    const heavy = calls.filter(({ method }) => method === "eth_getLogs");
    const light = calls.filter(({ method }) => method !== "eth_getLogs");
    const left: PendingCall[] = [];
    const sent = [...heavy.map((call) => [call]), ...(light.length > 0 ? [light] : [])].map(async (group) => {
      const outcomes = await endpoint.ask(group, timeoutMilliseconds);
      group.forEach((call, index) => {
        const outcome = outcomes[index] as Outcome;
        if (outcome.kind === "elsewhere") {
          call.last = outcome.error;
          left.push(call);
          return;
        }
        used = endpoint;
        if (call.method === "eth_getBlockByNumber" && call.params[0] === "latest") gave.head = endpoint;
        if (call.method === "eth_getLogs") gave.logs = endpoint;
        if (outcome.kind === "answer") call.resolve(outcome.result);
        else call.reject(outcome.error);
      });
    });
    await Promise.all(sent);
    return left;
  }

  async function serve(calls: readonly PendingCall[]): Promise<void> {
    let left = calls;
    for (let round = 0; left.length > 0 && !closed; round++) {
      if (endpoints.every(({ state }) => state === "wrong-chain")) await compare();
      for (const endpoint of order()) {
        left = await attempt(endpoint, left);
        if (left.length === 0) break;
      }
      tellChanges();
      const troubled = endpoints.length > 1 && endpoints.some(({ state }) => state === "resting");
      if (troubled && comparing === null) void compare();
      const again = left.filter(({ last }) => last instanceof EndpointError && isBrief(last));
      if (round + 1 >= rounds) break;
      for (const call of left) if (!again.includes(call)) settle(call);
      left = again;
      if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, ROUND_WAIT_MILLISECONDS * 3 ** round));
    }
    for (const call of left) settle(call);
  }

  /** No node served the call: what the last one said is the answer. */
  function settle({ last, resolve, reject, method }: PendingCall): void {
    if (last === null) {
      resolve(null);
      return;
    }
    if (last !== undefined && !(last instanceof EndpointError)) {
      reject(last);
      return;
    }
    const wrong = endpoints.every(({ state }) => state === "wrong-chain");
    const each = endpoints.map((endpoint) => endpoint.health(false));
    const reason = each.map(({ url, state, lastFailure }) => `${url} ${lastFailure ?? state}`).join("; ");
    reject(
      new NoEndpointError(
        `${method}: ${wrong ? "every node is of another chain" : "no node answers"} (${reason})`,
        last === undefined ? {} : { cause: last },
      ),
    );
  }

  return {
    request(method, params) {
      const due = now() - comparedAt > compareMilliseconds;
      if (due && endpoints.length > 1 && params[0] === "latest" && !closed) void compare();
      return new Promise((resolve, reject) => {
        pending.push({ method, params, resolve, reject });
        if (pending.length > 1) return;
        setImmediate(() => {
          const calls = pending;
          pending = [];
          serve(calls).catch((error) => {
            for (const call of calls) call.reject(error);
          });
        });
      });
    },
    compare,
    async suspect(what, reason) {
      if (endpoints.length > 1) gave[what]?.fail(reason);
      tellChanges();
      await compare();
    },
    async check() {
      const ids = await Promise.allSettled(endpoints.map((endpoint) => endpoint.identify(checkTimeout, true)));
      tellChanges();
      for (const [index, one] of ids.entries()) {
        const health = endpoints[index]?.health(false);
        if (one.status === "rejected" || one.value || !health) continue;
        const field = index === 0 ? "rpcUrl" : "rpc.fallbackUrls";
        throw new ConfigError(
          `config chainId: ${chainId}; rule: must be the chain id of the node at ${health.url} (${field}), which is ${health.chainId}`,
        );
      }
      const reasons = ids.flatMap((one) => (one.status === "rejected" ? [one.reason as EndpointError] : []));
      if (reasons.length === endpoints.length) {
        throw new NoEndpointError(
          `rpcUrl: no node answers (${reasons.map(({ shortMessage, message }) => shortMessage ?? message).join("; ")})`,
        );
      }
    },
    health: () => endpoints.map((endpoint) => endpoint.health(endpoint === used)),
    close() {
      closed = true;
      for (const endpoint of endpoints) endpoint.close();
    },
  };
}

/** Trouble that may be over in a moment; a node that took its whole time, or that says too much, is not pressed. */
const isBrief = ({ kind }: EndpointError): boolean => kind === "connection" || kind === "status" || kind === "refused";

const isBehind = ({ lagBlocks }: Endpoint): boolean => (lagBlocks ?? 0) > 1;
