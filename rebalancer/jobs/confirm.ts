import { DelayedError, type Job } from "bullmq";
import { parseEventLogs, TransactionReceiptNotFoundError } from "viem";
import { modelStrategyAbi } from "../../sdk/abi/modelStrategy.ts";
import { rangeVaultAbi } from "../../sdk/abi/rangeVault.ts";
import { decodeRevert } from "../../sdk/errors.ts";
import { getBlock } from "../chain.ts";
import type { Context } from "../context.ts";
import { FatalError } from "../errors.ts";
import type { ProposalRecord } from "../journal/proposals.ts";
import type { Payload } from "../queue.ts";
import { broadcast } from "./broadcast.ts";

/** What the observer reads to know that a proposal was looked for in every block up to this one. */
export interface ConfirmProgress {
  readonly checkedBlock: number;
}

/** Longest wait between two looks; a new block ends it earlier. */
const LONGEST_WAIT_MILLISECONDS = 5_000;

/** Waits for a sent proposal's receipt and journals what it did; comes back later while there is none. */
export async function confirm(context: Context, payload: Payload<"confirm">, job: Job, token?: string): Promise<void> {
  const { client, config, journal, logger } = context;
  const record = journal.proposal(payload.digest);
  if (!record?.transaction)
    throw new FatalError(`confirm payload digest: ${payload.digest}; rule: must be a sent proposal of the journal`);
  if (record.status !== "sent") return context.nudge();
  const head = await getBlock(client, "latest");
  const receipt = await client.getTransactionReceipt({ hash: record.transaction.hash }).catch((error) => {
    if (error instanceof TransactionReceiptNotFoundError) return null;
    throw error;
  });
  const depth = receipt === null ? 0 : head.number - Number(receipt.blockNumber) + 1;
  if (receipt === null || depth < config.worker.confirmations) {
    const dead = receipt === null && record.proposal.deadline < BigInt(head.timestamp);
    if (dead) {
      journal.advance(record.digest, "expired", `not mined before its deadline ${record.proposal.deadline}`);
      return context.nudge();
    }
    // A node that restarted has an empty mempool: the same bytes go out again, unless nothing may be sent now.
    const stop = await context.killSwitch.of(record.vault);
    if (receipt === null && (stop === null || stop.level < 2)) await broadcast(context, record.transaction);
    await job.updateProgress({ checkedBlock: head.number } satisfies ConfirmProgress);
    context.nudge();
    await job.moveToDelayed(Date.now() + LONGEST_WAIT_MILLISECONDS, token);
    throw new DelayedError();
  }
  context.reached("mined", { vault: record.vault, digest: record.digest, hash: record.transaction.hash });
  const place = `block ${receipt.blockNumber} ${receipt.blockHash}`;
  const events = parseEventLogs({ abi: [...modelStrategyAbi, ...rangeVaultAbi], logs: receipt.logs }).map(
    ({ eventName, args }) => ({ name: String(eventName), args: args as Record<string, unknown> }),
  );
  journal.recordMeasured(record.digest, {
    transactionHash: receipt.transactionHash,
    block: Number(receipt.blockNumber),
    blockHash: receipt.blockHash,
    gasUsed: receipt.gasUsed,
    effectiveGasPrice: receipt.effectiveGasPrice,
    events,
  });
  if (receipt.status === "success") journal.advance(record.digest, "confirmed", place);
  else
    journal.advance(
      record.digest,
      "refused",
      `on chain in ${place}: ${await whyReverted(context, record, receipt.blockNumber)}`,
    );
  logger.info(
    { stage: "confirm", vault: record.vault, digest: record.digest, gas: Number(receipt.gasUsed) },
    `${receipt.status} in ${place}`,
  );
  context.reached("confirmed", { vault: record.vault, digest: record.digest, hash: record.transaction.hash });
  context.nudge();
}

/** The chain's own reason, from running the call again at the end of the block that refused it. */
async function whyReverted(
  { client }: Context,
  { transaction, strategy }: ProposalRecord,
  blockNumber: bigint,
): Promise<string> {
  if (!transaction) return "no transaction";
  const sent = await client.getTransaction({ hash: transaction.hash });
  try {
    await client.call({ account: sent.from, to: strategy, data: sent.input, gas: sent.gas, blockNumber });
    return "the same call succeeds at the end of that block; the state inside the block differed";
  } catch (error) {
    return decodeRevert(error)?.sentence ?? "the node gives no reason";
  }
}
