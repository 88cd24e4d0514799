import { parseEventLogs, type TransactionReceipt, TransactionReceiptNotFoundError } from "viem";
import { modelStrategyAbi } from "../../sdk/abi/modelStrategy.ts";
import { rangeVaultAbi } from "../../sdk/abi/rangeVault.ts";
import { decodeRevert } from "../../sdk/errors.ts";
import { getBlock } from "../chain.ts";
import type { Context } from "../context.ts";
import { RetryableError } from "../errors.ts";
import type { Attempt } from "../journal/attempts.ts";
import type { ProposalRecord } from "../journal/proposals.ts";

/** An attempt and the receipt that shows that it was mined. */
export interface MinedAttempt {
  readonly attempt: Attempt;
  readonly receipt: TransactionReceipt;
  /** Time of the block that it was mined in. */
  readonly atSeconds: number;
}

/** Which of some transactions is in a block; null when none is. */
export async function findMined(
  { client }: Pick<Context, "client">,
  attempts: readonly Attempt[],
): Promise<MinedAttempt | null> {
  const receipts = await Promise.all(
    attempts.map(({ hash }) =>
      client.getTransactionReceipt({ hash }).catch((error: unknown) => {
        if (error instanceof TransactionReceiptNotFoundError) return null;
        throw error;
      }),
    ),
  );
  for (const [index, receipt] of receipts.entries()) {
    const attempt = attempts[index];
    if (!receipt || !attempt) continue;
    // A node that serves two forks at once, or kept a receipt of the lost one, has not shown that it was mined.
    const block = await getBlock(client, Number(receipt.blockNumber)).catch((error: unknown) => {
      if (error instanceof RetryableError) return null;
      throw error;
    });
    if (block?.hash === receipt.blockHash) return { attempt, receipt, atSeconds: block.timestamp };
  }
  return null;
}

/** Journals what used a nonce: one of our transactions. */
export function recordSpent({ journal }: Pick<Context, "journal">, mined: MinedAttempt): void {
  const { attempt, receipt, atSeconds } = mined;
  journal.recordSpent({
    sender: attempt.from,
    nonce: attempt.nonce,
    kind: attempt.kind,
    subject: attempt.subject,
    hash: receipt.transactionHash,
    block: Number(receipt.blockNumber),
    blockHash: receipt.blockHash,
    atSeconds,
    gasUsed: receipt.gasUsed,
    effectiveGasPrice: receipt.effectiveGasPrice,
    succeeded: receipt.status === "success",
  });
}

/** Journals how a proposal ended: its move was mined and did or did not succeed, or a cancel was mined in its place. */
export async function concludeProposal(context: Context, record: ProposalRecord, mined: MinedAttempt): Promise<void> {
  const { journal, logger } = context;
  const { attempt, receipt } = mined;
  const about = { vault: record.vault, digest: record.digest, decisionId: record.decisionId, hash: attempt.hash };
  const place = `block ${receipt.blockNumber} ${receipt.blockHash}`;
  const moved = attempt.kind === "rebalance";
  const succeeded = moved && receipt.status === "success";
  const why = moved && !succeeded ? await whyReverted(context, record, receipt) : null;
  const events = parseEventLogs({ abi: [...modelStrategyAbi, ...rangeVaultAbi], logs: receipt.logs }).map(
    ({ eventName, args }) => ({ name: String(eventName), args: args as Record<string, unknown> }),
  );
  journal.together(() => {
    recordSpent(context, mined);
    const again = { again: true };
    if (moved) {
      journal.recordMeasured(record.digest, {
        transactionHash: receipt.transactionHash,
        block: Number(receipt.blockNumber),
        blockHash: receipt.blockHash,
        gasUsed: receipt.gasUsed,
        effectiveGasPrice: receipt.effectiveGasPrice,
        events,
      });
    }
    if (succeeded) journal.advance(record.digest, "confirmed", place, again);
    else if (moved) journal.advance(record.digest, "refused", `on chain in ${place}: ${why}`, again);
    else if (record.status === "sent") {
      const detail = `cancelled: nonce ${attempt.nonce} of ${attempt.from} was used by a cancel in ${place}`;
      journal.advance(record.digest, "refused", detail, again);
    }
  });
  logger.info(
    { stage: "confirm", ...about, gas: Number(receipt.gasUsed) },
    `${moved ? receipt.status : "cancelled"} in ${place}`,
  );
}

/** The chain's own reason, from running the call again at the end of the block that refused it. */
async function whyReverted(
  { client }: Context,
  { strategy }: ProposalRecord,
  { transactionHash, blockNumber }: TransactionReceipt,
): Promise<string> {
  const sent = await client.getTransaction({ hash: transactionHash });
  try {
    await client.call({ account: sent.from, to: strategy, data: sent.input, gas: sent.gas, blockNumber });
    return "the same call succeeds at the end of that block; the state inside the block differed";
  } catch (error) {
    return decodeRevert(error)?.sentence ?? "the node gives no reason";
  }
}
