import type { Logger } from "pino";
import type { Config, VaultConfig } from "../config.ts";
import type { Answers } from "./answers.ts";
import type { ChainView } from "./chainView.ts";
import { ApiError } from "./errors.ts";
import type { Journals } from "./journals.ts";
import type { ApiMetrics } from "./metrics.ts";
import type { SharedView } from "./sharedView.ts";
import type { Tail } from "./tail.ts";

/** For how long a client may hold what it does not use. */
export interface Patience {
  /** From a connection's first byte to the end of a request's headers. */
  readonly headersMilliseconds: number;
  /** From there to the end of its body. */
  readonly requestMilliseconds: number;
  /** Until a reader of an event stream takes what was written to it. */
  readonly streamMilliseconds: number;
}
/** Everything that answering a request needs, built once in server.ts. */
export interface ApiContext {
  readonly config: Config;
  readonly vaults: readonly VaultConfig[];
  readonly journals: Journals;
  readonly shared: SharedView;
  readonly chain: ChainView;
  readonly answers: Answers;
  /** Each vault as it was last written for a list, and what it was written from. */
  readonly vaultJsons: Map<string, { readonly version: string; readonly json: Uint8Array }>;
  readonly tail: Tail;
  readonly metrics: ApiMetrics;
  readonly token: string | null;
  readonly patience: Patience;
  readonly logger: Logger;
  readonly startedAtMilliseconds: number;
}

/** The configured vault at an address, however it is capitalised; throws 404. */
export function vaultAt({ vaults }: Pick<ApiContext, "vaults">, address: string): VaultConfig {
  const found = byAddress(vaults).get(address.toLowerCase());
  if (found) return found;
  throw new ApiError("not-found", {
    field: "path.vault",
    value: address,
    rule: "must be one of the configured vaults",
  });
}

const maps = new WeakMap<readonly VaultConfig[], ReadonlyMap<string, VaultConfig>>();
function byAddress(vaults: readonly VaultConfig[]): ReadonlyMap<string, VaultConfig> {
  const made = maps.get(vaults) ?? new Map(vaults.map((config) => [config.vault.toLowerCase(), config]));
  maps.set(vaults, made);
  return made;
}
