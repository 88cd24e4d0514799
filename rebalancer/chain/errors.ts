import { BaseError } from "viem";
import { FatalError, RetryableError } from "../errors.ts";

/** What kind of trouble a node gave; `time-out` and `too-large` are not tried again at once. */
export type FailureKind = "connection" | "time-out" | "status" | "too-large" | "malformed" | "refused" | "wrong-chain";

/**
 * One node did not answer, or answered what is no answer. It descends from viem's root, so that viem's actions hand it
 * through as it is; the message never holds more of an address than its host.
 */
export class EndpointError extends BaseError {
  override name = "EndpointError";
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: Error) {
    super(message, cause === undefined ? {} : { cause });
    this.kind = kind;
  }
}

/** No configured node gave a usable answer; the message says what each one did. */
export class NoEndpointError extends BaseError {
  override name = "NoEndpointError";
}

/** An answer contradicts the question, itself, or what is known of the chain. Another node, or a later try, may do. */
export class ChainAnswerError extends RetryableError {
  override name = "ChainAnswerError";
}

/** The node does not have a block (yet, or any more). */
export class BlockMissingError extends RetryableError {
  override name = "BlockMissingError";
}

/** A head that neither continues the chain that was followed nor proves another one by its parents. */
export class HeadRefusedError extends RetryableError {
  override name = "HeadRefusedError";
}

/** The node no longer has what is asked for: it keeps the newest blocks only. */
export class HistoryPrunedError extends FatalError {
  override name = "HistoryPrunedError";
}

/** What nodes say of a block or state that they do not have, or not yet. */
const ABSENT =
  /header not found|unknown block|block not found|could not find block|resource not found|BlockOutOfRange|not currently canonical|after last accepted|missing trie node|state .*(not available|unavailable)/i;
/** What they say of blocks that they have thrown away. */
const PRUNED =
  /pruned|history (is )?(not available|unavailable)|missing trie node|before the (earliest|first) block|4444/i;
/** What providers say when a range of blocks, or what it holds, is beyond their limit. */
const TOO_LARGE =
  /too many (results|logs|blocks)|more than \d+ (results|logs)|(range|block range|limit|size|response).*(exceed|too (large|wide|big)|limit)|exceed(s|ed)?.*(range|limit|results|size)|query timeout|returned more than|ranges? (over|greater)|limited to|up to a? ?[\d,.k]+ ?block/i;
/** What they say when asked too often. */
const TOO_OFTEN = /rate.?limit|too many requests|capacity|throttl|per second|quota/i;

/** What they say, under any code, when something of their own broke. */
const OWN_TROUBLE =
  /internal (server )?error|server error|unavailable|try again|over(load|capacity)|time(d)?[ -]?out|upstream|bad gateway/i;

/** A JSON-RPC error as it came: not yet an exception. */
export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/**
 * What a node's error means for the way on: `final` = the answer to this call (a revert, a nonce), whoever is asked;
 * `absent` = this node lacks the block, another may have it; `faulty` = the node's own trouble.
 */
export function meaningOf(method: string, { code, message, data }: RpcFailure): "final" | "absent" | "faulty" {
  if (code === 3 || /revert/i.test(message) || typeof data === "string") return "final";
  if (method === "eth_getLogs" && isTooLarge(message)) return "final";
  if (ABSENT.test(message) || PRUNED.test(message) || code === -32001) return "absent";
  if (code === 429 || code === -32005 || TOO_OFTEN.test(message)) return "faulty";
  // A node that refuses a transaction has looked at it; what it says is the answer.
  if ((code === -32603 || OWN_TROUBLE.test(message)) && method !== "eth_sendRawTransaction") return "faulty";
  if (code === -32601) return "absent";
  return "final";
}

/** Whether a node's words mean that fewer blocks should be asked for at once. */
export const isTooLarge = (message: string): boolean => TOO_LARGE.test(message);

/** Whether a node's words mean that it has thrown away what is asked for. */
export const isPruned = (message: string): boolean => PRUNED.test(message);
