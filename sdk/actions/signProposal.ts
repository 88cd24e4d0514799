import type { Hex, LocalAccount } from "viem";
import {
  type ProposalDomainParameters,
  proposalDigest,
  proposalTypedData,
  type RebalanceProposal,
} from "../proposal.ts";

export type SignProposalParameters = ProposalDomainParameters & { readonly proposal: RebalanceProposal };

/**
 * Signs a proposal with a model's key; the same proposal gives the same signature (RFC 6979).
 *
 * @example const signature = await signProposal(account, { chainId, strategy, proposal });
 */
export function signProposal(account: LocalAccount, { proposal, ...domain }: SignProposalParameters): Promise<Hex> {
  return account.sign
    ? account.sign({ hash: proposalDigest(domain, proposal) })
    : account.signTypedData(proposalTypedData(domain, proposal));
}
