import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Logger } from "pino";
import { endpointsOf } from "../chain/open.ts";
import { endpointsClient } from "../chain/transport.ts";
import { type Config, resolveVaults } from "../config.ts";
import { ConfigError, explain } from "../errors.ts";
import { openRedis } from "../queues/redis.ts";
import { createShutdown } from "../shutdown.ts";
import { createAnswers } from "./answers.ts";
import { createApp } from "./app.ts";
import { createBoard } from "./board.ts";
import { watchChain } from "./chainView.ts";
import type { ApiContext, Patience } from "./context.ts";
import { ApiError, errorBody } from "./errors.ts";
import { openJournals } from "./journals.ts";
import { createApiMetrics } from "./metrics.ts";
import { respondError } from "./respond.ts";
import { createSharedView } from "./sharedView.ts";
import { createTail } from "./tail.ts";
import { TOKEN_VARIABLE, tokenFromEnvironment } from "./token.ts";

const PATIENCE: Patience = { headersMilliseconds: 10_000, requestMilliseconds: 15_000, streamMilliseconds: 15_000 };

const SERVER_LIMITS = {
  maxHeaderSize: 16 * 1024,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 500,
} as const;
const MOST_CONNECTIONS = 1_024;
/** What is in hand may be finished for so long when the process is asked to end. */
const GRACE_MILLISECONDS = 2_000;

export interface StartApiParameters {
  readonly config: Config;
  /** "HOST:PORT" in place of api.listen; port 0 = any free one. */
  readonly listen?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly patience?: Patience;
}

export interface RunningApi {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts the HTTP interface. It needs neither journal nor Redis nor node to start: what is missing is answered with 503
 * until it is there. Throws ConfigError for an address that it must not or cannot listen at.
 */
export async function startApi(parameters: StartApiParameters): Promise<RunningApi> {
  const { config, listen, env, logger, patience = PATIENCE } = parameters;
  const token = tokenFromEnvironment(env);
  const { host, port } = parseListen(listen ?? config.api.listen);
  const loopback = isLoopback(host);
  if (!loopback && token === null)
    throw new ConfigError(
      `api.listen: ${host}:${port}; rule: a host other than loopback needs ${TOKEN_VARIABLE} in the environment`,
    );
  const vaults = resolveVaults(config);
  const shutdown = createShutdown();
  const onRedisError = warnOnce(logger);
  const redis = openRedis(config.redis, onRedisError);
  shutdown.add("redis", () => redis.disconnect());
  const journals = openJournals([config.journal.path, ...config.api.journals]);
  shutdown.add("journals", () => journals.close());
  const endpoints = endpointsOf(config);
  shutdown.add("rpc", () => endpoints.close());
  const chain = watchChain({
    client: endpointsClient(endpoints),
    chainId: config.chainId,
    pollMilliseconds: config.worker.pollMilliseconds,
    logger,
  });
  shutdown.add("chain", () => chain.stop());
  const shared = createSharedView({ redis, journals, config, vaults, onError: onRedisError });
  shutdown.add("queues", () => shared.close());
  const context: ApiContext = {
    config,
    vaults,
    journals,
    chain,
    shared,
    answers: createAnswers(),
    vaultJsons: new Map(),
    tail: createTail(journals),
    metrics: createApiMetrics(),
    token,
    patience,
    logger,
    startedAtMilliseconds: Date.now(),
  };
  const app = createApp({
    context,
    hosts: loopback ? new Set(["localhost", "127.0.0.1", "[::1]", host]) : null,
    board: createBoard({ shared, token }),
  });
  const server = createHttpServer(context, app.fetch);
  shutdown.add("server", () => close(server));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    await shutdown.run();
    throw new ConfigError(`api.listen: ${host}:${port}; rule: must be free to listen at (${explain(error)})`, {
      cause: error,
    });
  }
  const { port: bound } = server.address() as AddressInfo;
  const url = `http://${host}:${bound}`;
  logger.info({ stage: "start", vaults: vaults.length, token: token !== null }, `the API listens at ${url}`);
  return { url, stop: () => shutdown.run() };
}

type Fetch = Parameters<typeof getRequestListener>[0];

function createHttpServer({ metrics, logger, patience }: ApiContext, fetch: Fetch): Server {
  const listener = getRequestListener(fetch, {
    errorHandler: (error) => {
      // What never became a request: a host or a target that is none.
      logger.debug({ stage: "api" }, explain(error));
      return respondError(
        new ApiError("bad-request", { field: "request", rule: "must be a well-formed HTTP request" }),
      );
    },
  });
  const { headersMilliseconds: headersTimeout, requestMilliseconds: requestTimeout } = patience;
  const server = createServer({ ...SERVER_LIMITS, headersTimeout, requestTimeout }, (incoming, outgoing) => {
    const startedAt = performance.now();
    outgoing.once("close", () => metrics.answered(outgoing, (performance.now() - startedAt) / 1_000));
    void listener(incoming, outgoing);
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
    const refused = clientError(error.code);
    const body = JSON.stringify(errorBody(refused));
    socket.end(
      `HTTP/1.1 ${refused.status} ${refused.code}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
  return server;
}

function clientError(code: string | undefined): ApiError {
  if (code === "HPE_HEADER_OVERFLOW")
    return new ApiError("headers-too-large", {
      field: "headers",
      rule: `at most ${SERVER_LIMITS.maxHeaderSize} bytes in all`,
    });
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new ApiError("request-timeout", { field: "request", rule: "must be sent in time" });
  return new ApiError("bad-request", { field: "request", rule: "must be a well-formed HTTP request" });
}

/** Finishes what is in hand for a moment, then hangs up. */
async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MILLISECONDS);
  await closed;
  clearTimeout(timer);
}

function parseListen(text: string): { host: string; port: number } {
  const [, host = "", port = ""] = /^(\[[0-9a-f:]+\]|[^\s:]+):(\d{1,5})$/i.exec(text) ?? [];
  if (host === "" || Number(port) > 65_535)
    throw new ConfigError(`api.listen: ${text}; rule: "HOST:PORT" with a port from 0 to 65535`);
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);

/** The first of a row of errors is worth a line; a connection that keeps failing would write one a second. */
function warnOnce(logger: Logger): (error: Error) => void {
  let last = "";
  return (error) => {
    const text = explain(error);
    if (text !== last) logger.warn({ stage: "redis" }, text);
    last = text;
  };
}
