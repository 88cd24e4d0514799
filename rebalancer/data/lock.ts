import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RefusedError } from "../errors.ts";

const LOCK = ".fetching";

/**
 * Takes a dataset for this process and answers how to let it go; raises `RefusedError` while another living process
 * has it. What a killed process left is taken over.
 */
export function lockDataset(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, LOCK);
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST" || tries > 1) throw cause;
      const holder = Number(readFileSync(path, "utf8"));
      if (isAlive(holder)) {
        throw new RefusedError(`dataset ${folder}: process ${holder} fetches into it; rule: one at a time`, { cause });
      }
      rmSync(path, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
