import type { Config } from "./config.ts";
import { ConfigError } from "./errors.ts";
import { environmentNames, type Keys } from "./keys/keys.ts";

/** Live needs the configuration and the flag, and both keys of every vault; dry-run the signers'. Throws ConfigError. */
export function checkMode(config: Pick<Config, "worker" | "vaults" | "keys">, live: boolean, keys: Keys): void {
  const { mode } = config.worker;
  if (mode === "live" && !live) {
    throw new ConfigError("config worker.mode: live; rule: needs the flag --yes-live as well");
  }
  if (mode !== "live" && live)
    throw new ConfigError(`--yes-live: given; rule: needs worker.mode = "live" as well, found "${mode}"`);
  if (mode === "shadow") return;
  const missing: string[] = [];
  for (const vault of config.vaults) {
    const { signer, keeper } = keys.of(vault);
    if (!signer) missing.push(missingKey(config, vault.signer, vault.name, `worker.mode = "${mode}"`));
    if (!keeper && mode === "live") missing.push(missingKey(config, vault.keeper, vault.name, 'worker.mode = "live"'));
  }
  if (missing.length > 0) throw new ConfigError([...new Set(missing)].join("\n"));
}

function missingKey({ keys }: Pick<Config, "keys">, name: string, vault: string, mode: string): string {
  const names = environmentNames(name);
  const variable = keys[name]?.keystore === undefined ? names.key : names.password;
  return `${variable}: missing; rule: needed by vault "${vault}" with ${mode}`;
}
