import { begun } from "../ahead.ts";
import { getBlock } from "../chain.ts";
import type { VaultConfig } from "../config.ts";
import type { Context } from "../context.ts";
import { FatalError, RetryableError } from "../errors.ts";
import type { Attempt } from "../journal/attempts.ts";
import type { ProposalRecord, ProposalStatus } from "../journal/proposals.ts";
import type { RestState } from "../journal/rests.ts";
import { ensureJob, type Payload } from "../queues/queue.ts";
import { aboveCap, feeParameters, type Signed, signFirst, signReplacement } from "../sending/attempt.ts";
import { buildProposal, digestOf, modelIdOf } from "../sending/proposal.ts";
import { describeStop } from "../stops/killSwitch.ts";
import { broadcast } from "./broadcast.ts";
import { prepare, type Simulated } from "./prepare.ts";

/** Transactions signed in one run of the job: each for a nonce that a stranger took, or a price that was too low. */
const MOST_ROUNDS = 6;

/**
 * Takes a journaled proposal through preflight, simulation, signature and broadcast, from wherever it was left.
 * `proposed` is the journal's record of it for who has just made it of its decision, with no stop in force.
 */
export async function execute(context: Context, payload: Payload<"execute">, proposed?: ProposalRecord): Promise<void> {
  const { journal, logger, config } = context;
  const record = proposed ?? journaled(context, payload);
  const vault = vaultOf(context, record);
  const about = { vault: record.vault, block: record.block, digest: record.digest, decisionId: record.decisionId };
  const place = { chainId: record.chainId, pool: record.pool, block: record.block, blockHash: record.blockHash };
  const rest = (state: RestState) => {
    journal.rest({ ...place, vault: record.vault, state });
    context.nudge();
  };
  const end = (status: ProposalStatus & RestState, detail: string) => {
    journal.together(() => {
      journal.advance(record.digest, status, detail);
      journal.rest({ ...place, vault: record.vault, state: status });
    });
    logger.info({ stage: "execute", ...about, status }, detail);
    context.nudge();
  };

  if (record.status === "confirmed" || record.status === "refused" || record.status === "expired")
    return rest(record.status);
  const wasSent = record.status === "sent";
  let attempt = record.attempts.at(-1) ?? null;
  // A process that signed and died has perhaps not waited for the disk.
  let onDisk = attempt === null ? null : begun(journal.togetherSoon(() => undefined));
  if (attempt !== null && !wasSent && (await tooLate(context, record)))
    return end("expired", `not known to be sent before its deadline ${record.proposal.deadline}`);
  for (let round = 0; ; round++) {
    if (round > MOST_ROUNDS)
      throw new RetryableError(`proposal ${record.digest}: ${round} transactions refused; rule: one must be taken`);
    if (attempt === null) {
      const stop = wasSent || (proposed !== undefined && round === 0) ? null : await sendingStop(context, record);
      if (stop !== null) return end("refused", stop);
      const prepared = await (context.prepared.take(record.digest) ?? prepare(context, vault, record));
      if (prepared.status !== "simulated") return end(prepared.status, prepared.detail);
      context.reached("simulated", about);
      if (config.worker.mode !== "live") {
        journal.advance(record.digest, "simulated");
        return rest("simulated");
      }
      ({ attempt, onDisk } = await signMove(context, vault, record, prepared));
      context.reached("signed", { ...about, hash: attempt.hash });
    }
    if (config.worker.mode !== "live")
      throw new FatalError(`worker.mode: ${config.worker.mode}; rule: a transaction is only sent in mode live`);
    const stop = await sendingStop(context, record);
    // What went out before cannot be called back here; its confirm job puts a cancel in its place.
    if (stop !== null) return wasSent ? rest("sent") : end("refused", stop);
    await onDisk;
    const sent = await broadcast(context, attempt);
    if (sent.outcome === "sent") break;
    logger.warn({ stage: "execute", ...about, nonce: attempt.nonce, outcome: sent.outcome }, sent.detail);
    if (sent.outcome === "hopeless") return end("refused", sent.detail);
    // An earlier transaction of this very proposal may be what used its nonce.
    if (sent.outcome === "nonce-used" && (await anyMined(context, journal.attempts(record.digest)))) break;
    attempt = sent.outcome === "nonce-used" ? null : await dearer(context, record, attempt);
  }
  context.reached("broadcast", { ...about, hash: attempt.hash });
  journal.together(() => {
    journal.advance(record.digest, "sent");
    journal.rest({ ...place, vault: record.vault, state: "sent" });
  });
  await ensureJob(context.queues, "confirm", payload);
  context.reached("sent", { ...about, hash: attempt.hash });
  context.nudge();
}

/** Why nothing may be sent for a vault now: an order of level 2 or 3; null when there is none. */
async function sendingStop({ killSwitch }: Context, { vault }: ProposalRecord): Promise<string | null> {
  const order = await killSwitch.of(vault);
  return order !== null && order.level >= 2 ? `the kill switch is on, ${describeStop(order)}` : null;
}

/** The proposal a payload names, derived again from its decision; throws FatalError when anything does not fit. */
function journaled({ journal, config }: Context, payload: Payload<"execute">): ProposalRecord {
  const record = journal.proposal(payload.digest);
  if (!record) throw new FatalError(`execute payload digest: ${payload.digest}; rule: must be in the journal`);
  if (
    record.vault !== payload.vault ||
    record.nonce.toString() !== payload.nonce ||
    record.chainId !== payload.chainId
  ) {
    throw new FatalError(
      `execute payload: ${JSON.stringify(payload)}; rule: chain, vault and nonce must be the journal's`,
    );
  }
  if (record.chainId !== config.chainId) {
    throw new FatalError(`execute payload chainId: ${record.chainId}; rule: must be the configured ${config.chainId}`);
  }
  const source = journal.decision(record.decisionId, { candidates: false });
  if (!source) throw new FatalError(`proposal ${record.digest}: decision ${record.decisionId} is not in the journal`);
  const again = buildProposal({
    decision: source.decision,
    modelId: modelIdOf(config.registry.decisionModel),
    nonce: record.nonce,
  });
  if (digestOf(record.chainId, record.strategy, again) !== record.digest) {
    throw new FatalError(
      `proposal ${record.digest}: differs from its decision ${record.decisionId}; rule: must derive from it`,
    );
  }
  return record;
}

function vaultOf({ pools }: Context, record: ProposalRecord): VaultConfig {
  const vault = pools.flatMap((group) => group.vaults).find((candidate) => candidate.vault === record.vault);
  if (!vault) throw new FatalError(`vault: ${record.vault}; rule: must be a configured vault`);
  return vault;
}

/** Signs the transaction and journals its bytes, with the step; until it is replaced only these bytes are sent. */
function signMove(
  context: Context,
  vault: VaultConfig,
  record: ProposalRecord,
  { signature, data, gas, head, counts }: Simulated,
): Promise<Signed> {
  const { keeper } = context.keys.of(vault);
  if (!keeper) throw new FatalError(`key ${vault.keeper}: missing; rule: needed in mode live`);
  const { digest, strategy } = record;
  return signFirst(context, {
    kind: "rebalance",
    subject: digest,
    ordinal: context.journal.attempts(digest).length,
    keeper,
    to: strategy,
    data,
    gas,
    signature,
    head,
    counts,
    alongside: () => context.journal.advance(digest, "simulated"),
  });
}

/** The same move with the same nonce for more, after a node found its price too low. */
async function dearer(context: Context, record: ProposalRecord, newest: Attempt): Promise<Attempt> {
  const head = await getBlock(context.client, "latest");
  const attempt = await signReplacement(context, { subject: record.digest, as: "dearer", newest, head });
  if (attempt === null) throw aboveCap(feeParameters(context.config, head));
  return attempt;
}

/** Whether a proposal whose transaction was perhaps never sent can no longer execute, and did not. */
async function tooLate(context: Context, record: ProposalRecord): Promise<boolean> {
  const head = await getBlock(context.client, "latest");
  return record.proposal.deadline < BigInt(head.timestamp) && !(await anyMined(context, record.attempts));
}

async function anyMined({ client }: Context, attempts: readonly Attempt[]): Promise<boolean> {
  const receipts = attempts.map(({ hash }) => client.getTransactionReceipt({ hash }).catch(() => null));
  return (await Promise.all(receipts)).some((receipt) => receipt !== null);
}
