import { type Hex, keccak256, type LocalAccount, parseGwei, type TransactionSerializableEIP1559 } from "viem";
import { getBounds } from "../../sdk/actions/getBounds.ts";
import { previewRebalance } from "../../sdk/actions/previewRebalance.ts";
import { encodeRebalance } from "../../sdk/actions/rebalance.ts";
import { signProposal } from "../../sdk/actions/signProposal.ts";
import { decodeRevert } from "../../sdk/errors.ts";
import { getBlock } from "../chain.ts";
import type { VaultConfig } from "../config.ts";
import type { Context } from "../context.ts";
import { readState } from "../decideAt.ts";
import { explain, FatalError, RetryableError } from "../errors.ts";
import type { ProposalRecord, ProposalStatus, SignedTransaction } from "../journal/proposals.ts";
import type { RestState } from "../journal/rests.ts";
import { describeStop } from "../killSwitch.ts";
import { preflight } from "../preflight.ts";
import { buildProposal, digestOf, modelIdOf } from "../proposal.ts";
import { ensureJob, type Payload } from "../queue.ts";
import { broadcast } from "./broadcast.ts";

/** Head-room over the estimate: swaps that land before ours change which ticks are crossed and initialised. */
const GAS_HEADROOM = { numerator: 3n, denominator: 2n };

/** Takes a journaled proposal through preflight, simulation, signature and broadcast, from wherever it was left. */
export async function execute(context: Context, payload: Payload<"execute">): Promise<void> {
  const record = journaled(context, payload);
  const vault = vaultOf(context, record);
  const rest = (state: RestState) => {
    const { chainId, pool, block, blockHash } = record;
    context.journal.rest({ chainId, pool, block, blockHash, vault: record.vault, state });
    context.nudge();
  };
  const end = (status: ProposalStatus & RestState, detail: string) => {
    context.journal.advance(record.digest, status, detail);
    context.logger.info(
      { stage: "execute", vault: record.vault, block: record.block, digest: record.digest, status },
      detail,
    );
    rest(status);
  };

  if (record.status === "confirmed" || record.status === "refused" || record.status === "expired")
    return rest(record.status);
  if (record.status !== "sent") {
    const stop = await sendingStop(context, record);
    if (stop !== null) return end("refused", stop);
  }
  let transaction = record.transaction;
  if (transaction === null) {
    const prepared = await prepare(context, vault, record);
    if (prepared.status !== "simulated") return end(prepared.status, prepared.detail);
    context.journal.advance(record.digest, "simulated");
    context.reached("simulated", { vault: record.vault, block: record.block, digest: record.digest });
    if (context.config.worker.mode !== "live") return rest("simulated");
    transaction = await sign(context, vault, record, prepared.signature);
    context.reached("signed", {
      vault: record.vault,
      block: record.block,
      digest: record.digest,
      hash: transaction.hash,
    });
  }
  if (context.config.worker.mode !== "live")
    throw new FatalError(
      `worker.mode: ${context.config.worker.mode}; rule: a signed transaction is only sent in mode live`,
    );
  const stop = await sendingStop(context, record);
  // What went out before cannot be called back; it is only not sent again.
  if (stop !== null) return record.status === "sent" ? rest("sent") : end("refused", stop);
  const lost = await broadcast(context, transaction);
  if (lost !== null) return end("refused", lost);
  context.reached("broadcast", {
    vault: record.vault,
    block: record.block,
    digest: record.digest,
    hash: transaction.hash,
  });
  context.journal.advance(record.digest, "sent");
  await ensureJob(context.queues, "confirm", payload);
  context.reached("sent", { vault: record.vault, block: record.block, digest: record.digest, hash: transaction.hash });
  rest("sent");
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
  const source = journal.decision(record.decisionId);
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

type Prepared =
  | { readonly status: "simulated"; readonly signature: Hex }
  | { readonly status: "refused" | "expired"; readonly detail: string };

/** Preflight, signature of the model and simulation at the head. */
async function prepare(context: Context, vault: VaultConfig, record: ProposalRecord): Promise<Prepared> {
  const { client } = context;
  const signers = context.keys.of(vault);
  const { proposal } = record;
  const head = await getBlock(client, "latest");
  if (proposal.deadline < BigInt(head.timestamp)) {
    return { status: "expired", detail: `not sent before its deadline ${proposal.deadline}` };
  }
  const [state, bounds] = await Promise.all([
    readState(context, vault, head),
    getBounds(client, { strategy: vault.strategy, blockNumber: BigInt(head.number) }),
  ]);
  const broken = preflight({ proposal, bounds, state, nowSeconds: head.timestamp });
  if (broken !== null) return { status: "refused", detail: `preflight ${broken}` };
  if (!signers.signer) throw new FatalError("RANGEKEEPER_SIGNER_KEY: missing; rule: needed in modes dry-run and live");
  const signature = await signProposal(signers.signer, {
    chainId: record.chainId,
    strategy: record.strategy,
    proposal,
  });
  try {
    await previewRebalance(client, {
      strategy: vault.strategy,
      proposal,
      signature,
      blockNumber: BigInt(head.number),
      ...(signers.keeper ? { account: signers.keeper.address } : {}),
    });
  } catch (error) {
    const refusal = decodeRevert(error);
    if (refusal === null) throw new RetryableError(`simulation: ${explain(error)}`, { cause: error });
    return { status: "refused", detail: `simulation ${refusal.sentence}` };
  }
  return { status: "simulated", signature };
}

/** Signs the transaction and journals its bytes; from here on only these bytes are ever sent for this proposal. */
async function sign(
  context: Context,
  vault: VaultConfig,
  record: ProposalRecord,
  signature: Hex,
): Promise<SignedTransaction> {
  const { client, journal, config } = context;
  const signers = context.keys.of(vault);
  const keeper: LocalAccount | null = signers.keeper;
  if (!keeper) throw new FatalError("RANGEKEEPER_KEEPER_KEY: missing; rule: needed in mode live");
  const data = encodeRebalance({ proposal: record.proposal, signature });
  const [count, estimate] = await Promise.all([
    client.getTransactionCount({ address: keeper.address, blockTag: "latest" }),
    client.estimateGas({ account: keeper.address, to: vault.strategy, data }),
  ]);
  let nonce = count;
  let maxPriorityFeePerGas = parseGwei(String(config.worker.priorityFeeGwei));
  let maxFeePerGas = 2n * record.baseFeePerGas + maxPriorityFeePerGas;
  for (const earlier of journal.transactionsFrom(keeper.address, count)) {
    if (earlier.transaction.nonce !== nonce) continue;
    if (earlier.status !== "expired" && earlier.status !== "refused") {
      nonce += 1;
      continue;
    }
    // A dead transaction still waits with this nonce: replacing it takes a tenth more of both fees.
    maxPriorityFeePerGas = max(maxPriorityFeePerGas, bumped(earlier.transaction.maxPriorityFeePerGas));
    maxFeePerGas = max(maxFeePerGas, bumped(earlier.transaction.maxFeePerGas));
  }
  const cap = parseGwei(String(config.worker.maxFeePerGasGwei));
  if (maxFeePerGas > cap)
    throw new RetryableError(`fee per gas: ${maxFeePerGas} wei; rule: at most worker.maxFeePerGasGwei = ${cap} wei`);
  const request: TransactionSerializableEIP1559 = {
    type: "eip1559",
    chainId: record.chainId,
    nonce,
    to: vault.strategy,
    data,
    gas: (estimate * GAS_HEADROOM.numerator) / GAS_HEADROOM.denominator,
    maxFeePerGas,
    maxPriorityFeePerGas,
  };
  const raw = await keeper.signTransaction(request);
  const transaction = { from: keeper.address, nonce, hash: keccak256(raw), raw, maxFeePerGas, maxPriorityFeePerGas };
  return journal.recordTransaction(record.digest, signature, transaction);
}

const max = (a: bigint, b: bigint) => (a > b ? a : b);
const bumped = (fee: bigint) => (fee * 1_125n) / 1_000n + 1n;
