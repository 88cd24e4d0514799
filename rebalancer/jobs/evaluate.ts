import { setImmediate } from "node:timers/promises";
import { withBaseFee } from "../../ml/features/blockOutside.ts";
import { type Outlook, outlookOf } from "../../ml/outlook.ts";
import type { CalibrationState } from "../../ml/risk/uncertainty/calibration.ts";
import type { Address, Decision, Hex, Numeraire, PoolHistory } from "../../ml/types.ts";
import { begun } from "../ahead.ts";
import { calibrationAt } from "../calibrationAt.ts";
import { type BlockStamp, getBlock } from "../chain.ts";
import type { VaultConfig } from "../config.ts";
import { type Context, type PoolGroup, poolAt } from "../context.ts";
import { decideOn, readState, type VaultInputs } from "../decideAt.ts";
import type { DecisionRecord } from "../journal/decisions.ts";
import type { ProposalRecord, ProposalStatus, ProposalStore } from "../journal/proposals.ts";
import type { RestState } from "../journal/rests.ts";
import { CONCURRENCY, ensureJob, jobIds, type Payload } from "../queues/queue.ts";
import { buildProposal, digestOf, modelIdOf } from "../sending/proposal.ts";
import { describeStop, type StopOrder, stopFor } from "../stops/killSwitch.ts";
import { execute } from "./execute.ts";
import { openProposals } from "./open.ts";
import { prepare } from "./prepare.ts";
import { beginReading, decisionIdOf, type Reading, type ReadVault, readAll, readingKey, TOGETHER } from "./reading.ts";
import { settleOutcomes } from "./settle.ts";

type NewProposal = Parameters<ProposalStore["recordProposal"]>[0];

/** Signing, gathering what is asked at one instant, asking. */
const TURNS_TO_ASK = 3;
/** Taking an answer from the socket, signing. */
const TURNS_TO_ANSWER = 2;

/** Scores a pool at one block and decides for each of its vaults; what should move is journaled and queued. */
export async function evaluate(running: Context, payload: Payload<"evaluate">): Promise<void> {
  // The models of now: others may take over while this block is worked on.
  const context: Context = { ...running };
  const { client, config, journal } = context;
  const group = poolAt(context, payload.chainId, payload.pool);
  const ahead = context.readings.take(readingKey(group, payload.block));
  const block = ahead?.block ?? (await getBlock(client, payload.block));
  const rested = journal.rests({ chainId: config.chainId, pool: group.meta.address, blockHash: block.hash });
  const waiting = group.vaults.filter(({ vault }) => !rested.has(vault));
  if (waiting.length > 0) {
    context.reached("evaluating", { pool: group.meta.address, block: block.number });
    const fresh = waiting.length === group.vaults.length;
    const reading = fresh && ahead ? ahead : beginReading(context, { group, vaults: waiting, block });
    const [swaps, firstRead] = await Promise.all([reading.history, reading.first]);
    const history = withBaseFee(swaps, block.baseFeePerGas);
    const outlook = outlookOf({ history, models: context.models, kept: group.kept });
    for (let first = 0; first < waiting.length; first += TOGETHER) {
      const vaults = waiting.slice(first, first + TOGETHER);
      const read = first === 0 ? firstRead : await readAll(context, { group, vaults, block, history });
      // Those after the first take their time: what they may do is asked anew.
      const stops = first === 0 && reading.stops ? { stops: reading.stops } : {};
      await evaluateVaults(context, { group, block, history, outlook, read, ...stops });
      // Nobody waits for them: what is to be executed is queued already.
      context.challengers?.offer(
        history,
        vaults.map(({ vault }) => decisionIdOf(config.chainId, vault, block)),
        outlook.bars,
      );
    }
    await settleOutcomes(context, group, history);
  }
  context.nudge();
}

interface EvaluateVaultsParameters {
  readonly group: PoolGroup;
  readonly block: BlockStamp;
  readonly history: PoolHistory;
  readonly outlook: Outlook;
  readonly read: readonly ReadVault[];
  readonly stops?: NonNullable<Reading["stops"]>;
}

/** A vault with its decision: `inputs` are null where the journal had it already. */
interface Decided {
  readonly vault: VaultConfig;
  readonly record: DecisionRecord;
  readonly inputs: VaultInputs | null;
}

/** What follows from a decision: the vault rests, or a proposal waits to be executed. */
type Consequence = { readonly vault: Address } & (
  | { readonly rest: RestState; readonly stop?: StopOrder }
  | { readonly proposal: NewProposal; readonly inputs: VaultInputs | null }
);

/** Returns the ids of the decisions that were journaled now. */
async function evaluateVaults(context: Context, parameters: EvaluateVaultsParameters): Promise<readonly string[]> {
  const { config, journal, logger, metrics, queues } = context;
  const { group, block, history } = parameters;
  const place = { chainId: config.chainId, pool: group.meta.address, block: block.number, blockHash: block.hash };
  const { decided, absent } = await decideAll(context, parameters);
  const consequences = await consequencesOf(context, parameters, decided);
  await prepareAhead(context, group, consequences);

  // One transaction: a vault's decision is never in the journal without where it led. The disk takes its time while the
  // moves are queued; what a move signs is written after it, and on disk before anything is sent.
  const proposed = new Map<Hex, ProposalRecord>();
  const onDisk = begun(
    journal.togetherSoon(() => {
      for (const vault of absent) journal.rest({ ...place, vault, state: "absent" });
      for (const { record, inputs } of decided) {
        if (inputs === null) continue;
        journal.recordDecision(record);
        journal.recordInputs(record.id, inputs);
        context.challengers?.announce(record.id);
      }
      for (const consequence of consequences) {
        if ("rest" in consequence) journal.rest({ ...place, vault: consequence.vault, state: consequence.rest });
        else proposed.set(consequence.proposal.digest, journal.recordProposal(consequence.proposal));
      }
    }),
  );

  for (const { vault, record, inputs } of decided) {
    const { decision } = record;
    const { action, reasonKey } = decision;
    if (inputs !== null) {
      metrics.decided({ decision, state: inputs.state, tick: history.tick });
      logger.info(
        {
          stage: "evaluate",
          decisionId: record.id,
          vault: vault.vault,
          block: block.number,
          action,
          reason: reasonKey,
        },
        decision.reason,
      );
    }
    const decisionId = record.id;
    context.reached("decided", { decisionId, vault: vault.vault, block: block.number, action, reason: reasonKey });
  }
  for (const consequence of consequences) {
    const { vault } = consequence;
    if ("rest" in consequence) {
      const { stop } = consequence;
      if (stop === undefined) continue;
      logger.warn(
        { stage: "evaluate", vault, block: block.number, stop },
        `not proposed: the kill switch is on, ${describeStop(stop)}`,
      );
      continue;
    }
    const { digest, nonce, decisionId } = consequence.proposal;
    context.reached("proposed", { decisionId, vault, block: block.number, digest });
    const payload = { chainId: config.chainId, vault, nonce: nonce.toString(), digest };
    context.executing.begin(jobIds.execute(payload), () => execute(context, payload, proposed.get(digest)));
    // The node's answer to the simulation is taken before the queue is told: the journal has what a restart needs.
    for (let turn = 0; turn < TURNS_TO_ANSWER; turn++) await setImmediate();
    // Again: a machine that lost its power may have a job whose decision was not on disk yet.
    await ensureJob(queues, "execute", payload, { again: true });
    context.reached("execute-queued", { decisionId, vault, block: block.number, digest });
  }
  await onDisk;
  return decided.flatMap(({ record, inputs }) => (inputs === null ? [] : [record.id]));
}

/** Every vault's journaled decision at the block, or a fresh one; `absent` are not deployed yet. */
async function decideAll(
  context: Context,
  { group, block, outlook, read }: EvaluateVaultsParameters,
): Promise<{ readonly decided: readonly Decided[]; readonly absent: readonly Address[] }> {
  const { config, models, metrics } = context;
  const decided: Decided[] = [];
  const absent: Address[] = [];
  const calibrations = new Map<Numeraire, CalibrationState>();
  for (const { vault, id, known, inputs: bare } of read) {
    const inputs = bare === null ? null : await calibrated(context, { group, outlook, calibrations, inputs: bare });
    if (known) decided.push({ vault, record: known, inputs: null });
    else if (!inputs) absent.push(vault.vault);
    else {
      const began = performance.now();
      const decision = await decideOn(inputs, outlook);
      metrics.instruments.modelLatency.observe((performance.now() - began) / 1_000);
      const { nav, sharePrice } = inputs.state;
      const where = { chainId: config.chainId, vault: vault.vault, pool: group.meta.address };
      const when = { block: block.number, blockHash: block.hash };
      decided.push({
        vault,
        record: { id, ...where, ...when, modelSet: models.id, decision, nav, sharePrice },
        inputs,
      });
    }
  }
  return { decided, absent };
}

/**
 * Begins to simulate what will be executed first, as many moves as are executed at the same time: the node is at it
 * while the decisions go to disk and queue.
 */
async function prepareAhead(context: Context, group: PoolGroup, consequences: readonly Consequence[]): Promise<void> {
  const proposals = consequences.flatMap((one) => ("proposal" in one ? [one] : [])).slice(0, CONCURRENCY.execute);
  for (const { vault: address, proposal, inputs } of proposals) {
    const vault = group.vaults.find(({ vault }) => vault === address);
    if (!vault) continue;
    context.prepared.keep(
      proposal.digest,
      begun(prepare(context, vault, { ...proposal, ...(inputs ? { inputs } : {}) })),
    );
  }
  // The questions have left when the loop has come round: writing to disk lets nothing else happen.
  if (proposals.length > 0) for (let turn = 0; turn < TURNS_TO_ASK; turn++) await setImmediate();
}

interface CalibratedParameters {
  readonly group: PoolGroup;
  readonly outlook: Outlook;
  /** Of this block, as they are worked out. */
  readonly calibrations: Map<Numeraire, CalibrationState>;
  readonly inputs: VaultInputs;
}

/** The inputs with what the worker has learned up to this block; vaults of a pool in one unit share it. */
async function calibrated(
  { config, journal, models }: Context,
  { group, outlook, calibrations, inputs }: CalibratedParameters,
): Promise<VaultInputs> {
  const { numeraire } = inputs.state;
  const place = { chainId: config.chainId, pool: group.meta.address, numeraire, modelSet: models.id };
  const { history } = outlook;
  const calibration =
    calibrations.get(numeraire) ?? (await calibrationAt({ journal, place, history, model: models.volatility }));
  calibrations.set(numeraire, calibration);
  journal.recordCalibration(place, calibration);
  return { ...inputs, calibration };
}

async function consequencesOf(
  context: Context,
  parameters: EvaluateVaultsParameters,
  decided: readonly Decided[],
): Promise<readonly Consequence[]> {
  const { config, journal, killSwitch } = context;
  const { group, block, stops } = parameters;
  const toMove = decided.filter(({ record }) => record.decision.plan !== null);
  if (config.worker.mode === "shadow" || toMove.length === 0) {
    return decided.map(({ vault, record }) => ({
      vault: vault.vault,
      rest: record.decision.plan === null ? "held" : "shadow",
    }));
  }
  const orders = (await stops) ?? (await killSwitch.orders());
  const open = openProposals(context, block);
  const consequences: Consequence[] = [];
  for (const { vault, record, inputs } of decided) {
    const { decision } = record;
    if (decision.plan === null) {
      consequences.push({ vault: vault.vault, rest: "held" });
      continue;
    }
    const stop = stopFor(orders, vault.vault);
    if (stop !== null) {
      consequences.push({ vault: vault.vault, rest: "stopped", stop });
      continue;
    }
    if ((open.get(vault.vault) ?? []).some(({ decisionId }) => decisionId !== record.id)) {
      consequences.push({ vault: vault.vault, rest: "pending" });
      continue;
    }
    const known = inputs === null ? journal.proposals({ vault: vault.vault }) : [];
    const before = known.find(({ decisionId }) => decisionId === record.id);
    const state = inputs?.state ?? (before ? null : await readState(context, vault, block));
    const nonce = before?.nonce ?? state?.nextNonce ?? 0n;
    const proposal = proposalOf(context, { group, vault, block, decisionId: record.id, decision, nonce });
    const earlier = journal.proposal(proposal.digest);
    // The very same proposal was made for a block that is gone, and has come to its end: that is this decision's too.
    const ended = earlier?.decisionId === record.id ? null : endOf(earlier?.status);
    consequences.push(ended === null ? { vault: vault.vault, proposal, inputs } : { vault: vault.vault, rest: ended });
  }
  return consequences;
}

function endOf(status: ProposalStatus | undefined): RestState | null {
  return status === "confirmed" || status === "refused" || status === "expired" ? status : null;
}

interface ProposalOfParameters {
  readonly group: PoolGroup;
  readonly vault: VaultConfig;
  readonly block: BlockStamp;
  readonly decisionId: string;
  readonly decision: Decision;
  readonly nonce: bigint;
}

function proposalOf({ config }: Context, parameters: ProposalOfParameters): NewProposal {
  const { group, vault, block, decisionId, decision, nonce } = parameters;
  const proposal = buildProposal({ decision, modelId: modelIdOf(config.registry.decisionModel), nonce });
  const digest: Hex = digestOf(config.chainId, vault.strategy, proposal);
  return {
    digest,
    decisionId,
    chainId: config.chainId,
    vault: vault.vault,
    strategy: vault.strategy,
    pool: group.meta.address,
    nonce,
    block: block.number,
    blockHash: block.hash,
    baseFeePerGas: block.baseFeePerGas,
    proposal,
  };
}
