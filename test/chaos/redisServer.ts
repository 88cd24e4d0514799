import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { ensureRedisServer, freePort } from "../../rebalancer/cli/demo/redis.ts";

/** A Redis on one port that can be stopped and come back, with what it knew or without. */
export interface RedisServer {
  readonly url: string;
  start(): Promise<void>;
  /** At once; what was written stays on disk unless `wipe`. */
  kill(options?: { wipe?: boolean }): Promise<void>;
}

/** Starts it with its data in `folder`. */
export async function startRedisServer(folder: string): Promise<RedisServer> {
  const binary = ensureRedisServer();
  const port = await freePort();
  let child: ChildProcess | null = null;
  const killNow = () => child?.kill("SIGKILL");
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      mkdirSync(folder, { recursive: true });
      const args = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"];
      const started = spawn(binary, [...args, "--maxmemory-policy", "noeviction"].map(String), { stdio: "ignore" });
      child = started;
      process.once("exit", killNow);
      for (let tries = 0; !(await answers(port)); tries++) {
        if (started.exitCode !== null || tries > 500) throw new Error(`redis-server does not listen on port ${port}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async kill({ wipe = false } = {}) {
      process.off("exit", killNow);
      const running = child;
      child = null;
      if (running && running.exitCode === null && running.signalCode === null) {
        await new Promise<void>((resolve) => {
          running.once("exit", () => resolve());
          running.kill("SIGKILL");
        });
      }
      if (wipe) rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** Whether it has read its data and takes commands. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" }, () => socket.write("PING\r\n"));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString().startsWith("+PONG"));
    });
    socket.once("error", () => resolve(false));
  });
}
