import { BaseError } from "../../../../ml/errors.ts";
import type { Address, Hex } from "../../../../ml/types.ts";
import { type Rpc, RpcCallError, toQuantity } from "../rpc.ts";

/** A transaction of the market failed on the chain: names the block, the sender and what it wanted. */
export class MarketTransactionError extends BaseError {
  override name = "MarketTransactionError";
}

export interface MarketCall {
  readonly from: Address;
  /** Absent = a deployment. */
  readonly to?: Address;
  readonly data: Hex;
}

export interface ChainLog {
  readonly address: Address;
  readonly topics: [Hex, ...Hex[]];
  readonly data: Hex;
  readonly logIndex: Hex;
}

export interface ChainReceipt {
  readonly transactionHash: Hex;
  readonly from: Address;
  readonly status: Hex;
  readonly contractAddress: Address | null;
  readonly gasUsed: Hex;
  readonly logs: readonly ChainLog[];
}

export interface MinedBlock {
  readonly block: number;
  readonly timestamp: number;
  /** Receipts of the market's own transactions, in order. */
  readonly receipts: readonly ChainReceipt[];
}

/** The account that deploys and trades for the market: no key, the local chain lets it act. */
export const MARKET_OPERATOR: Address = "0x000000000000000000000000000000000a11ce01";

const GAS = toQuantity(300_000_000n);
// Above any base fee that a local chain reaches.
const GAS_PRICE = toQuantity(10n ** 12n);
const ETHER_BALANCE = toQuantity(10n ** 30n);

/** Gives accounts the ether to act. */
export async function fund(rpc: Rpc, accounts: readonly Address[]): Promise<void> {
  await rpc.batch(accounts.map((account) => ({ method: "anvil_setBalance", params: [account, ETHER_BALANCE] })));
}

/** Puts transactions into the mempool in order and returns their hashes. */
export async function enqueue(rpc: Rpc, calls: readonly MarketCall[]): Promise<Hex[]> {
  const hashes: Hex[] = [];
  for (let start = 0; start < calls.length; ) {
    // The node works on the calls of one request side by side: only one sender's nonces keep their order.
    let end = start + 1;
    while (end < calls.length && calls[end]?.from === calls[start]?.from) end++;
    const run = calls.slice(start, end);
    const from = run[0]?.from as Address;
    const nonce = run.length === 1 ? null : Number(await rpc.call("eth_getTransactionCount", [from, "pending"]));
    const sent = await rpc.batch<Hex[]>(
      run.map((call, i) => ({
        method: "eth_sendTransaction",
        params: [
          { ...call, gas: GAS, gasPrice: GAS_PRICE, ...(nonce === null ? {} : { nonce: toQuantity(nonce + i) }) },
        ],
      })),
    );
    hashes.push(...sent);
    start = end;
  }
  return hashes;
}

/** Queues transactions and mines one block at a time, or at the newest block's where that is later. */
export async function playBlock(rpc: Rpc, timestamp: number, calls: readonly MarketCall[]): Promise<MinedBlock> {
  const hashes = await enqueue(rpc, calls);
  try {
    return await mine(rpc, timestamp, hashes);
  } catch (error) {
    // Somebody else has moved the clock on, by deploying a contract for instance.
    const now = error instanceof RpcCallError ? await latestTimestamp(rpc) : timestamp;
    if (now <= timestamp) throw error;
    return mine(rpc, now, hashes);
  }
}

/** Mines one block with all that is pending and returns the receipts of the given transactions. */
export async function mine(rpc: Rpc, timestamp: number, hashes: readonly Hex[]): Promise<MinedBlock> {
  const [mined] = await rpc.call<{ number: Hex; timestamp: Hex }[]>("evm_mine_detailed", [{ timestamp }]);
  if (!mined) throw new MarketTransactionError(`no block was mined at ${timestamp}`, { details: { timestamp } });
  const block = Number(mined.number);
  if (hashes.length === 0) return { block, timestamp: Number(mined.timestamp), receipts: [] };
  const all = await rpc.call<ChainReceipt[]>("eth_getBlockReceipts", [mined.number]);
  const byHash = new Map(all.map((receipt) => [receipt.transactionHash, receipt]));
  const receipts = hashes.map((hash) => {
    const receipt = byHash.get(hash);
    if (receipt?.status !== "0x1") {
      const what = receipt ? "failed" : "was left out";
      throw new MarketTransactionError(`a transaction of the market ${what} in block ${block}: ${hash}`, {
        details: { block, hash, from: receipt?.from },
      });
    }
    return receipt;
  });
  return { block, timestamp: Number(mined.timestamp), receipts };
}

/** Time of the newest block, Unix seconds. */
export async function latestTimestamp(rpc: Rpc): Promise<number> {
  const block = await rpc.call<{ timestamp: Hex }>("eth_getBlockByNumber", ["latest", false]);
  return Number(block.timestamp);
}
