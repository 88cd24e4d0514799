import { decodeRevert } from "../../sdk/errors.ts";
import { FatalError, RetryableError } from "../errors.ts";

/** What went wrong, by name; `unknown` = nothing that this program has met. */
export type ErrorKind =
  | "retryable"
  | "fatal"
  | "already-known"
  | "nonce-too-low"
  | "nonce-too-high"
  | "replacement-underpriced"
  | "underpriced"
  | "fee-below-base"
  | "insufficient-funds"
  | "intrinsic-gas"
  | "gas-above-block-limit"
  | "pool-full"
  | "wrong-chain"
  | "reverted"
  | "state-missing"
  | "too-many-requests"
  | "timeout"
  | "unreachable"
  | "server-error"
  | "malformed-answer"
  | "journal-busy"
  | "disk-full"
  | "unknown";

/** `later`: the same attempt may succeed; `never`: it cannot; `limited`: try a few times, then let a person look. */
export type Retry = "later" | "never" | "limited";

export interface Classified {
  readonly kind: ErrorKind;
  readonly retry: Retry;
  /** Where the chain said why: the refusal in words. */
  readonly refusal: string | null;
}

const RETRY: Readonly<Record<ErrorKind, Retry>> = {
  retryable: "later",
  fatal: "never",
  "already-known": "later",
  "nonce-too-low": "never",
  "nonce-too-high": "later",
  "replacement-underpriced": "later",
  underpriced: "later",
  "fee-below-base": "later",
  // a person, or a sweep, may fill the keeper up while the proposal is still in time
  "insufficient-funds": "later",
  "intrinsic-gas": "never",
  "gas-above-block-limit": "never",
  "pool-full": "later",
  "wrong-chain": "never",
  reverted: "never",
  // a node that lags has it soon, one that has thrown it away never
  "state-missing": "limited",
  "too-many-requests": "later",
  timeout: "later",
  unreachable: "later",
  "server-error": "later",
  "malformed-answer": "later",
  "journal-busy": "later",
  "disk-full": "later",
  unknown: "limited",
};

/** What nodes of all makes say, most telling first. The texts are of geth, Erigon, Nethermind, Besu, Reth and Anvil. */
const SAYINGS: readonly (readonly [RegExp, ErrorKind])[] = [
  [/already (known|imported|exists|in (the )?pool)|known transaction|AlreadyKnown|ALREADY_EXISTS/i, "already-known"],
  [
    /replacement (transaction|tx).*underpriced|replacement.*(fee|gas price).*low|ReplacementNotAllowed|transaction with the same nonce/i,
    "replacement-underpriced",
  ],
  [
    /nonce (is )?too low|NonceTooLow|OldNonce|nonce.*(has already been used|lower than the current)|invalid nonce.*too low/i,
    "nonce-too-low",
  ],
  [
    /nonce (is )?too (high|far)|NonceTooHigh|NonceGap|exceeds (the )?maximum nonce|nonce too distant/i,
    "nonce-too-high",
  ],
  [
    /max ?fee ?per ?gas (is )?(less|lower) than (the )?block base ?fee|fee cap (is )?(less|lower) than|gas price (is )?below (the )?(current )?base ?fee/i,
    "fee-below-base",
  ],
  [
    /insufficient (funds|balance)|not enough funds|doesn't have enough funds|InsufficientFunds|sender.*insufficient|UpfrontCostExceedsBalance/i,
    "insufficient-funds",
  ],
  [/transaction underpriced|FeeTooLow|gas price too low|underpriced|tip (is )?below the minimum/i, "underpriced"],
  [/intrinsic gas|gas limit too low|base fee exceeds gas limit|out of gas/i, "intrinsic-gas"],
  [
    /exceeds block gas limit|gas limit (is )?(too high|above|exceeds)|GasLimitExceeded|gas required exceeds allowance/i,
    "gas-above-block-limit",
  ],
  [/txpool is full|pool is full|mempool is full|discarded to make room/i, "pool-full"],
  [
    /invalid (chain id|sender)|chain ?id.*(mismatch|does not match|invalid)|incorrect chain|InvalidChainId/i,
    "wrong-chain",
  ],
  [
    /missing trie node|header not found|unknown block|BlockOutOfRange|state .*(not available|unavailable)|pruned/i,
    "state-missing",
  ],
  [/too many requests|rate.?limit|\b429\b|throttl|compute units per second/i, "too-many-requests"],
  [/database (table )?is (locked|busy)|SQLITE_(BUSY|LOCKED)/i, "journal-busy"],
  [
    /database or disk is full|ENOSPC|SQLITE_(FULL|IOERR)|disk i\/o error|no space left|EFBIG|file too large/i,
    "disk-full",
  ],
  [/timed? ?out|ETIMEDOUT|took too long|deadline exceeded|AbortError/i, "timeout"],
  [
    /fetch failed|HTTP request failed|ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|socket hang up|connection (is )?closed|network error|no (configured )?node/i,
    "unreachable",
  ],
  [/internal (server )?error|bad gateway|service unavailable|gateway/i, "server-error"],
  [/unexpected token|not valid JSON|unexpected end of JSON|malformed/i, "malformed-answer"],
];

/** Names of errors that say by themselves what they are. */
const NAMES: Readonly<Record<string, ErrorKind>> = {
  TimeoutError: "timeout",
  HttpRequestError: "unreachable",
  WebSocketRequestError: "unreachable",
  SocketClosedError: "unreachable",
  EndpointError: "unreachable",
  NoEndpointError: "unreachable",
  MaxRetriesPerRequestError: "unreachable",
};

/** Names an error of a node, of the journal or of this program, and says whether the same attempt may succeed later. */
export function classify(error: unknown): Classified {
  if (error instanceof FatalError) return found("fatal");
  if (error instanceof RetryableError) return found("retryable");
  const refusal = decodeRevert(error);
  if (refusal !== null) return { kind: "reverted", retry: RETRY.reverted, refusal: refusal.sentence };
  const status = statusOf(error);
  if (status === 429) return found("too-many-requests");
  const words = allWords(error);
  const said = SAYINGS.find(([saying]) => saying.test(words))?.[1];
  if (said !== undefined && !(said === "unreachable" && status !== null && status >= 500)) return found(said);
  if (status !== null && status >= 500) return found("server-error");
  const named = causes(error).find(({ name }) => NAMES[name] !== undefined)?.name;
  return found((named === undefined ? undefined : NAMES[named]) ?? "unknown");
}

const found = (kind: ErrorKind): Classified => ({ kind, retry: RETRY[kind], refusal: null });

/** An error and what caused it, the outermost first. */
function causes(error: unknown): readonly Error[] {
  const chain: Error[] = [];
  for (let current = error; current instanceof Error && chain.length < 8; current = current.cause) chain.push(current);
  return chain;
}

function allWords(error: unknown): string {
  const chain = causes(error);
  if (chain.length === 0) return String(error);
  return chain
    .flatMap((one) => [one.message, Reflect.get(one, "details"), Reflect.get(one, "code")])
    .filter((word) => typeof word === "string" || typeof word === "number")
    .join("\n");
}

function statusOf(error: unknown): number | null {
  for (const one of causes(error)) {
    const status: unknown = Reflect.get(one, "status");
    if (typeof status === "number") return status;
  }
  return null;
}
