import { type Config, resolveVaults, type VaultConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";

/** The configured vault with this name or address; throws ConfigError naming the ones there are. */
export function vaultNamed(config: Config, wanted: string, flag = "vault"): VaultConfig {
  const vaults = resolveVaults(config);
  const found = vaults.find(({ name, vault }) => name === wanted || vault.toLowerCase() === wanted.toLowerCase());
  if (found) return found;
  const names = vaults.map(({ name }) => name);
  const known = names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : names.join(", ");
  throw new ConfigError(`${flag}: ${wanted}; rule: the name or address of a configured vault (${known})`);
}
