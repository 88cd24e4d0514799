import type { Hex, LocalAccount } from "viem";
import { type BlockStamp, getBlock } from "../chain.ts";
import type { Context } from "../context.ts";
import { broadcast } from "../jobs/broadcast.ts";
import type { Attempt, Slot } from "../journal/attempts.ts";
import { describeStop } from "../stops/killSwitch.ts";
import { signReplacement } from "./attempt.ts";
import { concludeProposal, findMined, recordSpent } from "./conclude.ts";
import { type NonceCounts, readNonceCounts } from "./nonces.ts";

/**
 * Looks after the nonces of a keeper that no job watches: notes what used them, puts cancels in the place of
 * transactions that nobody wants any more, fills holes, and offers more for those that wait too long. While
 * every nonce is accounted for it only asks the chain how many there are.
 */
export async function tendNonces(context: Context, keeper: LocalAccount): Promise<void> {
  const { client, journal } = context;
  const counts = await readNonceCounts(client, keeper.address);
  await forgetUnused(context, keeper, counts);
  const slots = journal.unspent(keeper.address);
  if (slots.length === 0) return;
  const [head, ...mined] = await Promise.all([
    getBlock(client, "latest"),
    ...slots.map(({ attempts }) => findMined(context, attempts)),
  ]);
  const known = new Map(slots.map((slot) => [slot.nonce, slot]));
  for (const [index, slot] of slots.entries()) {
    const found = mined[index] ?? null;
    if (found !== null) {
      const depth = head.number - Number(found.receipt.blockNumber) + 1;
      if (depth >= context.config.worker.confirmations) await conclude(context, slot, found);
    } else if (slot.nonce < counts.latest) await noteForeign(context, slot, head);
    else if (context.config.worker.mode === "live") await tendWaiting(context, slot, slots, head, counts);
  }
  if (context.config.worker.mode !== "live") return;
  const highest = Math.max(...slots.filter(({ owners }) => owners.length > 0).map(({ nonce }) => nonce));
  for (let nonce = counts.latest; nonce < highest; nonce++) {
    if (!known.has(nonce) && nonce >= counts.pending) await fillHole(context, keeper, nonce, head);
  }
}

/** Nonces that the journal has seen used and the chain has not: the blocks were reorganised away unseen. */
async function forgetUnused(context: Context, { address }: LocalAccount, { latest }: NonceCounts): Promise<void> {
  for (const { nonce, hash, subject, block } of context.journal.spentNonces(address, latest)) {
    const receipt = hash && (await context.client.getTransactionReceipt({ hash }).catch(() => null));
    if (receipt) continue;
    context.logger.warn({ stage: "nonces", keeper: address, nonce, block }, "a used nonce is unused again");
    context.journal.forgetSpentAt(subject, block);
  }
}

async function conclude(
  context: Context,
  slot: Slot,
  found: NonNullable<Awaited<ReturnType<typeof findMined>>>,
): Promise<void> {
  const { journal } = context;
  const { subject, kind } = found.attempt;
  const record = subject.startsWith("0x") ? journal.proposal(subject as `0x${string}`) : null;
  // A proposal that was given up and mined all the same, after a reorganisation say: the chain is right.
  if (record !== null && (kind === "rebalance" || record.status === "sent")) {
    if (record.status === "sent" && slot.owners.includes(subject)) return;
    // Known already, and only its nonce was forgotten: measured once is counted once.
    if (record.status === "confirmed" && record.measured?.blockHash === found.receipt.blockHash)
      return recordSpent(context, found);
    return concludeProposal(context, record, found);
  }
  journal.together(() => {
    recordSpent(context, found);
    if (record === null)
      journal.endSubject(subject, `${kind} ${found.receipt.status} in block ${found.receipt.blockNumber}`);
  });
}

/** A nonce below the chain's count that none of our transactions used: once more than one block deep, it is lost. */
async function noteForeign(context: Context, { nonce, attempts, owners }: Slot, head: BlockStamp): Promise<void> {
  const { client, journal, logger } = context;
  const [first] = attempts;
  if (!first || owners.some((owner) => owner.startsWith("0x"))) return;
  const before = await client.getTransactionCount({
    address: first.from,
    blockNumber: BigInt(Math.max(0, head.number - context.config.worker.confirmations)),
  });
  if (before <= nonce) return;
  logger.warn({ stage: "nonces", keeper: first.from, nonce }, "the nonce was used by a transaction of somebody else");
  journal.together(() => {
    journal.recordSpent({
      sender: first.from,
      nonce,
      kind: "foreign",
      subject: first.subject,
      hash: null,
      block: head.number,
      blockHash: null,
      atSeconds: head.timestamp,
      gasUsed: 0n,
      effectiveGasPrice: 0n,
      succeeded: false,
    });
    for (const owner of owners) journal.endSubject(owner, `nonce ${nonce} was used by somebody else`);
  });
}

/** A nonce that is not used yet: left to the proposal that counts on it, cancelled when nothing does. */
async function tendWaiting(
  context: Context,
  slot: Slot,
  slots: readonly Slot[],
  head: BlockStamp,
  counts: NonceCounts,
): Promise<void> {
  const { journal, config } = context;
  const newest = slot.attempts.at(-1) as Attempt;
  if (slot.owners.some((owner) => owner.startsWith("0x"))) return;
  const wanted = slot.owners.length > 0 && !(await stoppedBeat(context, newest));
  const waited = head.number - newest.atBlock;
  const tries = slot.attempts.filter(({ subject, kind }) => subject === newest.subject && kind === newest.kind).length;
  const mayBump = waited >= config.worker.bumpAfterBlocks && tries <= config.worker.maxBumps;
  if (wanted || newest.kind === "cancel") {
    // A heartbeat, or a cancel that is on its way.
    const dearer = mayBump ? await replace(context, newest, "dearer", head) : null;
    await send(context, dearer ?? newest, dearer ? `dearer after ${waited} blocks` : "again");
    return;
  }
  const wasSent = journal.wasSent(newest.subject);
  const behind = slots.some(({ nonce, owners }) => nonce > slot.nonce && owners.length > 0);
  // Never sent, not in the node's mempool and nothing waits behind it: the next transaction takes the nonce.
  if (!wasSent && !behind && counts.pending <= slot.nonce) return;
  const cancel = await replace(context, newest, "cancel", head);
  if (cancel !== null) await send(context, cancel, `cancel of ${newest.subject}`);
}

/** Ends a sign of life whose vault the kill switch has stopped sending for; whether it did. */
async function stoppedBeat({ journal, killSwitch }: Context, { kind, subject }: Attempt): Promise<boolean> {
  const beat = kind === "heartbeat" ? journal.heartbeats({ open: true }).find(({ id }) => id === subject) : undefined;
  const stop = beat ? await killSwitch.of(beat.vault) : null;
  if (stop === null || stop.level < 2) return false;
  journal.endSubject(subject, `the kill switch is on, ${describeStop(stop)}`);
  return true;
}

const replace = (context: Context, newest: Attempt, as: "dearer" | "cancel", head: BlockStamp) =>
  signReplacement(context, { subject: newest.subject, as, newest, head });

/** A nonce below ones in use that nothing was ever signed for: a transfer of nothing closes the gap. */
async function fillHole(context: Context, keeper: LocalAccount, nonce: number, head: BlockStamp): Promise<void> {
  const subject = `hole-${keeper.address.toLowerCase()}-${nonce}`;
  const newest = { from: keeper.address, nonce, raw: "0x", kind: "cancel", signature: "0x" } as const;
  const cancel = await signReplacement(context, { subject, as: "cancel", newest, head });
  if (cancel !== null) await send(context, cancel, "fills a gap");
}

async function send(context: Context, attempt: Attempt, why: string): Promise<void> {
  const { from: keeper, nonce, hash, kind, subject } = attempt;
  const sent = await broadcast(context, attempt);
  const { vault, decisionId } = (subject.startsWith("0x") && context.journal.proposal(subject as Hex)) || {};
  const about = { keeper, nonce, hash, kind, subject, ...(decisionId ? { vault, decisionId } : {}) };
  context.logger.info({ stage: "nonces", ...about, outcome: sent.outcome }, why);
}
