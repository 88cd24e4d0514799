import { DelayedError, type Job } from "bullmq";
import { type BlockStamp, getBlock } from "../chain.ts";
import type { Context } from "../context.ts";
import { explain, FatalError } from "../errors.ts";
import type { Attempt } from "../journal/attempts.ts";
import type { ProposalRecord } from "../journal/proposals.ts";
import { ensureJob, type Payload } from "../queues/queue.ts";
import { signReplacement } from "../sending/attempt.ts";
import { concludeProposal, findMined } from "../sending/conclude.ts";
import { describeStop } from "../stops/killSwitch.ts";
import { broadcast } from "./broadcast.ts";

/** What the observer reads to know that a proposal was looked for in every block up to this one. */
export interface ConfirmProgress {
  readonly checkedBlock: number;
  /** Set once the nonce was said to be used, and none of ours to be mined. */
  readonly usedUnseen?: true;
}

/** Longest wait between two looks; a new block ends it earlier. */
const LONGEST_WAIT_MILLISECONDS = 5_000;

/**
 * Waits for one of a sent proposal's transactions to be mined deep enough and journals what it did. Until then it sends
 * again what the node has forgotten, for more when it is not mined, and puts a cancel in its place when it must not be
 * mined any more. Comes back later while nothing has ended.
 */
export async function confirm(context: Context, payload: Payload<"confirm">, job: Job, token?: string): Promise<void> {
  const { client, config, journal } = context;
  const record = journal.proposal(payload.digest);
  if (!record?.transaction)
    throw new FatalError(`confirm payload digest: ${payload.digest}; rule: must be a sent proposal of the journal`);
  if (
    record.vault !== payload.vault ||
    record.chainId !== payload.chainId ||
    record.nonce.toString() !== payload.nonce
  ) {
    throw new FatalError(
      `confirm payload: ${JSON.stringify(payload)}; rule: chain, vault and nonce must be the journal's`,
    );
  }
  if (record.status !== "sent") return context.nudge();
  const newest = record.attempts.at(-1) as Attempt;
  const [head, mined, count] = await Promise.all([
    getBlock(client, "latest"),
    findMined(context, record.attempts),
    client.getTransactionCount({ address: newest.from, blockTag: "latest" }),
  ]);
  const before = progressOf(job);
  const looked: ConfirmProgress = { checkedBlock: head.number };
  if (mined !== null) {
    const depth = head.number - Number(mined.receipt.blockNumber) + 1;
    if (depth < config.worker.confirmations) return comeBack(context, job, looked, token);
    const { vault, digest, decisionId } = record;
    const about = { vault, digest, decisionId, hash: mined.attempt.hash };
    context.reached("mined", about);
    await concludeProposal(context, record, mined);
    context.reached("confirmed", about);
    return context.nudge();
  }
  const checked = before?.checkedBlock ?? -1;
  // Looked at this head before: the next one, or a long wait, may bring something new.
  if (checked >= head.number && record.proposal.deadline >= BigInt(head.timestamp))
    return comeBack(context, job, looked, token);
  const live = config.worker.mode === "live";
  if (record.proposal.deadline < BigInt(head.timestamp)) {
    // Something used its nonce, and one answer without a receipt is not enough to say that it was not this.
    if (live && count > newest.nonce && !before?.usedUnseen)
      return comeBack(context, job, { ...looked, usedUnseen: true }, token);
    if (live)
      await cancel(context, record, newest, head, `its deadline ${record.proposal.deadline} has passed`).catch(
        // The housekeeping tries again: it need not keep the vault from its next move.
        (error: unknown) =>
          context.logger.warn(
            { stage: "confirm", digest: record.digest, decisionId: record.decisionId },
            explain(error),
          ),
      );
    // Perhaps not for the first time: a reorganisation may have taken an earlier end back.
    const why = `not mined before its deadline ${record.proposal.deadline}`;
    journal.advance(record.digest, "expired", why, { again: true });
    const { vault, decisionId, digest } = record;
    context.logger.info({ stage: "confirm", vault, decisionId, digest, status: "expired" }, why);
    return context.nudge();
  }
  if (!live) return comeBack(context, job, looked, token);
  const stop = await context.killSwitch.of(record.vault);
  if (stop !== null && stop.level >= 2) {
    await cancel(context, record, newest, head, `the kill switch is on, ${describeStop(stop)}`);
  } else if (count > newest.nonce && checked >= 0) {
    // A look at an earlier head found it unmined as well: a stranger's transaction took its nonce. It gets another.
    await ensureJob(context.queues, "execute", payload, { again: true });
  } else await sendAgain(context, record, newest, head);
  return comeBack(context, job, looked, token);
}

async function comeBack(context: Context, job: Job, progress: ConfirmProgress, token?: string): Promise<never> {
  await job.updateProgress(progress);
  context.nudge();
  await job.moveToDelayed(Date.now() + LONGEST_WAIT_MILLISECONDS, token);
  throw new DelayedError();
}

/** A node that restarted has an empty mempool: the same bytes go out again, or dearer ones when they wait too long. */
async function sendAgain(context: Context, record: ProposalRecord, newest: Attempt, head: BlockStamp): Promise<void> {
  const { worker } = context.config;
  const { logger } = context;
  const about = { stage: "confirm", vault: record.vault, digest: record.digest, decisionId: record.decisionId };
  const waited = head.number - newest.atBlock;
  const bumps = record.attempts.filter(({ kind, nonce }) => kind === newest.kind && nonce === newest.nonce).length - 1;
  let attempt = newest;
  if (waited >= worker.bumpAfterBlocks && bumps < worker.maxBumps) {
    const dearer = await signReplacement(context, { subject: record.digest, as: "dearer", newest, head });
    if (dearer === null)
      logger.warn(
        { ...about, waited },
        "not mined, and no dearer transaction may be sent: it is above the fee cap, or the key is not here",
      );
    else {
      attempt = dearer;
      context.reached("bumped", { ...about, hash: dearer.hash });
      logger.info(
        { ...about, nonce: dearer.nonce, hash: dearer.hash, maxFeePerGas: dearer.maxFeePerGas.toString() },
        `not mined for ${waited} blocks: sent again for more (${bumps + 1} of ${worker.maxBumps})`,
      );
    }
  }
  const sent = await broadcast(context, attempt);
  if (sent.outcome !== "sent") logger.warn({ ...about, nonce: attempt.nonce, outcome: sent.outcome }, sent.detail);
}

/** Puts a transfer of nothing in the place of a move that must not be mined any more: it saves gas and the nonce. */
async function cancel(
  context: Context,
  record: ProposalRecord,
  newest: Attempt,
  head: BlockStamp,
  why: string,
): Promise<void> {
  const { logger } = context;
  const about = { stage: "confirm", vault: record.vault, digest: record.digest, decisionId: record.decisionId };
  const attempt =
    newest.kind === "cancel"
      ? newest
      : await signReplacement(context, { subject: record.digest, as: "cancel", newest, head });
  if (attempt === null)
    return logger.warn(
      { ...about, nonce: newest.nonce },
      `not cancelled now, above the fee cap or without the key: ${why}`,
    );
  context.reached("cancelling", { ...about, hash: attempt.hash });
  const sent = await broadcast(context, attempt);
  logger.info({ ...about, nonce: attempt.nonce, hash: attempt.hash, outcome: sent.outcome }, `cancelling: ${why}`);
}

/** How far the job has looked; null before its first look, or when Redis holds something else. */
function progressOf(job: Job): ConfirmProgress | null {
  const progress: unknown = job.progress;
  if (typeof progress !== "object" || progress === null || !("checkedBlock" in progress)) return null;
  if (typeof progress.checkedBlock !== "number") return null;
  const checked = { checkedBlock: progress.checkedBlock };
  return "usedUnseen" in progress && progress.usedUnseen === true ? { ...checked, usedUnseen: true } : checked;
}
