import type { Config } from "./config.ts";
import { ConfigError } from "./errors.ts";

/** Live needs the configuration and the flag, and both keys; dry-run needs the signer's. Throws ConfigError. */
export function checkMode(
  config: Config,
  live: boolean,
  signers: { readonly signer: unknown; readonly keeper: unknown },
): void {
  const { mode } = config.worker;
  if (mode === "live" && !live) {
    throw new ConfigError("config worker.mode: live; rule: needs the flag --yes-live as well");
  }
  if (mode !== "live" && live)
    throw new ConfigError(`--yes-live: given; rule: needs worker.mode = "live" as well, found "${mode}"`);
  if (mode !== "shadow" && !signers.signer) {
    throw new ConfigError(`RANGEKEEPER_SIGNER_KEY: missing; rule: needed with worker.mode = "${mode}"`);
  }
  if (mode === "live" && !signers.keeper) {
    throw new ConfigError('RANGEKEEPER_KEEPER_KEY: missing; rule: needed with worker.mode = "live"');
  }
}
