import type { Redis } from "ioredis";
import type { PublicClient } from "viem";
import type { MovableState } from "../../sdk/actions/getVault.ts";
import type { BlockStamp } from "../chain.ts";
import type { Config, VaultConfig } from "../config.ts";
import { readState } from "../decideAt.ts";
import { explain } from "../errors.ts";
import type { Journal } from "../journal.ts";
import { type Marker, readMarker, settledKey } from "../observe/marker.ts";
import { leaseHolder } from "../queues/lease.ts";

/** Where one vault stands: what it holds, what was decided and done last, and who keeps it. */
export interface Standing {
  readonly name: string;
  readonly vault: `0x${string}`;
  /** Null with `trouble` when the chain does not answer for it. */
  readonly state: MovableState | null;
  readonly trouble: string | null;
  /** Whether the price is inside a range that is held; null where nothing is held. */
  readonly inRange: boolean | null;
  readonly marker: Marker | null;
  readonly last: { block: number; atSeconds: number; action: string; reasonKey: string; reason: string } | null;
  readonly lastMove: { block: number; status: string; transaction: string | null } | null;
  /** Identity of the worker that keeps it. */
  readonly worker: string | null;
}

/** Vaults that are asked about at once: a node is not to be flooded by a look. */
const AT_ONCE = 50;

export interface StandingsParameters {
  readonly config: Config;
  readonly client: PublicClient;
  readonly redis: Redis;
  readonly journal: Journal | null;
  readonly vaults: readonly VaultConfig[];
  readonly head: BlockStamp;
}

/** Where each vault stands at the head. */
export async function standings(parameters: StandingsParameters): Promise<readonly Standing[]> {
  const found: Standing[] = [];
  for (let from = 0; from < parameters.vaults.length; from += AT_ONCE) {
    const some = parameters.vaults.slice(from, from + AT_ONCE);
    found.push(...(await Promise.all(some.map((vault) => standing(parameters, vault)))));
  }
  return found;
}

async function standing({ config, client, redis, journal, head }: StandingsParameters, vault: VaultConfig) {
  const { chainId } = config;
  const { prefix } = config.redis;
  let trouble: string | null = null;
  const [state, marker, worker] = await Promise.all([
    readState({ client }, vault, head).catch((error) => {
      trouble = explain(error);
      return null;
    }),
    readMarker(redis, settledKey(chainId, vault.pool, prefix)),
    leaseHolder({ redis, prefix, chainId, vault: vault.vault }),
  ]);
  const [decided] = journal?.decisions({ vault: vault.vault, limit: 1, candidates: false }) ?? [];
  const [moved] = journal?.proposals({ vault: vault.vault, status: ["sent", "confirmed"], limit: 1 }) ?? [];
  const held = state?.positions.filter(({ liquidity }) => liquidity > 0n) ?? [];
  const tick = state?.referenceTick ?? 0;
  return {
    name: vault.name,
    vault: vault.vault,
    state,
    trouble,
    inRange: held.length === 0 ? null : held.some((range) => range.lowerTick <= tick && tick < range.upperTick),
    marker,
    last: decided ? lastOf(decided.decision) : null,
    lastMove: moved
      ? {
          block: moved.measured?.block ?? moved.block,
          status: moved.status,
          transaction: moved.measured?.transactionHash ?? moved.transaction?.hash ?? null,
        }
      : null,
    worker,
  };
}

const lastOf = ({ block, atSeconds, action, reasonKey, reason }: NonNullable<Standing["last"]>) => ({
  block,
  atSeconds,
  action,
  reasonKey,
  reason,
});

/** One word for a vault. */
export function stateWord({ state, inRange }: Standing): string {
  if (state === null) return "?";
  if (state.rebalanceHeld) return "held";
  if (state.paused) return "paused";
  if (!state.calm) return "not calm";
  return inRange === null ? "idle" : inRange ? "in range" : "out";
}
