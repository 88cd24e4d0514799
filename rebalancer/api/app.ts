import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { explain } from "../errors.ts";
import { toAnswer } from "./answers.ts";
import type { ApiContext } from "./context.ts";
import type { Endpoint, EndpointInput, Http } from "./endpoint.ts";
import { ApiError, badRequest } from "./errors.ts";
import { routeOf } from "./metrics.ts";
import { respondError, respondFresh, respondJson, SECURITY_HEADERS } from "./respond.ts";
import { ENDPOINTS } from "./routes.ts";
import { checkToken } from "./token.ts";

export const MOST_BODY_BYTES = 64 * 1024;
export const MOST_URL_CHARACTERS = 2_048;

export interface CreateAppParameters {
  readonly context: ApiContext;
  /** Host names that a request may be for; null = any. A page of another site can point its own name at loopback. */
  readonly hosts: ReadonlySet<string> | null;
  /** Answers everything below /queues. */
  readonly board: (http: Http) => Response | Promise<Response>;
}

/** The routes with their borders: what is not well-formed is answered with an error before a route sees it. */
export function createApp({ context, hosts, board }: CreateAppParameters): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use(async (http, next) => {
    const target = http.env.incoming.url ?? "";
    if (target.length > MOST_URL_CHARACTERS)
      throw new ApiError("uri-too-long", {
        field: "url",
        value: `${target.length} characters`,
        rule: `at most ${MOST_URL_CHARACTERS} characters`,
      });
    const host = http.env.incoming.headers.host ?? "";
    if (hosts !== null && !hosts.has(host.replace(/:\d+$/, "").toLowerCase()))
      throw new ApiError("misdirected", {
        field: "header.host",
        value: host,
        rule: `must be one of ${[...hosts].join(", ")}, where this process listens`,
      });
    await next();
  });
  for (const endpoint of ENDPOINTS) {
    app.on(endpoint.method.toUpperCase(), endpoint.path.replace(/\{(\w+)\}/g, ":$1"), (http) => {
      routeOf.set(http.env.outgoing, endpoint.path);
      return serve(context, endpoint, http);
    });
  }
  app.get("/queues", board);
  app.get("/queues/*", board);
  app.notFound((http) => respondError(unmatched(http)));
  app.onError((error, http) => {
    if (error instanceof ApiError) {
      if (error.status >= 500) context.logger.warn({ stage: "api", path: http.req.path }, explain(error));
      return respondError(error);
    }
    context.logger.error({ stage: "api", path: http.req.path, stack: error.stack }, explain(error));
    return respondError(new ApiError("internal", { field: "server", rule: "must not fail; its log says why it did" }));
  });
  app.options("*", (http) => {
    const allowed = allowedMethods(http.req.path);
    if (allowed.length === 0) throw unmatched(http);
    return new Response(null, { status: 204, headers: { ...SECURITY_HEADERS, allow: allowed.join(", ") } });
  });
  return app;
}

async function serve(context: ApiContext, endpoint: Endpoint, http: Http): Promise<Response> {
  if (endpoint.token) checkToken({ authorization: http.env.incoming.headers.authorization, token: context.token });
  const input = { params: params(endpoint, http), query: query(endpoint, http), body: await body(endpoint, http) };
  const given = input as EndpointInput<undefined, undefined, undefined>;
  if ("respond" in endpoint) return endpoint.respond(context, given, http);
  if (endpoint.method !== "get") return respondFresh(await endpoint.serve(context, given));
  const noneMatch = http.env.incoming.headers["if-none-match"];
  if (endpoint.version === undefined) return respondJson(toAnswer(await endpoint.serve(context, given)), noneMatch);
  const version = await endpoint.version(context, given);
  const key = `${http.req.path} ${JSON.stringify(input.query ?? null)}`;
  const kept = context.answers.get(key, version);
  return respondJson(kept ?? context.answers.put(key, version, await endpoint.serve(context, given)), noneMatch);
}

function params({ params: schema }: Endpoint, http: Http): unknown {
  if (schema === undefined) return undefined;
  const given = http.req.param();
  const result = schema.safeParse(given);
  if (!result.success) throw badRequest("path", result.error, given);
  return result.data;
}

function query({ query: schema }: Endpoint, http: Http): unknown {
  const given: Record<string, string> = Object.create(null);
  for (const [name, values] of Object.entries(http.req.queries())) {
    if (values.length > 1)
      throw new ApiError("bad-request", { field: `query.${name}`, value: values, rule: "must be given once" });
    given[name] = values[0] ?? "";
  }
  if (schema === undefined) {
    const [name] = Object.keys(given);
    if (name !== undefined)
      throw new ApiError("bad-request", { field: `query.${name}`, value: given[name], rule: "is not known here" });
    return undefined;
  }
  const result = schema.safeParse({ ...given });
  if (!result.success) throw badRequest("query", result.error, given);
  return result.data;
}

async function body({ body: schema }: Endpoint, http: Http): Promise<unknown> {
  if (schema === undefined) return undefined;
  const { headers } = http.env.incoming;
  if (!/^application\/json\s*(;|$)/i.test(headers["content-type"] ?? ""))
    throw new ApiError("unsupported-media-type", {
      field: "header.content-type",
      value: headers["content-type"] ?? "missing",
      rule: "must be application/json",
    });
  if ((headers["content-encoding"] ?? "identity") !== "identity")
    throw new ApiError("unsupported-media-type", {
      field: "header.content-encoding",
      value: headers["content-encoding"],
      rule: "must be absent",
    });
  const text = await readBody(http);
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    throw new ApiError("bad-request", { field: "body", value: text, rule: "must be JSON", cause });
  }
  const result = schema.safeParse(given);
  if (!result.success) throw badRequest("body", result.error, given);
  return result.data;
}

/** The request's body as text; throws 413 as soon as it is too long, without reading on. */
async function readBody(http: Http): Promise<string> {
  const tooLong = (bytes: string) =>
    new ApiError("payload-too-large", {
      field: "body",
      value: bytes,
      rule: `at most ${MOST_BODY_BYTES} bytes`,
      headers: { connection: "close" },
    });
  const announced = Number(http.env.incoming.headers["content-length"] ?? 0);
  if (announced > MOST_BODY_BYTES) throw tooLong(`${announced} bytes`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stream = http.req.raw.body;
  if (stream === null) return "";
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.byteLength;
    if (length > MOST_BODY_BYTES) {
      void reader.cancel().catch(() => undefined);
      throw tooLong("longer");
    }
    chunks.push(value);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function unmatched(http: Http): ApiError {
  const allowed = allowedMethods(http.req.path);
  if (allowed.length === 0)
    return new ApiError("not-found", { field: "url", value: http.req.path, rule: "must be a path of /openapi.json" });
  return new ApiError("method-not-allowed", {
    field: "method",
    value: http.req.method,
    rule: `must be one of ${allowed.join(", ")}`,
    headers: { allow: allowed.join(", ") },
  });
}

const PATTERNS = ENDPOINTS.map(({ method, path }) => ({
  method: method.toUpperCase(),
  pattern: new RegExp(`^${path.replace(/\./g, "\\.").replace(/\{\w+\}/g, "[^/]+")}$`),
}));

function allowedMethods(path: string): readonly string[] {
  const methods = PATTERNS.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
  if (/^\/queues(\/|$)/.test(path)) methods.push("GET");
  if (methods.length === 0) return [];
  return [...new Set([...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"])];
}
