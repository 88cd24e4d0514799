import type { Redis } from "ioredis";
import { keccak256, toBytes } from "viem";
import type { Decision } from "../ml/types.ts";
import type { MovableState } from "../sdk/actions/getVault.ts";
import type { BlockStamp } from "./chain.ts";
import type { Config, VaultConfig } from "./config.ts";
import { RefusedError } from "./errors.ts";
import { openProposals } from "./jobs/open.ts";
import type { ProposalRecord } from "./journal/proposals.ts";
import type { Journal } from "./journal.ts";
import { encodeJson } from "./json.ts";
import { leaseHolder } from "./queues/lease.ts";
import { ensureJob, type Queues } from "./queues/queue.ts";
import { buildProposal, digestOf, modelIdOf } from "./sending/proposal.ts";
import { createKillSwitch, describeStop } from "./stops/killSwitch.ts";

export interface ByHand {
  readonly config: Config;
  readonly redis: Redis;
  /** The journal of the worker that is to carry the order out. */
  readonly journal: Journal;
}

/**
 * Throws RefusedError where a guard that the worker obeys stands against a person's order: the kill switch, a proposal
 * that is still open, or no worker with this journal that could carry it out. Level 1 lets a move to idle through.
 */
export async function checkByHand(
  { config, redis, journal }: ByHand,
  { vault, block, toIdle }: { vault: VaultConfig; block: BlockStamp; toIdle: boolean },
): Promise<void> {
  const { prefix } = config.redis;
  const stop = await createKillSwitch({ redis, journal, prefix, chainId: config.chainId }).of(vault.vault);
  if (stop !== null && (stop.level >= 2 || !toIdle)) {
    throw new RefusedError(`the kill switch is on, ${describeStop(stop)}; rule: resume first`);
  }
  const holder = await leaseHolder({ redis, prefix, chainId: config.chainId, vault: vault.vault });
  if (holder !== journal.identity) {
    throw new RefusedError(
      holder === null
        ? `lease of vault ${vault.vault}: held by nobody; rule: a live worker with this journal must run (worker start)`
        : `lease of vault ${vault.vault}: held by worker ${holder}; rule: give that worker's journal by --journal`,
    );
  }
  const [open] = openProposals({ config, journal }, block).get(vault.vault) ?? [];
  if (open) {
    throw new RefusedError(
      `proposal ${open.digest}: ${open.status}; rule: a vault has one open proposal, so wait until it ends`,
    );
  }
}

/** Writes a person's decision and its proposal down at once, then asks the worker to carry it out. */
export async function proposeByHand(
  { config, journal, queues }: Pick<ByHand, "config" | "journal"> & { readonly queues: Queues },
  order: { vault: VaultConfig; block: BlockStamp; decision: Decision; state: MovableState },
): Promise<ProposalRecord> {
  const { vault, block, decision, state } = order;
  const { chainId } = config;
  const nonce = state.nextNonce;
  const proposal = buildProposal({ decision, modelId: modelIdOf(config.registry.decisionModel), nonce });
  const digest = digestOf(chainId, vault.strategy, proposal);
  const place = { chainId, vault: vault.vault, pool: decision.pool, block: block.number, blockHash: block.hash };
  // Several orders at one block are several decisions.
  const order8 = keccak256(toBytes(encodeJson(decision.plan))).slice(2, 10);
  const id = `${chainId}-${vault.vault.toLowerCase()}-${block.number}-${block.hash}-by-hand-${order8}`;
  journal.together(() => {
    const { nav, sharePrice } = state;
    journal.recordDecision({ ...place, id, modelSet: "by-hand", decision, nav, sharePrice });
    journal.recordProposal({
      ...place,
      digest,
      decisionId: id,
      strategy: vault.strategy,
      nonce,
      baseFeePerGas: block.baseFeePerGas,
      proposal,
    });
  });
  await ensureJob(queues, "execute", { chainId, vault: vault.vault, nonce: nonce.toString(), digest });
  const recorded = journal.proposal(digest);
  if (recorded === null) throw new RefusedError(`proposal ${digest}: not in the journal; rule: it must be there`);
  return recorded;
}
