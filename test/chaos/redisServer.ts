import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { ensureRedisServer } from "../../rebalancer/cli/demo/redis.ts";

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
  const port = await quietPort();
  let child: ChildProcess | null = null;
  const killNow = () => child?.kill("SIGKILL");
  // Two faults may want it at once: one after the other, and nobody starts what runs.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const turn = last.then(work, work);
    last = turn.catch(() => {});
    return turn;
  };
  const runs = () => child !== null && child.exitCode === null && child.signalCode === null;
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    start: () => inTurn(start),
    kill: (options = {}) => inTurn(() => kill(options)),
  };
  await server.start();
  return server;

  async function start(): Promise<void> {
    if (runs()) return;
    mkdirSync(folder, { recursive: true });
    const args = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"];
    const started = spawn(binary, [...args, "--maxmemory-policy", "noeviction"].map(String), { stdio: "ignore" });
    child = started;
    process.once("exit", killNow);
    for (let tries = 0; !(await answers(port, started.pid)); tries++) {
      if (started.exitCode !== null || tries > 500) throw new Error(`redis-server does not listen on port ${port}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  async function kill({ wipe = false }: { wipe?: boolean }): Promise<void> {
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
  }
}

/** A free port below those that a system hands out: while Redis is down, nobody else is given it. */
async function quietPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** Whether this very process has read its data and takes commands. */
function answers(port: number, pid: number | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" }, () => socket.write("INFO server\r\n"));
    let text = "";
    const settle = (found: boolean) => {
      socket.destroy();
      resolve(found);
    };
    socket.on("data", (data) => {
      text += data.toString();
      if (text.startsWith("-")) settle(false);
      else if (text.includes("\nprocess_id:") && text.trimEnd().length > 200)
        settle(text.includes(`\nprocess_id:${pid}\r\n`));
    });
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
  });
}
