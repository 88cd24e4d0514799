import { existsSync, readFileSync } from "node:fs";
import type { Hex, LocalAccount } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { Address } from "../../ml/types.ts";
import type { Config } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { keystoreSchema, openKeystore } from "./keystore.ts";

/** The two keys of a vault: the model's signs proposals, the keeper's pays for transactions; null = not given. */
export interface Signers {
  readonly signer: LocalAccount | null;
  readonly keeper: LocalAccount | null;
}

/** Every key that the configured vaults name. */
export interface Keys {
  /** The keys of a vault. */
  of(vault: { readonly keeper: string; readonly signer: string }): Signers;
  /** The keepers of all vaults, each address once. */
  readonly keepers: readonly LocalAccount[];
  /** The account with an address, if it is one of the keepers'. */
  keeper(address: Address): LocalAccount | null;
}

/** Where a key's value, or its keystore's password, is read from. */
export const environmentNames = (name: string) => {
  const upper = name.toUpperCase().replaceAll("-", "_");
  return { key: `RANGEKEEPER_${upper}_KEY`, password: `RANGEKEEPER_${upper}_PASSWORD` } as const;
};

export interface LoadKeysParameters {
  readonly config: Pick<Config, "keys" | "vaults">;
  readonly env: NodeJS.ProcessEnv;
  /** Told of every secret that was read, so that logs can leave it out. */
  readonly onSecret?: (secret: string) => void;
}

/**
 * Opens every key that a vault names, from its keystore or from the environment, the only places where it may be.
 * A key that is nowhere is null: `checkMode` says whether it is needed. Throws ConfigError; never echoes a value.
 */
export async function loadKeys({ config, env, onSecret }: LoadKeysParameters): Promise<Keys> {
  const names = new Set(config.vaults.flatMap(({ keeper, signer }) => [keeper, signer]));
  const accounts = new Map<string, LocalAccount | null>();
  for (const name of names) {
    const keystore = config.keys[name]?.keystore;
    accounts.set(
      name,
      keystore === undefined
        ? accountFromEnvironment(env, environmentNames(name).key, onSecret)
        : await accountFromKeystore(name, keystore, env, onSecret),
    );
  }
  const keepers = new Map<Address, LocalAccount>();
  for (const { keeper } of config.vaults) {
    const account = accounts.get(keeper);
    if (account) keepers.set(account.address, account);
  }
  return {
    of: ({ keeper, signer }) => ({ keeper: accounts.get(keeper) ?? null, signer: accounts.get(signer) ?? null }),
    keepers: [...keepers.values()],
    keeper: (address) => keepers.get(address) ?? null,
  };
}

/** The guardian's key, which only the verb that pauses vaults on the chain reads; absent = null. */
export const guardianFromEnvironment = (env: NodeJS.ProcessEnv): LocalAccount | null =>
  accountFromEnvironment(env, "RANGEKEEPER_GUARDIAN_KEY");

function accountFromEnvironment(
  env: NodeJS.ProcessEnv,
  name: string,
  onSecret?: (secret: string) => void,
): LocalAccount | null {
  const value = env[name];
  if (value === undefined || value === "") return null;
  onSecret?.(value);
  try {
    if (!/^0x[0-9a-fA-F]{64}$/.test(value)) throw new Error("shape");
    return privateKeyToAccount(value as Hex);
  } catch {
    // the cause is dropped on purpose: it may quote the key
    throw new ConfigError(`${name}: [redacted] is not a private key; rule: 0x and 64 hexadecimal digits`);
  }
}

async function accountFromKeystore(
  name: string,
  path: string,
  env: NodeJS.ProcessEnv,
  onSecret?: (secret: string) => void,
): Promise<LocalAccount | null> {
  const field = `config keys.${name}.keystore`;
  const variable = environmentNames(name).password;
  const password = env[variable];
  // Without its password a keystore is a key that was not given: a worker in mode shadow needs none.
  if (password === undefined || password === "") return null;
  onSecret?.(password);
  if (!existsSync(path)) throw new ConfigError(`${field}: ${path}; rule: the file must exist`);
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // the cause is dropped on purpose: it quotes what the file holds
    throw new ConfigError(`${field}: ${path}; rule: the file must be readable JSON`);
  }
  const parsed = keystoreSchema.safeParse(raw);
  if (!parsed.success) {
    // found values are left out on purpose: the file may be a bare key
    const rules = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "(whole)"}: ${message}`);
    throw new ConfigError(`${field}: ${path}; rule: a JSON keystore of version 3 (${rules.join("; ")})`);
  }
  const privateKey = await openKeystore(parsed.data, password);
  if (privateKey === null)
    throw new ConfigError(`${variable}: [redacted] does not open ${path}; rule: must be the password of that keystore`);
  onSecret?.(privateKey);
  const account = privateKeyToAccount(privateKey);
  const named = parsed.data.address?.replace(/^0x/, "").toLowerCase();
  if (named !== undefined && named !== account.address.slice(2).toLowerCase()) {
    throw new ConfigError(`${field}: ${path} names 0x${named} and holds ${account.address}; rule: they must be equal`);
  }
  return account;
}
