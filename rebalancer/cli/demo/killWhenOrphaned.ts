import { type ChildProcess, spawn } from "node:child_process";

/** Ends a process that this one has started when this one dies, of whatever cause: also where nothing can be caught. */
export function killWhenOrphaned(child: ChildProcess): void {
  if (process.platform === "win32" || child.pid === undefined) return;
  // A shell whose standard input closes when this process is gone.
  const guard = spawn("sh", ["-c", `read -r _; kill -9 ${child.pid} 2>/dev/null`], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  guard.unref();
  (guard.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  // The id may be another process's later.
  child.once("exit", () => guard.kill("SIGKILL"));
}
