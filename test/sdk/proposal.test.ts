import fc from "fast-check";
import { getAddress, type Hex, hashTypedData } from "viem";
import { describe, expect, it } from "vitest";
import { proposalDigest, proposalTypedData, type RebalanceProposal } from "../../sdk/proposal.ts";

const bytes = (length: number) =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((found): Hex => `0x${Buffer.from(found).toString("hex")}`);
const uint = (bits: number) => fc.bigInt(0n, 2n ** BigInt(bits) - 1n);
const address = bytes(20).map((found) => getAddress(found));
const tick = fc.integer({ min: -887_272, max: 887_272 });
const proposals: fc.Arbitrary<RebalanceProposal> = fc.record({
  vault: address,
  nonce: uint(256),
  deadline: uint(64),
  executor: address,
  modelId: bytes(32),
  inputsDigest: bytes(32),
  declaredGain: uint(256),
  declaredCost: uint(256),
  declaredSpreadWad: uint(256),
  ranges: fc.array(fc.record({ lowerTick: tick, upperTick: tick, weightWad: uint(64) }), { maxLength: 8 }),
  swap: fc.record({ zeroForOne: fc.boolean(), amountIn: uint(256), sqrtPriceLimitX96: uint(160) }),
  minSharePrice: uint(256),
});

describe("a proposal's digest", () => {
  it("is what a general EIP-712 encoder makes of its typed data", () => {
    fc.assert(
      fc.property(proposals, fc.integer({ min: 1, max: 2 ** 31 }), address, (proposal, chainId, strategy) => {
        const domain = { chainId, strategy };
        expect(proposalDigest(domain, proposal)).toBe(hashTypedData(proposalTypedData(domain, proposal)));
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
