import { type Hex, zeroAddress } from "viem";
import { keccak256 } from "../../ml/runtime/keccak/keccak.ts";
import type { Decision } from "../../ml/types.ts";
import { proposalDigest, type RebalanceProposal } from "../../sdk/proposal.ts";
import { FatalError } from "../errors.ts";

/** How long after its block a proposal stays good; the strategy accepts at most this. */
export const DEADLINE_SECONDS = 900;

/** On-chain id of a decision model, from its name in the configuration. */
export const modelIdOf = (decisionModel: string): Hex => keccak256(Buffer.from(decisionModel));

export interface BuildProposalParameters {
  readonly decision: Decision;
  readonly modelId: Hex;
  readonly nonce: bigint;
}

/** The proposal of a decision with a plan. Everything derives from the decision's block: same block, same bytes. */
export function buildProposal({ decision, modelId, nonce }: BuildProposalParameters): RebalanceProposal {
  const { plan } = decision;
  if (plan === null)
    throw new FatalError(`decision at block ${decision.block}: no plan; rule: only a plan becomes a proposal`);
  return {
    vault: decision.vault,
    nonce,
    deadline: BigInt(decision.atSeconds + DEADLINE_SECONDS),
    executor: zeroAddress,
    modelId,
    inputsDigest: decision.inputsDigest,
    declaredGain: plan.declaredGain,
    declaredCost: plan.declaredCost,
    declaredSpreadWad: decision.spreadWad,
    ranges: plan.ranges,
    swap: plan.swap,
    minSharePrice: plan.minSharePrice,
  };
}

/** Digest by which queue, journal and chain know a proposal. */
export function digestOf(chainId: number, strategy: `0x${string}`, proposal: RebalanceProposal): Hex {
  return proposalDigest({ chainId, strategy }, proposal);
}
