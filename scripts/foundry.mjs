// Where the native Foundry binaries are: the npm platform package first, then PATH.
import { accessSync, constants } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** Absolute path of `forge`, `anvil` or `cast`; throws an error that says what to type when there is none. */
export function foundryBinary(tool) {
  const cpu = process.arch === "x64" ? "amd64" : process.arch;
  const suffix = process.platform === "win32" ? ".exe" : "";
  const packageName = `@foundry-rs/${tool}-${process.platform}-${cpu}`;
  const candidates = (process.env.PATH ?? "")
    .split(delimiter)
    // node_modules/.bin may hold the npm launcher, which exits 0 when forge fails
    .filter((folder) => !folder.includes("node_modules"))
    .map((folder) => join(folder, tool + suffix));
  try {
    candidates.unshift(join(dirname(require.resolve(`${packageName}/package.json`)), "bin", tool + suffix));
  } catch {
    // not published for this platform: PATH decides
  }
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {}
  }
  throw new Error(
    `${tool} not found: neither the npm package ${packageName} nor \`${tool}\` on PATH. ` +
      "Run `npm ci`, or install Foundry with foundryup.",
  );
}
