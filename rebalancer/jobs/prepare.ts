import type { Hex } from "viem";
import { getBounds } from "../../sdk/actions/getBounds.ts";
import { getVaultState } from "../../sdk/actions/getVault.ts";
import { encodeRebalance } from "../../sdk/actions/rebalance.ts";
import { signProposal } from "../../sdk/actions/signProposal.ts";
import { type BlockStamp, getBlock } from "../chain.ts";
import type { VaultConfig } from "../config.ts";
import type { Context } from "../context.ts";
import type { VaultInputs } from "../decideAt.ts";
import { explain, FatalError, RetryableError } from "../errors.ts";
import type { ProposalRecord } from "../journal/proposals.ts";
import { classify } from "../sending/classify.ts";
import { gasOfCall } from "../sending/gas.ts";
import { type NonceCounts, readNonceCounts } from "../sending/nonces.ts";
import { type PreflightParameters, preflight } from "../sending/preflight.ts";

/** A move that the chain would take now. */
export interface Simulated {
  readonly status: "simulated";
  readonly signature: Hex;
  /** The call of the strategy. */
  readonly data: Hex;
  readonly gas: bigint;
  readonly head: BlockStamp;
  readonly counts: NonceCounts;
}
/** How a proposal stands at the head: ready to be signed, or at an end. */
export type Prepared = Simulated | { readonly status: "refused" | "expired"; readonly detail: string };

/** A proposal that is in the journal, or is about to be: then with what it was decided on. */
export type ToPrepare = Pick<
  ProposalRecord,
  "proposal" | "chainId" | "strategy" | "digest" | "decisionId" | "blockHash"
> & {
  readonly inputs?: Pick<VaultInputs, "state" | "bounds">;
};

/**
 * Signature of the model, preflight and simulation at the head. What tells the gas runs the move, so it is the
 * simulation too; while the head is the decision's block everything comes in one request.
 */
export async function prepare(
  context: Pick<Context, "client" | "keys" | "journal">,
  vault: VaultConfig,
  record: ToPrepare,
): Promise<Prepared> {
  const { client, keys } = context;
  const { proposal, chainId, strategy, digest } = record;
  const { signer, keeper } = keys.of(vault);
  if (!signer) throw new FatalError(`key ${vault.signer}: missing; rule: needed in modes dry-run and live`);
  const signature = await signProposal(signer, { chainId, strategy, proposal, digest });
  const data = encodeRebalance({ proposal, signature });
  const [head, counts, gas] = await Promise.all([
    getBlock(client, "latest"),
    keeper ? readNonceCounts(client, keeper.address) : { latest: 0, pending: 0 },
    gasOfCall(client, {
      ...(keeper ? { from: keeper.address } : {}),
      to: strategy,
      data,
    }).catch((error: unknown) => error),
  ]);
  if (proposal.deadline < BigInt(head.timestamp))
    return { status: "expired", detail: `not sent before its deadline ${proposal.deadline}` };
  const { state, bounds } = await readBounds(context, vault, record, head);
  const broken = preflight({ proposal, bounds, state, nowSeconds: head.timestamp });
  if (broken !== null) return { status: "refused", detail: `preflight ${broken}` };
  if (typeof gas === "bigint") return { status: "simulated", signature, data, gas, head, counts };
  const { refusal } = classify(gas);
  if (refusal !== null) return { status: "refused", detail: `simulation ${refusal}` };
  throw new RetryableError(`simulation: ${explain(gas)}`, { cause: gas });
}

/** State and bounds at the head: those of the decision while no block has come since, else the chain's. */
async function readBounds(
  { journal, client }: Pick<Context, "journal" | "client">,
  { lens, vault, strategy }: VaultConfig,
  { decisionId, blockHash, ...known }: ToPrepare,
  head: BlockStamp,
): Promise<Pick<PreflightParameters, "state" | "bounds">> {
  const inputs = head.hash === blockHash ? (known.inputs ?? journal.inputs(decisionId)) : null;
  // A hold of the curator is part of `paused` there.
  if (inputs !== null) return { bounds: inputs.bounds, state: { ...inputs.state, rebalanceHeld: false } };
  const [state, bounds] = await Promise.all([
    getVaultState(client, { lens, vault, strategy }),
    getBounds(client, { strategy }),
  ]);
  return { state, bounds };
}
