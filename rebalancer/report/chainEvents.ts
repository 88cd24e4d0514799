import { decodeEventLog, erc20Abi, type Log } from "viem";
import { z } from "zod";
import type { Address, Hex, Range } from "../../ml/types.ts";
import { uniswapV3PoolAbi } from "../../sdk/abi/uniswapV3Pool.ts";
import type { LedgerEvent } from "./ledger.ts";

/** One log as the chain tells it, in chain order. */
export interface ChainLog {
  readonly address: Address;
  readonly block: number;
  readonly index: number;
  readonly transaction: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
}

const hex = z.string().regex(/^0x[0-9a-f]*$/) as unknown as z.ZodType<Hex>;
export const logSchema = z
  .object({
    address: hex,
    blockNumber: hex,
    logIndex: hex,
    transactionHash: hex,
    topics: z.array(hex),
    data: hex,
  })
  .transform(
    (log): ChainLog => ({
      address: log.address.toLowerCase() as Address,
      block: Number(log.blockNumber),
      index: Number(log.logIndex),
      transaction: log.transactionHash,
      topics: log.topics,
      data: log.data,
    }),
  );

/** As much of a node as reading logs needs. */
export interface LogRpc {
  call(method: string, params: readonly unknown[]): Promise<unknown>;
}

const toQuantity = (value: number): Hex => `0x${value.toString(16)}`;

const LOGS_PER_REQUEST = 500;

/** All logs of some contracts in a span of blocks, sorted. */
export async function fetchLogs(
  rpc: LogRpc,
  addresses: readonly Address[],
  fromBlock: number,
  toBlock: number,
): Promise<ChainLog[]> {
  const logs: ChainLog[] = [];
  for (let from = fromBlock; from <= toBlock; from += LOGS_PER_REQUEST) {
    const to = Math.min(toBlock, from + LOGS_PER_REQUEST - 1);
    const answer = await rpc.call("eth_getLogs", [
      { address: addresses, fromBlock: toQuantity(from), toBlock: toQuantity(to) },
    ]);
    logs.push(...z.array(logSchema).parse(answer));
  }
  return logs.sort((a, b) => a.block - b.block || a.index - b.index);
}

/** Decodes a log with an ABI; null when the ABI does not know it. */
export function decode<const Abi extends readonly unknown[]>(abi: Abi, log: ChainLog) {
  try {
    return decodeEventLog({ abi, data: log.data, topics: log.topics as Log["topics"] });
  } catch {
    return null;
  }
}

export interface LedgerParties {
  readonly vault: Address;
  readonly pool: Address;
  readonly token0: Address;
  readonly token1: Address;
}

/** Positions of the vault with their uncollected fees, as read at the end of a block. */
export type Accruals = ReadonlyMap<number, readonly (Range & { readonly fees0: bigint; readonly fees1: bigint })[]>;

/** Turns the chain's own logs of pool and tokens (not the vault's) into ledger events. */
export function ledgerEvents(logs: readonly ChainLog[], parties: LedgerParties, accruals: Accruals): LedgerEvent[] {
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const events: LedgerEvent[] = [];
  let block = logs[0]?.block ?? 0;
  const closeBlock = (until: number) => {
    for (; block < until; block++) {
      const fees = accruals.get(block);
      if (fees && fees.length > 0) events.push({ kind: "accrual", fees });
    }
  };
  for (const log of logs) {
    closeBlock(log.block);
    if (same(log.address, parties.pool)) {
      const event = decode(uniswapV3PoolAbi, log);
      if (!event) continue;
      if (event.eventName === "Swap") {
        const { sender, amount0, amount1, sqrtPriceX96 } = event.args;
        if (same(sender, parties.vault)) events.push({ kind: "vault-swap", amount0, amount1, sqrtPriceX96 });
        else events.push({ kind: "price", sqrtPriceX96 });
      } else if (event.eventName === "Mint") {
        const { sender, owner, tickLower, tickUpper, amount, amount0, amount1 } = event.args;
        if (same(sender, parties.vault) && same(owner, parties.vault))
          events.push({
            kind: "mint",
            lowerTick: tickLower,
            upperTick: tickUpper,
            liquidity: amount,
            amount0,
            amount1,
          });
      } else if (event.eventName === "Burn") {
        const { owner, tickLower, tickUpper, amount, amount0, amount1 } = event.args;
        if (same(owner, parties.vault))
          events.push({
            kind: "burn",
            lowerTick: tickLower,
            upperTick: tickUpper,
            liquidity: amount,
            amount0,
            amount1,
          });
      } else if (event.eventName === "Collect") {
        const { owner, tickLower, tickUpper, amount0, amount1 } = event.args;
        if (same(owner, parties.vault))
          events.push({ kind: "collect", lowerTick: tickLower, upperTick: tickUpper, amount0, amount1 });
      }
      continue;
    }
    const token = same(log.address, parties.token0) ? 0 : same(log.address, parties.token1) ? 1 : null;
    if (token === null) continue;
    const transfer = decode(erc20Abi, log);
    if (transfer?.eventName !== "Transfer") continue;
    const { from, to, value } = transfer.args;
    if (same(from, parties.pool) || same(to, parties.pool)) continue;
    if (same(to, parties.vault)) events.push({ kind: "flow", token, amount: value, counterparty: from });
    else if (same(from, parties.vault)) events.push({ kind: "flow", token, amount: -value, counterparty: to });
  }
  closeBlock(block + 1);
  return events;
}

/** Every transfer of one token that touched the vault, summed by the other side. */
export function tokenFlows(logs: readonly ChainLog[], parties: LedgerParties, token: Address) {
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const sums = { peopleIn: 0n, peopleOut: 0n, poolIn: 0n, poolOut: 0n };
  for (const log of logs) {
    if (!same(log.address, token)) continue;
    const transfer = decode(erc20Abi, log);
    if (transfer?.eventName !== "Transfer") continue;
    const { from, to, value } = transfer.args;
    if (same(to, parties.vault)) sums[same(from, parties.pool) ? "poolIn" : "peopleIn"] += value;
    if (same(from, parties.vault)) sums[same(to, parties.pool) ? "poolOut" : "peopleOut"] += value;
  }
  return sums;
}
