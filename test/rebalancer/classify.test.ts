import { HttpRequestError, RpcRequestError, TimeoutError } from "viem";
import { describe, expect, it } from "vitest";
import { ConfigError, FatalError, PayloadError, RetryableError } from "../../rebalancer/errors.ts";
import { classify, type ErrorKind, type Retry } from "../../rebalancer/sending/classify.ts";

const url = "http://127.0.0.1:1";
/** What a node answers, as viem throws it. */
const rpc = (message: string, code = -32000, data?: string) =>
  new RpcRequestError({ body: {}, url, error: { code, message, ...(data === undefined ? {} : { data }) } });
const http = (status: number, details = "") => new HttpRequestError({ url, status, details });
const wrapped = (cause: Error) => new Error("the call failed", { cause });

/** `NotCalm()` of the strategy. */
const NOT_CALM = "0x26c87876";

const table: readonly (readonly [string, unknown, ErrorKind, Retry])[] = [
  ["ours, retryable", new RetryableError("the node lags"), "retryable", "later"],
  ["ours, whatever it quotes", new RetryableError("simulation: nonce too low"), "retryable", "later"],
  ["ours, fatal", new FatalError("timeout: a rule is broken"), "fatal", "never"],
  ["configuration", new ConfigError("x"), "fatal", "never"],
  ["payload", new PayloadError("x"), "fatal", "never"],
  ["geth", rpc("nonce too low: next nonce 5, tx nonce 4"), "nonce-too-low", "never"],
  ["anvil", rpc("nonce too low", -32003), "nonce-too-low", "never"],
  ["nethermind", rpc("OldNonce, Current nonce: 5, nonce of rejected tx: 4"), "nonce-too-low", "never"],
  ["geth", rpc("nonce too high"), "nonce-too-high", "later"],
  ["geth", rpc("already known"), "already-known", "later"],
  ["anvil", rpc("transaction already imported"), "already-known", "later"],
  ["nethermind", rpc("AlreadyKnown"), "already-known", "later"],
  ["openethereum", rpc("Transaction with the same hash was already imported.", -32010), "already-known", "later"],
  ["geth", rpc("replacement transaction underpriced"), "replacement-underpriced", "later"],
  ["nethermind", rpc("ReplacementNotAllowed"), "replacement-underpriced", "later"],
  ["geth", rpc("transaction underpriced: tip needed 1000000000, tip permitted 1"), "underpriced", "later"],
  [
    "geth",
    rpc("max fee per gas less than block base fee: address 0x, maxFeePerGas: 1, baseFee: 2"),
    "fee-below-base",
    "later",
  ],
  ["geth", rpc("insufficient funds for gas * price + value: balance 0, tx cost 1"), "insufficient-funds", "later"],
  ["anvil", rpc("Insufficient funds for gas * price + value", -32003), "insufficient-funds", "later"],
  ["geth", rpc("intrinsic gas too low: gas 20000, minimum needed 21000"), "intrinsic-gas", "never"],
  ["geth", rpc("exceeds block gas limit"), "gas-above-block-limit", "never"],
  ["geth", rpc("gas required exceeds allowance (100)"), "gas-above-block-limit", "never"],
  ["geth", rpc("txpool is full"), "pool-full", "later"],
  ["geth", rpc("invalid chain id for signer: have 1 want 31337"), "wrong-chain", "never"],
  ["revert with a named error", rpc("execution reverted", 3, NOT_CALM), "reverted", "never"],
  ["revert that quotes a node's words", rpc("execution reverted: insufficient funds", 3), "reverted", "never"],
  ["wrapped revert", wrapped(rpc("execution reverted", 3, NOT_CALM)), "reverted", "never"],
  ["geth, pruned", rpc("missing trie node 12ab (path )"), "state-missing", "limited"],
  ["provider", rpc("Your app has exceeded its compute units per second capacity", 429), "too-many-requests", "later"],
  ["HTTP 429", http(429), "too-many-requests", "later"],
  ["HTTP 500", http(500), "server-error", "later"],
  ["HTTP 503", wrapped(http(503, "no")), "server-error", "later"],
  ["viem's time-out", new TimeoutError({ body: {}, url }), "timeout", "later"],
  [
    "refused connection",
    wrapped(Object.assign(new TypeError("fetch failed"), { code: "ECONNREFUSED" })),
    "unreachable",
    "later",
  ],
  ["reset connection", Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }), "unreachable", "later"],
  ["HTML for JSON", new SyntaxError("Unexpected token < in JSON at position 0"), "malformed-answer", "later"],
  ["locked journal", Object.assign(new Error("database is locked"), { code: "SQLITE_BUSY" }), "journal-busy", "later"],
  ["full disk", new Error("database or disk is full"), "disk-full", "later"],
  ["a mistake of ours", new TypeError("cannot read properties of undefined"), "unknown", "limited"],
  ["no error at all", "oh no", "unknown", "limited"],
  ["nothing", undefined, "unknown", "limited"],
];

describe("classify", () => {
  it.each(table.map(([who, error, kind, retry]) => [`${who}: ${kind}`, { error, kind, retry }] as const))(
    "%s",
    (_name, { error, kind, retry }) => {
      expect(classify(error)).toMatchObject({ kind, retry });
    },
  );

  it("puts a refusal of the chain in words", () => {
    expect(classify(wrapped(rpc("execution reverted", 3, NOT_CALM))).refusal).toMatch(
      /^the vault is not calm: .*\(NotCalm\)$/,
    );
    expect(classify(rpc("nonce too low")).refusal).toBeNull();
  });
});
