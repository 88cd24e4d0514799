import { createHash, timingSafeEqual } from "node:crypto";
import { ConfigError } from "../errors.ts";
import { ApiError } from "./errors.ts";

export const TOKEN_VARIABLE = "RANGEKEEPER_API_TOKEN";
const LEAST_LENGTH = 16;

/** The token of the environment, null without one. Throws ConfigError for one that is easily guessed. */
export function tokenFromEnvironment(env: NodeJS.ProcessEnv): string | null {
  const token = env[TOKEN_VARIABLE];
  if (token === undefined || token === "") return null;
  if (token.length < LEAST_LENGTH || !/^[\x21-\x7e]+$/.test(token))
    throw new ConfigError(
      `${TOKEN_VARIABLE}: (not shown); rule: at least ${LEAST_LENGTH} printable characters without spaces`,
    );
  return token;
}

const hash = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Compares in a time that does not depend on how much of it is right. */
const isSame = (given: string, token: string): boolean => timingSafeEqual(hash(given), hash(token));

export interface CheckTokenParameters {
  /** The Authorization header. */
  readonly authorization: string | undefined;
  readonly token: string | null;
  /** True: a browser's password prompt will do as well; only for what cannot change anything. */
  readonly allowBasic?: boolean;
}

/** Throws 403 when this process has no token, 401 when the request does not carry it. */
export function checkToken({ authorization, token, allowBasic = false }: CheckTokenParameters): void {
  if (token === null)
    throw new ApiError("forbidden", {
      field: TOKEN_VARIABLE,
      value: "missing",
      rule: "must be set where the API runs before anything behind the token is served",
    });
  const [scheme = "", given = ""] = (authorization ?? "").split(" ", 2);
  if (/^bearer$/i.test(scheme) && isSame(given, token)) return;
  if (allowBasic && /^basic$/i.test(scheme)) {
    const password = Buffer.from(given, "base64")
      .toString("utf8")
      .replace(/^[^:]*:/, "");
    if (isSame(password, token)) return;
  }
  throw new ApiError("unauthorized", {
    field: "header.authorization",
    rule: `must be "Bearer" and the value of ${TOKEN_VARIABLE}`,
    headers: { "www-authenticate": allowBasic ? 'Basic realm="rangekeeper", charset="UTF-8"' : "Bearer" },
  });
}
