import { FatalError, RetryableError } from "../errors.ts";

/** The node did not answer, or answered what is no JSON-RPC, as often as was tried. */
export class RpcUnavailableError extends RetryableError {
  override name = "RpcUnavailableError";
}

/** The node refuses a call; the message is its own. */
export class RpcRefusedError extends FatalError {
  override name = "RpcRefusedError";
}

/** The node finds a block range or its result too large: to be asked for in halves. */
export class RangeTooLargeError extends FatalError {
  override name = "RangeTooLargeError";
}

/** An answer contradicts the question or itself: a log of another pool, a block out of range, digits that are none. */
export class RpcAnswerError extends FatalError {
  override name = "RpcAnswerError";
}

/** The node is of another chain than the one that was meant or that the dataset was fetched from. */
export class WrongChainError extends FatalError {
  override name = "WrongChainError";
}

/** The chain was reorganised further back than the fetch can follow. */
export class ReorganisedError extends RetryableError {
  override name = "ReorganisedError";
}
