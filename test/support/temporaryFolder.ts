import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives a run a temporary folder of its own, and takes it away with all that the tests have left in it. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-tests-"));
  process.env.TMPDIR = folder;
  // Where the files of one run share what is slow to build; not `TMPDIR` itself, which a person may have set.
  process.env.RANGEKEEPER_TEST_RUN = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
