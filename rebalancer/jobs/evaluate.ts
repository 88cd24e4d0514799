import { parseGwei } from "viem";
import { decide } from "../../ml/decide.ts";
import type { DecisionSettings, Numeraire, PoolHistory, PoolMeta } from "../../ml/types.ts";
import { valueInAsset } from "../../ml/units.ts";
import { getBounds } from "../../sdk/actions/getBounds.ts";
import { getVaultState, type MovableState } from "../../sdk/actions/getVault.ts";
import { type BlockStamp, getBlock } from "../chain.ts";
import type { Config, VaultConfig } from "../config.ts";
import { type Context, type PoolGroup, poolAt } from "../context.ts";
import type { DecisionRecord, RestState } from "../journal.ts";
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
  const [state, bounds] = await Promise.all([
    readState(context, vault, block),
    getBounds(client, { strategy: vault.strategy, blockNumber: BigInt(block.number) }),
  ]);
  const decision = await decide({
    history,
    state,
    models,
    bounds: { ...bounds, maxPoolShareWad: state.maxPoolShareWad },
    settings: settingsOf({
      config,
      pool: group.meta,
      numeraire: state.numeraire,
      sqrtPriceX96: history.sqrtPriceX96,
      baseFeePerGas: block.baseFeePerGas,
    }),
  });
  const record = journal.recordDecision({
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
  });
  logger.info(
    { stage: "evaluate", vault: vault.vault, block: block.number, action: decision.action, reason: decision.reasonKey },
    decision.reason,
  );
  return { record, state };
}

/** State of a vault at the end of a block. */
export function readState(context: Pick<Context, "client">, vault: VaultConfig, block: { number: number }) {
  return getVaultState(context.client, {
    lens: vault.lens,
    vault: vault.vault,
    strategy: vault.strategy,
    blockNumber: BigInt(block.number),
  });
}

export interface SettingsParameters {
  readonly config: Config;
  readonly pool: PoolMeta;
  readonly numeraire: Numeraire;
  /** Spot of the pool, which prices gas. */
  readonly sqrtPriceX96: bigint;
  /** Wei per gas. */
  readonly baseFeePerGas: bigint;
}

/** How the operator weighs things, from the configuration, with what one move's gas costs now. */
export function settingsOf(parameters: SettingsParameters): DecisionSettings {
  const { config } = parameters;
  return {
    horizonSeconds: config.evaluate.horizonSeconds,
    minHistorySeconds: config.evaluate.minHistorySeconds,
    riskAversion: config.decision.riskAversion,
    hysteresisBps: config.decision.hysteresisBps,
    gasCost: gasCostOf(parameters),
  };
}

/** Gas of one move in asset units, where one of the pool's tokens is the chain's wrapped native token; else 0n. */
function gasCostOf({ config, pool, numeraire, sqrtPriceX96, baseFeePerGas }: SettingsParameters): bigint {
  const { gasPerMove, nativeToken } = config.decision;
  const native = nativeToken?.toLowerCase();
  const wei = BigInt(gasPerMove) * (baseFeePerGas + parseGwei(String(config.worker.priorityFeeGwei)));
  if (native === pool.token0.address.toLowerCase())
    return valueInAsset({ amount0: wei, amount1: 0n }, sqrtPriceX96, numeraire);
  if (native === pool.token1.address.toLowerCase())
    return valueInAsset({ amount0: 0n, amount1: wei }, sqrtPriceX96, numeraire);
  return 0n;
}
