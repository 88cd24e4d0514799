import type { Hex, LocalAccount } from "viem";
import {
  type ProposalDomainParameters,
  proposalDigest,
  proposalTypedData,
  type RebalanceProposal,
} from "../proposal.ts";

export type SignProposalParameters = ProposalDomainParameters & {
  readonly proposal: RebalanceProposal;
  /** The proposal's `proposalDigest`, where it is known; absent = worked out here. */
  readonly digest?: Hex;
};

/**
 * Signs a proposal with a model's key; the same proposal gives the same signature (RFC 6979).
 *
 * @example const signature = await signProposal(account, { chainId, strategy, proposal });
 */
export function signProposal(
  account: LocalAccount,
  { proposal, digest, ...domain }: SignProposalParameters,
): Promise<Hex> {
  return account.sign
    ? account.sign({ hash: digest ?? proposalDigest(domain, proposal) })
    : account.signTypedData(proposalTypedData(domain, proposal));
}
