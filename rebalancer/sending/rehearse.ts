import { toHex, zeroAddress } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { keccak256 } from "../../ml/runtime/keccak/keccak.ts";
import type { Decision } from "../../ml/types.ts";
import { encodeRebalance } from "../../sdk/actions/rebalance.ts";
import { signProposal } from "../../sdk/actions/signProposal.ts";
import type { Journal } from "../journal.ts";
import { digestOf } from "./proposal.ts";

/** Often enough that what signs is compiled, tables of the curve included, before a block waits for it. */
const TIMES = 60;
/** What takes back all that was written before it. */
const TAKEN_BACK = new Error("a rehearsal leaves nothing in the journal");

/** Makes, signs, journals and takes back moves of nothing with a key of nobody. */
export async function rehearse(chainId: number, journal: Journal): Promise<void> {
  const account = privateKeyToAccount(generatePrivateKey());
  for (let i = 1; i <= TIMES; i++) {
    const some = BigInt(i) << 70n;
    const hash = toHex(i, { size: 32 });
    const proposal = {
      vault: account.address,
      nonce: BigInt(i),
      deadline: BigInt(i),
      executor: zeroAddress,
      modelId: hash,
      inputsDigest: hash,
      declaredGain: some,
      declaredCost: some,
      declaredSpreadWad: some,
      ranges: [{ lowerTick: -i, upperTick: i, weightWad: BigInt(i) }],
      swap: { zeroForOne: i % 2 === 0, amountIn: some, sqrtPriceLimitX96: some },
      minSharePrice: some,
    };
    const strategy = account.address;
    const digest = digestOf(chainId, strategy, proposal);
    const signature = await signProposal(account, { chainId, strategy, proposal, digest });
    const fees = { maxFeePerGas: some, maxPriorityFeePerGas: some };
    const data = encodeRebalance({ proposal, signature });
    const raw = await account.signTransaction({
      ...{ type: "eip1559", chainId, nonce: i, to: strategy, data, gas: some },
      ...fees,
    });
    const place = { chainId, vault: strategy, pool: strategy, block: i, blockHash: hash };
    const move = { ...place, digest, strategy, decisionId: hash, nonce: some, baseFeePerGas: some, proposal };
    const signed = { from: strategy, nonce: i, hash: keccak256(Buffer.from(raw.slice(2), "hex")), raw, ...fees };
    const decision: Decision = {
      ...{ version: 1, vault: strategy, pool: strategy, block: i, atSeconds: i, numeraire: 0, sqrtPriceX96: some },
      ...{ action: "hold", reason: "", reasonKey: "rehearsal", candidates: [], chosen: -1, plan: null },
      ...{ spreadWad: some, volatility: null, models: [], features: null, inputsDigest: hash },
    };
    takeBack(journal, () => {
      journal.recordDecision({ ...place, id: hash, modelSet: "", decision, nav: some, sharePrice: some });
      journal.proposals({ status: ["sent"] });
      journal.proposals({ status: ["proposed", "simulated"], sinceSeconds: 1 });
      journal.recordProposal(move);
      journal.slots(strategy, i);
      journal.spentNonces(strategy, i);
      journal.attempts(digest);
      journal.recordAttempt({ ...signed, kind: "rebalance", subject: digest, ordinal: 0, atBlock: i, signature });
      journal.advance(digest, "simulated");
      journal.rest({ ...place, state: "sent" });
    });
  }
}

/** Writes facts and takes them back: what they are written with is prepared. */
function takeBack(journal: Journal, write: () => void): void {
  try {
    journal.together(() => {
      write();
      throw TAKEN_BACK;
    });
  } catch (error) {
    if (error !== TAKEN_BACK) throw error;
  }
}
