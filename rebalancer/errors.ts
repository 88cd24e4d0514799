import { BaseError, InvalidInputError } from "../ml/errors.ts";
import { ModelPackageError } from "../ml/runtime/errors.ts";

/** The same attempt may succeed later: the node lags, Redis restarts, a connection broke. */
export class RetryableError extends BaseError {
  override name = "RetryableError";
}

/** Trying again cannot help: a rule is broken. */
export class FatalError extends BaseError {
  override name = "FatalError";
}

/** The configuration, a flag or the environment breaks a rule; the process exits with 2. */
export class ConfigError extends FatalError {
  override name = "ConfigError";
}

/** A queued payload is not what its queue's schema asks for. */
export class PayloadError extends FatalError {
  override name = "PayloadError";
}

/** A guard (a bound, the kill switch, another worker's lease) refused; the process exits with 3. */
export class RefusedError extends FatalError {
  override name = "RefusedError";
}

/** One line for a person: the message, then the messages of its causes. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  for (let current: unknown = error; current instanceof Error && parts.length < 4; current = current.cause) {
    const text = "shortMessage" in current ? String(current.shortMessage) : current.message;
    if (!parts.includes(text)) parts.push(text);
  }
  return parts.length > 0 ? parts.join(": ") : String(error);
}

/** Exit status of the process for an error that ended it. */
export function exitCodeOf(error: unknown): 1 | 2 | 3 {
  if (error instanceof ConfigError || error instanceof InvalidInputError || error instanceof ModelPackageError)
    return 2;
  if (error instanceof RefusedError) return 3;
  return 1;
}
