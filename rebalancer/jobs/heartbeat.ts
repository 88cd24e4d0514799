import type { PublicClient } from "viem";
import { modelStrategyAbi } from "../../sdk/abi/modelStrategy.ts";
import { encodeHeartbeat, signHeartbeat } from "../../sdk/actions/heartbeat.ts";
import { type BlockStamp, getBlock } from "../chain.ts";
import type { VaultConfig } from "../config.ts";
import type { Context } from "../context.ts";
import { explain } from "../errors.ts";
import { signFirst } from "../sending/attempt.ts";
import { classify } from "../sending/classify.ts";
import { readNonceCounts } from "../sending/nonces.ts";
import { modelIdOf } from "../sending/proposal.ts";
import { describeStop } from "../stops/killSwitch.ts";
import { broadcast } from "./broadcast.ts";

/** How long a sign of life may wait for its block; the strategy accepts at most 15 minutes. */
const DEADLINE_SECONDS = 600n;

/**
 * Signs and sends a "hold" for every vault that neither moved nor gave a sign of life for `worker.heartbeatSeconds`,
 * while its model goes on deciding. At most one of a vault is on its way at a time; in mode dry-run it is simulated.
 */
export async function beat(context: Context): Promise<void> {
  const { config, client, logger } = context;
  if (config.worker.heartbeatSeconds === 0 || config.worker.mode === "shadow") return;
  const head = await getBlock(client, "latest");
  for (const vault of context.pools.flatMap(({ vaults }) => vaults)) {
    try {
      await beatVault(context, vault, head);
    } catch (error) {
      logger.warn({ stage: "heartbeat", vault: vault.vault }, explain(error));
    }
  }
}

async function beatVault(context: Context, vault: VaultConfig, head: BlockStamp): Promise<void> {
  const { config, journal, client, keys, killSwitch, logger } = context;
  // Without a question to journal or chain: thousands of vaults are looked at every few seconds.
  const known = context.heardAtSeconds.get(vault.vault);
  if (known !== undefined && head.timestamp >= known && head.timestamp - known < config.worker.heartbeatSeconds) return;
  endOverdue(context, vault, head);
  if (journal.heartbeats({ vault: vault.vault, open: true }).length > 0) return;
  // A move that is on its way says that the model lives.
  if (journal.proposals({ vault: vault.vault, status: ["proposed", "simulated", "sent"] }).length > 0) return;
  const [last] = journal.decisions({ vault: vault.vault, limit: 1 });
  // It stands for a decision: a model that no longer decides gives no sign of life.
  const freshSince = head.timestamp - 2 * config.evaluate.everySeconds;
  if (last === undefined || last.decision.atSeconds < freshSince) return;
  if ((await killSwitch.of(vault.vault)) !== null) return;
  const { heardAt, nonce: lastNonce, modelId } = await readHeard(client, vault);
  context.heardAtSeconds.set(vault.vault, heardAt);
  if (head.timestamp - heardAt < config.worker.heartbeatSeconds)
    return logger.debug({ stage: "heartbeat", vault: vault.vault, heardAt }, "no sign of life is due");

  const { signer, keeper } = keys.of(vault);
  if (!signer || !keeper) return;
  const place = { chainId: config.chainId, strategy: vault.strategy };
  const heartbeat = {
    vault: vault.vault,
    modelId,
    deadline: BigInt(head.timestamp) + DEADLINE_SECONDS,
    nonce: BigInt(head.number) > lastNonce ? BigInt(head.number) : lastNonce + 1n,
    inputsDigest: last.decision.inputsDigest,
  };
  if (modelId !== modelIdOf(config.registry.decisionModel)) {
    logger.warn(
      { stage: "heartbeat", vault: vault.vault, modelId },
      "no sign of life: the strategy follows another model",
    );
    return;
  }
  const signature = await signHeartbeat(signer, { ...place, heartbeat });
  const data = encodeHeartbeat({ heartbeat, signature });
  const [counts, gas] = await Promise.all([
    readNonceCounts(client, keeper.address),
    client
      .estimateGas({ account: keeper.address, to: vault.strategy, data, blockTag: "latest" })
      .catch((error: unknown) => {
        throw new Error(`simulation ${classify(error).refusal ?? explain(error)}`);
      }),
  ]);
  const about = {
    stage: "heartbeat",
    vault: vault.vault,
    decisionId: last.id,
    heartbeatNonce: heartbeat.nonce.toString(),
  };
  if (config.worker.mode !== "live") return logger.info(about, "sign of life simulated");
  const { id } = journal.recordHeartbeat({ ...place, ...heartbeat });
  const { attempt, onDisk } = await signFirst(context, {
    kind: "heartbeat",
    subject: id,
    ordinal: 0,
    keeper,
    to: vault.strategy,
    data,
    gas,
    signature,
    head,
    counts,
  });
  context.reached("heartbeat", { vault: vault.vault, hash: attempt.hash });
  await onDisk;
  const stop = await killSwitch.of(vault.vault);
  if (stop !== null) {
    journal.endSubject(id, `the kill switch is on, ${describeStop(stop)}`);
    return logger.warn(about, `no sign of life: ${describeStop(stop)}`);
  }
  const sent = await broadcast(context, attempt);
  logger.info({ ...about, hash: attempt.hash, outcome: sent.outcome }, "sign of life");
}

/** When the strategy last accepted a move or a sign of life, and the nonce that the next must be above. */
async function readHeard(client: PublicClient, { strategy }: VaultConfig) {
  const at = { address: strategy, abi: modelStrategyAbi } as const;
  const [lastMoveAt, [beatAt, nonce], modelId] = await Promise.all([
    client.readContract({ ...at, functionName: "lastMoveAt" }),
    client.readContract({ ...at, functionName: "lastHeartbeat" }),
    client.readContract({ ...at, functionName: "modelId" }),
  ]);
  return { heardAt: Math.max(Number(lastMoveAt), Number(beatAt)), nonce, modelId };
}

/** One that was not mined in time never will be accepted: the next may go, and its nonce is looked after. */
function endOverdue({ journal }: Context, { vault }: VaultConfig, head: BlockStamp): void {
  for (const { id, deadline } of journal.heartbeats({ vault, open: true })) {
    if (deadline < BigInt(head.timestamp)) journal.endSubject(id, `not mined before its deadline ${deadline}`);
  }
}
