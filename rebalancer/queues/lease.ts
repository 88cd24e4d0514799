import type { Redis } from "ioredis";
import type { Address } from "../../ml/types.ts";
import { RefusedError } from "../errors.ts";

const TTL_MILLISECONDS = 30_000;
const RENEW_MILLISECONDS = 10_000;

/** Redis key that says which worker keeps a vault. */
const leaseKey = (prefix: string, chainId: number, vault: Address): string =>
  `${prefix}:${chainId}:${vault.toLowerCase()}:lease`;

/** Which worker keeps a vault now, by its journal's identity; null = none. */
export function leaseHolder(place: {
  readonly redis: Redis;
  readonly prefix: string;
  readonly chainId: number;
  readonly vault: Address;
}): Promise<string | null> {
  return place.redis.get(leaseKey(place.prefix, place.chainId, place.vault));
}

export interface AcquireLeasesParameters {
  readonly redis: Redis;
  readonly prefix: string;
  readonly chainId: number;
  readonly vaults: readonly Address[];
  /** Whose nonces only this worker's journal counts; none where nothing is sent. */
  readonly keepers?: readonly Address[];
  /** Who holds it: the journal's identity, so that a worker restarted on the same journal need not wait. */
  readonly holder: string;
  /** Called when another worker has taken a lease over. */
  readonly onLost: (error: RefusedError) => void;
}

/** Leases each vault, and each keeper, to this worker until `release`; throws RefusedError when another worker holds one. */
export async function acquireLeases(parameters: AcquireLeasesParameters): Promise<{ release(): Promise<void> }> {
  const { redis, prefix, chainId, vaults, keepers = [], holder, onLost } = parameters;
  const leased = [...vaults, ...keepers];
  const keyOf = (vault: Address) => leaseKey(prefix, chainId, vault);
  const take = async (vault: Address) => {
    await redis.set(keyOf(vault), holder, "PX", TTL_MILLISECONDS, "NX");
    const found = await redis.get(keyOf(vault));
    if (found !== holder) {
      throw new RefusedError(
        keepers.includes(vault)
          ? `lease of keeper ${vault}: held by worker ${found}; rule: workers with journals of their own have keepers of their own`
          : `lease of vault ${vault}: held by worker ${found}; rule: one worker, with one journal, per vault`,
      );
    }
    await redis.pexpire(keyOf(vault), TTL_MILLISECONDS);
  };
  // Side by side: thousands of leases cost one trip to Redis each way, not one each.
  await Promise.all(leased.map(take));
  const timer = setInterval(() => {
    for (const vault of leased) {
      take(vault).catch((error) => {
        if (error instanceof RefusedError) onLost(error);
      });
    }
  }, RENEW_MILLISECONDS);
  return {
    async release() {
      clearInterval(timer);
      const mine = leased.map(async (vault) => {
        if ((await redis.get(keyOf(vault))) === holder) await redis.del(keyOf(vault));
      });
      await Promise.all(mine);
    },
  };
}
