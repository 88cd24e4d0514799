import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { killWhenOrphaned } from "../../rebalancer/cli/demo/killWhenOrphaned.ts";

/** What a process may take to end when it is asked to. */
const PATIENCE_MILLISECONDS = 15_000;

/** Starts a process that does not outlive this one, however this one ends. */
export function startChild(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, options);
  killWhenOrphaned(child);
  return child;
}

/** Asks it to end, and ends it where it does not. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("close", resolve));
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MILLISECONDS);
  child.kill("SIGTERM");
  await ended;
  clearTimeout(timer);
}
