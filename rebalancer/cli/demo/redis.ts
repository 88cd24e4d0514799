import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { createConnection, createServer } from "node:net";
import { delimiter, join } from "node:path";
import type { Redis } from "ioredis";
import { BaseError } from "../../../ml/errors.ts";
import { killWhenOrphaned } from "./killWhenOrphaned.ts";

/** No Redis is to be had; the message is the command to type. */
export class RedisNotFoundError extends BaseError {
  override name = "RedisNotFoundError";
}

export interface RedisHandle {
  readonly url: string;
  /** How it came about, for the person watching. */
  readonly origin: string;
  /** Stops what was started here; a Redis that was already running is left alone. */
  stop(): Promise<void>;
}

/**
 * A Redis to work with: REDIS_URL when set, else a private `redis-server` from PATH on a free loopback port, else one
 * installed with apt when this process may. Throws RedisNotFoundError with the command to type.
 */
export async function ensureRedis(
  options: { env?: NodeJS.ProcessEnv; log?: (line: string) => void } = {},
): Promise<RedisHandle> {
  const env = options.env ?? process.env;
  if (env.REDIS_URL) return { url: env.REDIS_URL, origin: "REDIS_URL", stop: async () => {} };
  const binary = ensureRedisServer({ env, ...(options.log ? { log: options.log } : {}) });
  const port = await freePort();
  const child = spawn(
    binary,
    [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--save",
      "",
      "--appendonly",
      "no",
      "--maxmemory-policy",
      "noeviction",
    ],
    { stdio: "ignore" },
  );
  killWhenOrphaned(child);
  await waitForPort(port, child);
  return { url: `redis://127.0.0.1:${port}`, origin: `${binary} on port ${port}`, stop: () => stopChild(child) };
}

/** Path of `redis-server`, installing it with apt when it is missing and this process is root. */
export function ensureRedisServer(options: { env?: NodeJS.ProcessEnv; log?: (line: string) => void } = {}): string {
  const env = options.env ?? process.env;
  const found = onPath("redis-server", env);
  if (found) return found;
  if (process.getuid?.() === 0 && onPath("apt-get", env)) {
    options.log?.("redis-server is not installed: installing it with apt-get (running as root)");
    const quiet = { stdio: "ignore" as const, env: { ...env, DEBIAN_FRONTEND: "noninteractive" } };
    spawnSync("apt-get", ["update", "-qq"], quiet);
    spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=120", "install", "-y", "-qq", "redis-server"], quiet);
    const installed = onPath("redis-server", env);
    if (installed) return installed;
  }
  throw new RedisNotFoundError(
    "Redis not found: REDIS_URL is not set and redis-server is not on PATH. Install it with `sudo apt-get install redis-server` " +
      "(macOS: `brew install redis`) or set REDIS_URL=redis://host:port.",
  );
}

/** Deletes every key whose name begins with `prefix`. */
export async function dropKeys(redis: Redis, prefix: string): Promise<void> {
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 })) {
    if (Array.isArray(keys) && keys.length > 0) await redis.unlink(...keys);
  }
}

function onPath(program: string, env: NodeJS.ProcessEnv): string | undefined {
  for (const folder of (env.PATH ?? "").split(delimiter)) {
    const candidate = join(folder, program);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {}
  }
  return undefined;
}

/** A port on the loopback interface that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}

async function waitForPort(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 250; attempt++) {
    if (child.exitCode !== null)
      throw new BaseError(`redis-server stopped with exit code ${child.exitCode} before it listened on port ${port}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: "127.0.0.1" });
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGKILL");
  throw new BaseError(`redis-server did not listen on port ${port} within 5 s`);
}

function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}
