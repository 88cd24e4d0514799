import { zeroAddress, zeroHash } from "viem";
import type { Decision, Hex } from "../../ml/types.ts";
import type { Attempt } from "../../rebalancer/journal/attempts.ts";
import type { DecisionRecord } from "../../rebalancer/journal/decisions.ts";
import type { Journal } from "../../rebalancer/journal.ts";

/** The only vault of these records. */
export const VAULT = "0x00000000000000000000000000000000000000Aa";
export const digest = (n: number) => `0x${n.toString(16).padStart(64, "0")}` as Hex;

export const decision = (block: number): Decision => ({
  version: 1,
  vault: VAULT,
  pool: VAULT,
  block,
  atSeconds: block * 12,
  action: "move",
  reason: "because",
  reasonKey: "edge",
  numeraire: 0,
  sqrtPriceX96: 2n ** 96n,
  candidates: [],
  chosen: -1,
  plan: {
    ranges: [{ lowerTick: -60, upperTick: 60, weightWad: 10n ** 18n }],
    swap: { zeroForOne: true, amountIn: 2n ** 100n + 1n, sqrtPriceLimitX96: 2n ** 96n },
    declaredCost: 1n,
    declaredGain: 2n,
    minSharePrice: 3n,
  },
  spreadWad: 5n * 10n ** 16n,
  volatility: null,
  models: [],
  features: null,
  inputsDigest: zeroHash,
});

export const decisionRecord = (block: number): DecisionRecord => ({
  id: `d${block}`,
  chainId: 1,
  vault: VAULT,
  pool: VAULT,
  block,
  blockHash: digest(block),
  modelSet: "rules",
  decision: decision(block),
  nav: 10n ** 30n,
  sharePrice: 7n,
});

export const proposalRecord = (block: number): Parameters<Journal["recordProposal"]>[0] => ({
  digest: digest(1000 + block),
  decisionId: `d${block}`,
  chainId: 1,
  vault: VAULT,
  strategy: VAULT,
  pool: VAULT,
  nonce: BigInt(block),
  block,
  blockHash: digest(block),
  baseFeePerGas: 9n,
  proposal: {
    vault: VAULT,
    nonce: BigInt(block),
    deadline: 1n,
    executor: zeroAddress,
    modelId: zeroHash,
    inputsDigest: zeroHash,
    declaredGain: 2n ** 200n,
    declaredCost: 1n,
    declaredSpreadWad: 1n,
    ranges: [],
    swap: { zeroForOne: false, amountIn: 0n, sqrtPriceLimitX96: 0n },
    minSharePrice: 0n,
  },
});

/** The first transaction of a subject. */
export const attempt = (n: number, nonce: number, subject: string): Attempt => ({
  kind: "rebalance",
  subject,
  ordinal: 0,
  from: VAULT as Hex,
  nonce,
  hash: digest(n),
  raw: "0x02",
  maxFeePerGas: 2n,
  maxPriorityFeePerGas: 1n,
  atBlock: nonce,
  signature: "0x01",
});
