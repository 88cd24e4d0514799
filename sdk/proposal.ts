import { type Address, concatHex, type Hex, hashDomain, keccak256, numberToHex, stringToHex } from "viem";

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

const domainType = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
] as const;
const domainOf = ({ chainId, strategy }: ProposalDomainParameters) =>
  ({ name: "Rangekeeper ModelStrategy", version: "1", chainId, verifyingContract: strategy }) as const;

/** Everything a wallet needs to sign a proposal by EIP-712. */
export function proposalTypedData({ chainId, strategy }: ProposalDomainParameters, proposal: RebalanceProposal) {
  return {
    domain: domainOf({ chainId, strategy }),
    types: proposalTypes,
    primaryType: "RebalanceProposal",
    message: proposal,
  } as const;
}

/** EIP-712 digest of a proposal, equal to the strategy's `proposalDigest`. */
export function proposalDigest(domain: ProposalDomainParameters, proposal: RebalanceProposal): Hex {
  return keccak256(concatHex(["0x1901", domainSeparator(domain), hashOf(proposal)]));
}

const SWAP_TYPE = "SwapOrder(bool zeroForOne,uint256 amountIn,uint160 sqrtPriceLimitX96)";
const RANGE_TYPE = "RangeOrder(int24 lowerTick,int24 upperTick,uint64 weightWad)";
const members = proposalTypes.RebalanceProposal.map(({ type, name }) => `${type} ${name}`).join(",");
const typeHash = (type: string): Hex => keccak256(stringToHex(type));
const SWAP_TYPE_HASH = typeHash(SWAP_TYPE);
const RANGE_TYPE_HASH = typeHash(RANGE_TYPE);
const PROPOSAL_TYPE_HASH = typeHash(`RebalanceProposal(${members})${RANGE_TYPE}${SWAP_TYPE}`);

const word = (value: bigint | number): Hex => numberToHex(value, { size: 32 });
const signedWord = (value: number): Hex => numberToHex(value, { size: 32, signed: true });
const addressWord = (address: Address): Hex => `0x${"0".repeat(24)}${address.slice(2)}`;

/** The proposal's words: a general encoder takes ten times as long, and a move is signed while a block waits. */
function hashOf(proposal: RebalanceProposal): Hex {
  const { ranges, swap } = proposal;
  const rangeHashes = ranges.map(({ lowerTick, upperTick, weightWad }) =>
    keccak256(concatHex([RANGE_TYPE_HASH, signedWord(lowerTick), signedWord(upperTick), word(weightWad)])),
  );
  return keccak256(
    concatHex([
      PROPOSAL_TYPE_HASH,
      addressWord(proposal.vault),
      word(proposal.nonce),
      word(proposal.deadline),
      addressWord(proposal.executor),
      proposal.modelId,
      proposal.inputsDigest,
      word(proposal.declaredGain),
      word(proposal.declaredCost),
      word(proposal.declaredSpreadWad),
      keccak256(concatHex(rangeHashes)),
      keccak256(
        concatHex([SWAP_TYPE_HASH, word(swap.zeroForOne ? 1 : 0), word(swap.amountIn), word(swap.sqrtPriceLimitX96)]),
      ),
      word(proposal.minSharePrice),
    ]),
  );
}

/** Strategies are few: their domains are hashed once. */
const MOST_SEPARATORS = 10_000;
const separators = new Map<string, Hex>();

function domainSeparator({ chainId, strategy }: ProposalDomainParameters): Hex {
  const key = `${chainId} ${strategy}`;
  const known = separators.get(key);
  if (known !== undefined) return known;
  if (separators.size >= MOST_SEPARATORS) separators.clear();
  const domain = { ...domainOf({ chainId, strategy }), chainId: BigInt(chainId) };
  const separator = hashDomain({ domain, types: { EIP712Domain: domainType } });
  separators.set(key, separator);
  return separator;
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
    domain: domainOf({ chainId, strategy }),
    types: heartbeatTypes,
    primaryType: "Heartbeat",
    message: heartbeat,
  } as const;
}
