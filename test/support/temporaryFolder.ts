import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives a run a temporary folder of its own, and takes it away with all that the tests have left in it. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-tests-"));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
