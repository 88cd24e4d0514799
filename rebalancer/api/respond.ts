import type { Answer } from "./answers.ts";
import { type ApiError, errorBody } from "./errors.ts";

/** On every answer: nothing here is to be guessed at, framed, or told to others. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

const JSON_TYPE = "application/json; charset=utf-8";

/** The answer, or 304 to whom has it already. */
export function respondJson({ body, etag }: Answer, noneMatch: string | undefined): Response {
  const headers = { ...SECURITY_HEADERS, "cache-control": "no-cache", etag };
  if (noneMatch !== undefined && matches(noneMatch, etag)) return new Response(null, { status: 304, headers });
  return new Response(new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength), {
    headers: { ...headers, "content-type": JSON_TYPE },
  });
}

/** An answer that is not to be kept by anybody. */
export const respondFresh = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), {
    status,
    headers: { ...SECURITY_HEADERS, "cache-control": "no-store", "content-type": JSON_TYPE },
  });

/** An error in the one shape that errors have. */
export const respondError = (error: ApiError): Response =>
  new Response(JSON.stringify(errorBody(error)), {
    status: error.status,
    headers: { ...SECURITY_HEADERS, ...error.headers, "cache-control": "no-store", "content-type": JSON_TYPE },
  });

const matches = (noneMatch: string, etag: string): boolean =>
  noneMatch.trim() === "*" || noneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
