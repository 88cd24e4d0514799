import type { BlockStamp } from "../chain.ts";
import type { VaultConfig } from "../config.ts";
import type { Context } from "../context.ts";
import type { ProposalRecord } from "../journal/proposals.ts";

/**
 * Proposals of a vault that may still move it: sent and not seen mined, or not yet at rest. Ones whose deadline the
 * chain has passed can never execute and are journaled as expired here.
 */
export async function openProposals(
  { journal, config }: Pick<Context, "journal" | "config">,
  vault: VaultConfig,
  now: BlockStamp,
): Promise<readonly ProposalRecord[]> {
  const open: ProposalRecord[] = [];
  for (const record of journal.proposals({ vault: vault.vault, status: ["proposed", "simulated", "sent"] })) {
    if (record.status === "sent") {
      // Only its receipt, or the lack of one after the deadline, ends it: that is for the confirm job to say.
      open.push(record);
      continue;
    }
    const rests = journal.rests({ chainId: config.chainId, pool: record.pool, blockHash: record.blockHash });
    if (rests.has(record.vault)) continue;
    if (record.proposal.deadline < BigInt(now.timestamp) && record.transaction === null) {
      journal.advance(record.digest, "expired", `not sent before its deadline ${record.proposal.deadline}`);
      continue;
    }
    open.push(record);
  }
  return open;
}
