import { type Address, type Hex, hashTypedData } from "viem";

/** A range to hold after a move; `weightWad` is the share (1e18 = all) of each idle token offered to it. */
export interface RangeOrder {
  readonly lowerTick: number;
  readonly upperTick: number;
  readonly weightWad: bigint;
}

/** The one swap of a move, in the vault's own pool; `amountIn` in units of the token sold, 0n = no swap. */
export interface SwapOrder {
  readonly zeroForOne: boolean;
  readonly amountIn: bigint;
  readonly sqrtPriceLimitX96: bigint;
}

/** A signed wish of a model. Amounts in asset units, ratios in Wad, `deadline` in Unix seconds; no ranges = to idle. */
export interface RebalanceProposal {
  readonly vault: Address;
  readonly nonce: bigint;
  readonly deadline: bigint;
  /** Who may relay it; the zero address = anyone. */
  readonly executor: Address;
  readonly modelId: Hex;
  readonly inputsDigest: Hex;
  readonly declaredGain: bigint;
  readonly declaredCost: bigint;
  readonly declaredSpreadWad: bigint;
  readonly ranges: readonly RangeOrder[];
  readonly swap: SwapOrder;
  /** Asset units per 1e18 shares, after the move. */
  readonly minSharePrice: bigint;
}

export const proposalTypes = {
  RebalanceProposal: [
    { name: "vault", type: "address" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint64" },
    { name: "executor", type: "address" },
    { name: "modelId", type: "bytes32" },
    { name: "inputsDigest", type: "bytes32" },
    { name: "declaredGain", type: "uint256" },
    { name: "declaredCost", type: "uint256" },
    { name: "declaredSpreadWad", type: "uint256" },
    { name: "ranges", type: "RangeOrder[]" },
    { name: "swap", type: "SwapOrder" },
    { name: "minSharePrice", type: "uint256" },
  ],
  RangeOrder: [
    { name: "lowerTick", type: "int24" },
    { name: "upperTick", type: "int24" },
    { name: "weightWad", type: "uint64" },
  ],
  SwapOrder: [
    { name: "zeroForOne", type: "bool" },
    { name: "amountIn", type: "uint256" },
    { name: "sqrtPriceLimitX96", type: "uint160" },
  ],
} as const;

export interface ProposalDomainParameters {
  readonly chainId: number;
  readonly strategy: Address;
}

/** Everything a wallet needs to sign a proposal by EIP-712. */
export function proposalTypedData({ chainId, strategy }: ProposalDomainParameters, proposal: RebalanceProposal) {
  return {
    domain: { name: "Rangekeeper ModelStrategy", version: "1", chainId, verifyingContract: strategy },
    types: proposalTypes,
    primaryType: "RebalanceProposal",
    message: proposal,
  } as const;
}

/** EIP-712 digest of a proposal, equal to the strategy's `proposalDigest`. */
export function proposalDigest(domain: ProposalDomainParameters, proposal: RebalanceProposal): Hex {
  return hashTypedData(proposalTypedData(domain, proposal));
}

/** A signed "hold" of a model. `deadline` in Unix seconds; `nonce` above the last one's, a block number serves. */
export interface Heartbeat {
  readonly vault: Address;
  readonly modelId: Hex;
  readonly deadline: bigint;
  readonly nonce: bigint;
  readonly inputsDigest: Hex;
}

export const heartbeatTypes = {
  Heartbeat: [
    { name: "vault", type: "address" },
    { name: "modelId", type: "bytes32" },
    { name: "deadline", type: "uint64" },
    { name: "nonce", type: "uint256" },
    { name: "inputsDigest", type: "bytes32" },
  ],
} as const;

/** Everything a wallet needs to sign a heartbeat by EIP-712. */
export function heartbeatTypedData({ chainId, strategy }: ProposalDomainParameters, heartbeat: Heartbeat) {
  return {
    domain: { name: "Rangekeeper ModelStrategy", version: "1", chainId, verifyingContract: strategy },
    types: heartbeatTypes,
    primaryType: "Heartbeat",
    message: heartbeat,
  } as const;
}
