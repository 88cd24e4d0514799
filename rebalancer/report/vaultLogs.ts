import { pad, toEventSelector } from "viem";
import { z } from "zod";
import type { Address, Hex } from "../../ml/types.ts";
import { type ChainLog, type LedgerParties, type LogRpc, logSchema } from "./chainEvents.ts";

const SWAP = toEventSelector("Swap(address,address,int256,int256,uint160,uint128,int24)");
const MINT = toEventSelector("Mint(address,address,int24,int24,uint128,uint256,uint256)");
const BURN = toEventSelector("Burn(address,int24,int24,uint128,uint256,uint256)");
const COLLECT = toEventSelector("Collect(address,address,int24,int24,uint128,uint128)");
const TRANSFER = toEventSelector("Transfer(address,address,uint256)");

export interface VaultLogsParameters {
  readonly parties: LedgerParties;
  /** Both included. */
  readonly fromBlock: number;
  readonly toBlock: number;
  readonly chunkBlocks: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What a vault's ledger is walked from: the pool's swaps, the vault's own positions and every transfer it was part of. */
export async function vaultLogs(rpc: LogRpc, parameters: VaultLogsParameters): Promise<ChainLog[]> {
  const { parties, fromBlock, toBlock, chunkBlocks, onProgress } = parameters;
  const vault = pad(parties.vault.toLowerCase() as Address);
  const tokens = [parties.token0, parties.token1];
  const filters = [
    { address: parties.pool, topics: [SWAP] },
    { address: parties.pool, topics: [[MINT, BURN, COLLECT], vault] },
    { address: tokens, topics: [TRANSFER, vault] },
    { address: tokens, topics: [TRANSFER, null, vault] },
  ];
  const found = new Map<string, ChainLog>();
  const toQuantity = (value: number): Hex => `0x${value.toString(16)}`;
  for (let from = fromBlock; from <= toBlock; from += chunkBlocks) {
    const to = Math.min(toBlock, from + chunkBlocks - 1);
    const span = { fromBlock: toQuantity(from), toBlock: toQuantity(to) };
    const answers = await Promise.all(filters.map((filter) => rpc.call("eth_getLogs", [{ ...filter, ...span }])));
    // A transfer of the vault to itself is found twice.
    for (const answer of answers) {
      for (const log of z.array(logSchema).parse(answer)) found.set(`${log.block} ${log.index}`, log);
    }
    onProgress?.(to - fromBlock + 1, toBlock - fromBlock + 1);
  }
  return [...found.values()].sort((a, b) => a.block - b.block || a.index - b.index);
}
