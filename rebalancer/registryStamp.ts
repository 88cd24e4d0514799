import { statSync } from "node:fs";
import { join } from "node:path";

/** What tells one version of a registry from another; "" where there is none. */
export function registryStamp(folder: string): string {
  const found = statSync(join(folder, "registry.json"), { throwIfNoEntry: false });
  return found === undefined ? "" : `${found.ino} ${found.size} ${found.mtimeMs}`;
}
