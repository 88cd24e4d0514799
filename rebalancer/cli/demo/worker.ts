import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { BaseError } from "../../../ml/errors.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const MAX_RESTARTS = 20;

export interface Supervised {
  /** Process id of the worker that runs now. */
  pid(): number | undefined;
  /** How often it died and was started again. */
  restarts(): number;
  /** Throws what made the worker unusable, if anything did. */
  check(): void;
  /** The last lines it said. */
  tail(): string;
  /** Asks it to finish and waits until it is gone. */
  stop(): Promise<void>;
}

/**
 * Runs `rangekeeper worker start` as a child process and starts it again when it dies, as a process supervisor would.
 * Exit code 2 (bad configuration) is final.
 */
export function superviseWorker(parameters: {
  configPath: string;
  env: NodeJS.ProcessEnv;
  onRestart?: (reason: string) => void;
}): Supervised {
  let child: ChildProcess | undefined;
  let restarts = 0;
  let stopping = false;
  let fatal: BaseError | undefined;
  let gone: (() => void) | undefined;
  const tail: string[] = [];

  const note = (chunk: Buffer) => {
    for (const line of chunk.toString("utf8").split("\n").filter(Boolean)) {
      tail.push(line);
      if (tail.length > 20) tail.shift();
    }
  };
  const start = () => {
    child = spawn(
      process.execPath,
      ["--import", "tsx", MAIN, "worker", "start", "--config", parameters.configPath, "--yes-live"],
      {
        env: parameters.env,
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    child.stdout?.on("data", note);
    child.stderr?.on("data", note);
    child.once("exit", (code, signal) => {
      child = undefined;
      if (stopping) {
        gone?.();
        return;
      }
      const how = signal ? `signal ${signal}` : `exit code ${code}`;
      if (code === 2 || restarts >= MAX_RESTARTS) {
        fatal = new BaseError(`the worker stopped with ${how}: ${tail.slice(-3).join(" | ")}`);
        return;
      }
      restarts += 1;
      parameters.onRestart?.(how);
      start();
    });
  };
  start();

  return {
    pid: () => child?.pid,
    restarts: () => restarts,
    check: () => {
      if (fatal) throw fatal;
    },
    tail: () => tail.slice(-5).join("\n"),
    stop: () => {
      stopping = true;
      if (!child) return Promise.resolve();
      return new Promise((resolve) => {
        const hard = setTimeout(() => child?.kill("SIGKILL"), 10_000);
        gone = () => {
          clearTimeout(hard);
          resolve();
        };
        child?.kill("SIGTERM");
      });
    },
  };
}
