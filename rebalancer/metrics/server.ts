import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { ConfigError, explain } from "../errors.ts";

/** One thing that must hold for work to be done. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface MetricsServer {
  /** Where it answers, "http://127.0.0.1:9464". */
  readonly url: string;
  close(): Promise<void>;
}

export interface StartMetricsServerParameters {
  /** "HOST:PORT"; port 0 = any free one. */
  readonly listen: string;
  readonly registry: Registry;
  readonly readiness: () => readonly ReadinessCheck[];
}

/**
 * Answers /metrics for Prometheus, /healthz (the process and its event loop live) and /readyz (all that work needs is
 * there; 503 and the list when not). Reads memory only, so that no scrape waits for anything.
 */
export async function startMetricsServer(parameters: StartMetricsServerParameters): Promise<MetricsServer> {
  const { listen, registry, readiness } = parameters;
  const server = createServer({ maxHeaderSize: 8_192, requestTimeout: 5_000 }, (request, response) => {
    const answer = (status: number, type: string, body: string) =>
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
    const json = (status: number, body: unknown) => answer(status, "application/json", `${JSON.stringify(body)}\n`);
    request.resume();
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return json(405, { error: `method: ${request.method}; rule: GET or HEAD` });
    }
    const [path = ""] = (request.url ?? "").split("?");
    if (path === "/healthz") return json(200, { status: "alive" });
    if (path === "/readyz") {
      const checks = readiness();
      const ready = checks.every(({ ok }) => ok);
      return json(ready ? 200 : 503, { status: ready ? "ready" : "not ready", checks });
    }
    if (path !== "/metrics") return json(404, { error: "path: unknown; rule: /metrics, /healthz or /readyz" });
    registry.metrics().then(
      (text) => answer(200, registry.contentType, text),
      (error: unknown) => json(500, { error: explain(error) }),
    );
  });
  const separator = listen.lastIndexOf(":");
  const [host, port] = [listen.slice(0, separator), Number(listen.slice(separator + 1))];
  await listening(server, host, port).catch((cause) => {
    throw new ConfigError(`config metrics.listen: ${listen}; rule: an address that is free (${explain(cause)})`, {
      cause,
    });
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
