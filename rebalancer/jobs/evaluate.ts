import type { PoolHistory } from "../../ml/types.ts";
import type { MovableState } from "../../sdk/actions/getVault.ts";
import { type BlockStamp, getBlock } from "../chain.ts";
import type { VaultConfig } from "../config.ts";
import { type Context, type PoolGroup, poolAt } from "../context.ts";
import { decideAt, readState } from "../decideAt.ts";
import type { DecisionRecord } from "../journal/decisions.ts";
import type { RestState } from "../journal/rests.ts";
import { describeStop } from "../killSwitch.ts";
import { buildProposal, digestOf, modelIdOf } from "../proposal.ts";
import { ensureJob, type Payload } from "../queue.ts";
import { openProposals } from "./open.ts";
import { settleOutcomes } from "./settle.ts";

/** Scores a pool at one block and decides for each of its vaults; what should move is journaled and queued. */
export async function evaluate(context: Context, payload: Payload<"evaluate">): Promise<void> {
  const { client, config, journal } = context;
  const group = poolAt(context, payload.chainId, payload.pool);
  const block = await getBlock(client, payload.block);
  const rested = journal.rests({ chainId: config.chainId, pool: group.meta.address, blockHash: block.hash });
  const waiting = group.vaults.filter(({ vault }) => !rested.has(vault));
  if (waiting.length > 0) {
    context.reached("evaluating", { pool: group.meta.address, block: block.number });
    const history = await group.history.at(block);
    for (const vault of waiting) await evaluateVault(context, { group, vault, block, history });
    await settleOutcomes(context, group, history);
  }
  context.nudge();
}

interface EvaluateVaultParameters {
  readonly group: PoolGroup;
  readonly vault: VaultConfig;
  readonly block: BlockStamp;
  readonly history: PoolHistory;
}

async function evaluateVault(context: Context, parameters: EvaluateVaultParameters): Promise<void> {
  const { config, journal, queues } = context;
  const { group, vault, block } = parameters;
  const pool = group.meta.address;
  const rest = (state: RestState) =>
    journal.rest({
      chainId: config.chainId,
      pool,
      block: block.number,
      blockHash: block.hash,
      vault: vault.vault,
      state,
    });

  const code = await context.client.getCode({ address: vault.vault, blockNumber: BigInt(block.number) });
  if (code === undefined || code === "0x") return rest("absent");
  const { record, state } = await decideOnce(context, parameters);
  const { decision } = record;
  context.reached("decided", {
    vault: vault.vault,
    block: block.number,
    action: decision.action,
    reason: decision.reasonKey,
  });
  if (decision.plan === null) return rest("held");
  if (config.worker.mode === "shadow") return rest("shadow");

  const stop = await context.killSwitch.of(vault.vault);
  if (stop !== null) {
    context.logger.warn(
      { stage: "evaluate", vault: vault.vault, block: block.number, stop },
      `not proposed: the kill switch is on, ${describeStop(stop)}`,
    );
    return rest("stopped");
  }
  const others = (await openProposals(context, vault, block)).filter(({ decisionId }) => decisionId !== record.id);
  if (others.length > 0) return rest("pending");
  const known = journal.proposals({ vault: vault.vault }).find(({ decisionId }) => decisionId === record.id);
  const nonce = known?.nonce ?? (state ?? (await readState(context, vault, block))).nextNonce;
  const proposal = buildProposal({ decision, modelId: modelIdOf(config.registry.decisionModel), nonce });
  const digest = digestOf(config.chainId, vault.strategy, proposal);
  journal.recordProposal({
    digest,
    decisionId: record.id,
    chainId: config.chainId,
    vault: vault.vault,
    strategy: vault.strategy,
    pool,
    nonce,
    block: block.number,
    blockHash: block.hash,
    baseFeePerGas: block.baseFeePerGas,
    proposal,
  });
  context.reached("proposed", { vault: vault.vault, block: block.number, digest });
  await ensureJob(queues, "execute", { chainId: config.chainId, vault: vault.vault, nonce: nonce.toString(), digest });
  context.reached("execute-queued", { vault: vault.vault, block: block.number, digest });
}

/** The journaled decision of a vault at a block, or a fresh one, journaled. */
async function decideOnce(
  context: Context,
  { group, vault, block, history }: EvaluateVaultParameters,
): Promise<{ record: DecisionRecord; state: MovableState | null }> {
  const { config, client, journal, models, logger } = context;
  const id = `${config.chainId}-${vault.vault.toLowerCase()}-${block.number}-${block.hash}`;
  const known = journal.decision(id);
  if (known) return { record: known, state: null };
  const { decision, state, inputs } = await decideAt({ client, config, models, group, vault, block, history });
  const fresh = {
    id,
    chainId: config.chainId,
    vault: vault.vault,
    pool: group.meta.address,
    block: block.number,
    blockHash: block.hash,
    modelSet: models.id,
    decision,
    nav: state.nav,
    sharePrice: state.sharePrice,
  };
  let record: DecisionRecord = fresh;
  journal.together(() => {
    record = journal.recordDecision(fresh);
    journal.recordInputs(id, inputs);
  });
  context.metrics.decided({ decision, state, tick: history.tick });
  logger.info(
    { stage: "evaluate", vault: vault.vault, block: block.number, action: decision.action, reason: decision.reasonKey },
    decision.reason,
  );
  return { record, state };
}
