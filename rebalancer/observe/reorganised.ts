import type { PublicClient } from "viem";
import { type BlockStamp, getBlock } from "../chain.ts";
import type { Context } from "../context.ts";
import type { ProposalRecord } from "../journal/proposals.ts";
import { ensureJob } from "../queues/queue.ts";

const DAY_SECONDS = 86_400;

export interface ReorganisedParameters {
  /** Newest block that the old chain and the new one share. */
  readonly fork: number;
  /** Unix seconds of the new head. */
  readonly atSeconds: number;
}

/**
 * Repairs after a reorganisation: what the journal calls done because of a block that is gone is looked for again, and
 * evaluations of blocks that are gone are taken off the queue.
 */
export async function repairReorganised(context: Context, { fork, atSeconds }: ReorganisedParameters): Promise<void> {
  const { journal, queues } = context;
  // What used a keeper's nonce there did not: they are looked after again.
  journal.forgetSpentAfter(fork);
  const recent = journal.proposals({
    status: ["confirmed", "refused", "expired"],
    sinceSeconds: atSeconds - DAY_SECONDS,
  });
  for (const record of recent) {
    const gone = record.measured !== null && record.measured.block > fork;
    await reopen(context, record, whatIsUndone(record, gone, atSeconds));
  }
  for (const job of await queues.evaluate.getJobs(["waiting", "delayed", "prioritized"])) {
    const block: unknown = job?.data?.block;
    // one that is being worked on finds out by itself
    if (typeof block === "number" && block > fork) await job.remove().catch(() => undefined);
  }
}

/**
 * The same after a start: the chain may have been reorganised while nobody looked, or while a worker died over the
 * repair. Looks at the blocks that the last day's receipts were in; false while the head has not reached all of them.
 */
export async function repairUnseen(context: Context, head: BlockStamp): Promise<boolean> {
  const { journal, client } = context;
  const recent = journal.proposals({
    status: ["confirmed", "refused", "expired"],
    sinceSeconds: head.timestamp - DAY_SECONDS,
  });
  for (const record of recent) {
    const { measured } = record;
    if (measured !== null && measured.block > head.number) continue;
    const gone = measured !== null && (await hashAt(client, measured.block, head)) !== measured.blockHash;
    await reopen(context, record, whatIsUndone(record, gone, head.timestamp));
  }
  return recent.every(({ measured }) => measured === null || measured.block <= head.number);
}

/** Hash of a block by number, up to the head. */
async function hashAt(client: PublicClient, number: number, head: BlockStamp): Promise<string> {
  return number === head.number ? head.hash : (await getBlock(client, number)).hash;
}

/** Puts a finished proposal back to sent and looks for it again; nothing to do where nothing is undone. */
async function reopen(
  { journal, queues, logger }: Context,
  record: ProposalRecord,
  undone: string | null,
): Promise<void> {
  if (undone === null) return;
  const { chainId, vault, digest, nonce, decisionId } = record;
  journal.together(() => {
    if (record.measured) journal.forgetSpentAt(digest, record.measured.block);
    journal.advance(digest, "sent", undone, { again: true });
  });
  logger.warn({ stage: "observe", vault, decisionId, digest }, `looked for again: ${undone}`);
  const payload = { chainId, vault, digest, nonce: nonce.toString() };
  await ensureJob(queues, "execute", payload, { again: true });
  await ensureJob(queues, "confirm", payload, { again: true });
}

/** Why a finished proposal is open again: its block is gone, or the time that let it expire. */
function whatIsUndone(record: ProposalRecord, gone: boolean, atSeconds: number): string | null {
  const { measured, status, transaction, proposal } = record;
  if (measured && gone) return `block ${measured.block} ${measured.blockHash} was reorganised away`;
  const inTimeAgain = status === "expired" && transaction !== null && proposal.deadline >= BigInt(atSeconds);
  return inTimeAgain ? `the chain went back to ${atSeconds}, before the deadline ${proposal.deadline}` : null;
}
