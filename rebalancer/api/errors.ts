import type { z } from "zod";
import { BaseError } from "../../ml/errors.ts";
import { showJson } from "../json.ts";

/** Every code that an answer may carry, with its HTTP status. */
export const STATUS_OF_CODE = {
  "bad-request": 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  "method-not-allowed": 405,
  "request-timeout": 408,
  conflict: 409,
  "payload-too-large": 413,
  "uri-too-long": 414,
  "unsupported-media-type": 415,
  misdirected: 421,
  "too-many-requests": 429,
  "headers-too-large": 431,
  internal: 500,
  unavailable: 503,
} as const;
export type ErrorCode = keyof typeof STATUS_OF_CODE;

export interface ApiErrorParameters {
  readonly field: string;
  /** What was given, shortened; null where saying it would tell a secret or it does not matter. */
  readonly value?: unknown;
  readonly rule: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A request that is answered with an error: one code, and which field breaks which rule. */
export class ApiError extends BaseError {
  override name = "ApiError";
  readonly code: ErrorCode;
  readonly field: string;
  readonly value: string | null;
  readonly rule: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, { field, value, rule, headers = {}, cause }: ApiErrorParameters) {
    const shown = value === undefined || value === null ? null : shorten(value);
    super(`${field}: ${shown ?? "(not shown)"}; rule: ${rule}`, { cause });
    this.code = code;
    this.field = field;
    this.value = shown;
    this.rule = rule;
    this.headers = headers;
  }

  get status(): number {
    return STATUS_OF_CODE[this.code];
  }
}

/** The body of every answer that is an error. */
export function errorBody({ code, field, value, rule, message }: ApiError) {
  return { error: { code, field, value, rule, message } };
}

/** The first complaint of a schema as an error about one field of the request. */
export function badRequest(part: string, error: z.ZodError, input: unknown): ApiError {
  const issue = error.issues[0];
  if (issue === undefined) return new ApiError("bad-request", { field: part, rule: "must be well-formed" });
  const unknown = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const path = [...issue.path.map(String), ...unknown];
  const value = path.reduce<unknown>(
    (node, key) => (typeof node === "object" && node !== null ? Reflect.get(node, key) : undefined),
    input,
  );
  return new ApiError("bad-request", {
    field: [part, ...path].join("."),
    value: value === undefined ? "missing" : value,
    rule: unknown.length > 0 ? "is not known here" : issue.message,
  });
}

/** Something that this process needs does not answer; it will be asked again by the next request. */
export const unavailable = (field: string, rule: string, cause?: unknown): ApiError =>
  new ApiError("unavailable", { field, rule, headers: { "retry-after": "1" }, cause });

function shorten(value: unknown): string {
  const text = typeof value === "string" ? value : showJson(value);
  // Control characters and halves of surrogate pairs have no place in a message.
  const plain = text.replace(/[\p{Cc}\p{Cs}]/gu, "?");
  return plain.length > 80 ? `${plain.slice(0, 77)}...` : plain;
}
