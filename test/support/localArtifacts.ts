import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Folder of forge's artifacts, with the local chain's contracts built into it if they are not there. */
export function localArtifacts(): string {
  const folder = process.env.FOUNDRY_OUT ?? "out";
  if (!existsSync(join(folder, "MarketActor.sol", "MarketActor.json"))) {
    execFileSync(process.execPath, ["scripts/forge.mjs", "build", "deploy/local"], { stdio: "pipe" });
  }
  return folder;
}
