import type { Address, Hex } from "../../ml/types.ts";
import type { BlockStamp } from "../chain.ts";
import type { Context } from "../context.ts";
import type { ProposalRecord } from "../journal/proposals.ts";

/** What is older can only have come to rest, or is ended by its confirm job. */
const DAY_SECONDS = 86_400;

/**
 * Proposals by vault that may still move it: sent and not seen mined, or not yet at rest. Ones whose deadline the chain
 * has passed can never execute and are journaled as expired here.
 */
export function openProposals(
  { journal, config }: Pick<Context, "journal" | "config">,
  now: BlockStamp,
): ReadonlyMap<Address, readonly ProposalRecord[]> {
  const open = new Map<Address, ProposalRecord[]>();
  const add = (record: ProposalRecord) => void open.set(record.vault, [...(open.get(record.vault) ?? []), record]);
  // Only its receipt, or the lack of one after the deadline, ends a sent one: that is for the confirm job to say.
  for (const record of journal.proposals({ status: ["sent"] })) add(record);

  const restsOf = new Map<Hex, ReadonlyMap<Address, unknown>>();
  const sinceSeconds = now.timestamp - DAY_SECONDS;
  for (const record of journal.proposals({ status: ["proposed", "simulated"], sinceSeconds })) {
    const { pool, blockHash, vault } = record;
    const key = `${pool}${blockHash}` as Hex;
    const rests = restsOf.get(key) ?? journal.rests({ chainId: config.chainId, pool, blockHash });
    restsOf.set(key, rests);
    if (rests.has(vault)) continue;
    if (record.proposal.deadline < BigInt(now.timestamp) && record.transaction === null) {
      journal.advance(record.digest, "expired", `not sent before its deadline ${record.proposal.deadline}`);
      continue;
    }
    add(record);
  }
  return open;
}
