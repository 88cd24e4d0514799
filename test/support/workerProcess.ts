import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

export interface WorkerProcess {
  readonly child: ChildProcess;
  /** Resolves when the process is gone. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string; stdout: string }>;
  /** Asks it to finish and waits for it. */
  stop(): Promise<void>;
}

/** Runs a TypeScript program of this project in a process of its own. */
export function startProgram(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): WorkerProcess {
  const root = join(import.meta.dirname, "../..");
  const child = spawn(process.execPath, ["--import", "tsx", join(root, file), ...args], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.on("data", (chunk: Buffer) => {
      output[name] += chunk.toString("utf8");
    });
  }
  const ended = new Promise<Awaited<WorkerProcess["ended"]>>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal, ...output }));
  });
  return {
    child,
    ended,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
