import type { LocalAccount } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { ConfigError } from "./errors.ts";

/** The two keys of a worker: the model's signs proposals, the keeper's pays for transactions. */
export interface Signers {
  readonly signer: LocalAccount | null;
  readonly keeper: LocalAccount | null;
}

/** Reads both keys from the environment, the only place where they may be; absent = null. Never echoes a value. */
export function signersFromEnvironment(env: NodeJS.ProcessEnv): Signers {
  return { signer: account(env, "RANGEKEEPER_SIGNER_KEY"), keeper: account(env, "RANGEKEEPER_KEEPER_KEY") };
}

/** The guardian's key, which only the verb that pauses vaults on the chain reads; absent = null. */
export const guardianFromEnvironment = (env: NodeJS.ProcessEnv): LocalAccount | null =>
  account(env, "RANGEKEEPER_GUARDIAN_KEY");

function account(env: NodeJS.ProcessEnv, name: string): LocalAccount | null {
  const value = env[name];
  if (value === undefined || value === "") return null;
  try {
    if (!/^0x[0-9a-fA-F]{64}$/.test(value)) throw new Error("shape");
    return privateKeyToAccount(value as `0x${string}`);
  } catch {
    // the cause is dropped on purpose: it may quote the key
    throw new ConfigError(`${name}: [redacted] is not a private key; rule: 0x and 64 hexadecimal digits`);
  }
}
