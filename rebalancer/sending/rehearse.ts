import { keccak256, toHex, zeroAddress } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { encodeRebalance } from "../../sdk/actions/rebalance.ts";
import { signProposal } from "../../sdk/actions/signProposal.ts";
import { digestOf } from "./proposal.ts";

/** Often enough that what signs is compiled, tables of the curve included, before a block waits for it. */
const TIMES = 60;

/** Makes, signs and throws away moves of nothing with a key of nobody. */
export async function rehearse(chainId: number): Promise<void> {
  const account = privateKeyToAccount(generatePrivateKey());
  for (let i = 1; i <= TIMES; i++) {
    const some = BigInt(i) << 70n;
    const proposal = {
      vault: account.address,
      nonce: BigInt(i),
      deadline: BigInt(i),
      executor: zeroAddress,
      modelId: keccak256(toHex(i)),
      inputsDigest: keccak256(toHex(i, { size: 32 })),
      declaredGain: some,
      declaredCost: some,
      declaredSpreadWad: some,
      ranges: [{ lowerTick: -i, upperTick: i, weightWad: BigInt(i) }],
      swap: { zeroForOne: i % 2 === 0, amountIn: some, sqrtPriceLimitX96: some },
      minSharePrice: some,
    };
    const strategy = account.address;
    digestOf(chainId, strategy, proposal);
    const signature = await signProposal(account, { chainId, strategy, proposal });
    const raw = await account.signTransaction({
      type: "eip1559",
      chainId,
      nonce: i,
      to: strategy,
      data: encodeRebalance({ proposal, signature }),
      gas: some,
      maxFeePerGas: some,
      maxPriorityFeePerGas: some,
    });
    keccak256(raw);
  }
}
