/** Root of every error that Rangekeeper raises on purpose: a short message, details for the log, and a cause. */
export class BaseError extends Error {
  override name = "BaseError";
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details ?? {};
  }
}

/** Something from outside (file, config, payload, answer) broke a rule: names the field, the value and the rule. */
export class InvalidInputError extends BaseError {
  override name = "InvalidInputError";
}
