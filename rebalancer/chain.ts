import { erc20Abi, type PublicClient } from "viem";
import { z } from "zod";
import type { Address, Hex, PoolMeta, SwapEvent } from "../ml/types.ts";
import { uniswapV3PoolAbi } from "../sdk/abi/uniswapV3Pool.ts";
import { createEndpoints } from "./chain/endpoints.ts";
import { BlockMissingError, ChainAnswerError } from "./chain/errors.ts";
import { getSwapLogs } from "./chain/logs.ts";
import { bigQuantity, hash, toHex, wholeNumber } from "./chain/quantities.ts";
import { endpointsClient } from "./chain/transport.ts";
import { ConfigError } from "./errors.ts";
import { describeIssue } from "./issues.ts";

const blockSchema = z.object({
  number: wholeNumber,
  hash,
  parentHash: hash,
  timestamp: wholeNumber,
  baseFeePerGas: bigQuantity.nullish(),
});

/** The header fields that everything else derives from. `timestamp` in Unix seconds, `baseFeePerGas` in wei. */
export interface BlockStamp {
  readonly number: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly timestamp: number;
  readonly baseFeePerGas: bigint;
}

/** A read-only client of one node, whatever its chain; a configuration's nodes are opened by `openChain`. */
export const createChainClient = (rpcUrl: string): PublicClient => endpointsClient(createEndpoints({ urls: [rpcUrl] }));

/** A header as a node gives it. Throws ChainAnswerError naming the field, the value and the rule. */
export function readHeader(answer: unknown, what: string): BlockStamp {
  const result = blockSchema.safeParse(answer);
  const issue = result.error?.issues[0];
  if (!result.success) throw new ChainAnswerError(`${what} ${issue ? describeIssue(issue, answer) : "unreadable"}`);
  return { ...result.data, baseFeePerGas: result.data.baseFeePerGas ?? 0n };
}

/** Header of a block by number, or of the newest. Throws BlockMissingError when the node does not have it (yet). */
export async function getBlock(client: PublicClient, number: number | "latest"): Promise<BlockStamp> {
  const answer: unknown = await client.request({
    method: "eth_getBlockByNumber",
    params: [number === "latest" ? number : toHex(number), false],
  });
  if (answer === null)
    throw new BlockMissingError(`block ${number}: the node does not have it; rule: it must be mined and known`);
  return readHeader(answer, `block ${number}`);
}

/** The first block at or after a time, by bisection below `head`; `head` itself when its time is the first. */
export async function firstBlockSince(client: PublicClient, timestamp: number, head: BlockStamp): Promise<BlockStamp> {
  let after = head;
  let low = 0;
  // Mostly the answer is near the head: widen backwards first, then bisect.
  for (let step = 1; after.number > low; step *= 4) {
    const probe = await getBlock(client, Math.max(low, after.number - step));
    if (probe.timestamp < timestamp) {
      low = probe.number + 1;
      break;
    }
    after = probe;
  }
  while (low < after.number) {
    const middle = await getBlock(client, Math.floor((low + after.number) / 2));
    if (middle.timestamp < timestamp) low = middle.number + 1;
    else after = middle;
  }
  return after;
}

/** Swap events of a pool in a span of blocks, both ends included, in chain order. */
export async function getSwaps(
  client: PublicClient,
  { pool, fromBlock, toBlock }: { pool: Address; fromBlock: number; toBlock: number },
): Promise<SwapEvent[]> {
  const logs = await getSwapLogs(client, { pools: [pool], fromBlock, toBlock });
  const times = await timesOf(
    client,
    logs.filter(({ timestamp }) => Number.isNaN(timestamp)).map(({ block }) => block),
  );
  return logs.map(({ pool: _pool, blockHash: _blockHash, ...swap }) => ({
    ...swap,
    timestamp: times.get(swap.block) ?? swap.timestamp,
  }));
}

/** Unix seconds of blocks, for nodes that do not say them with a log. */
export async function timesOf(client: PublicClient, blocks: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const headers = await Promise.all([...new Set(blocks)].map((number) => getBlock(client, number)));
  return new Map(headers.map(({ number, timestamp }) => [number, timestamp]));
}

/** What a pool is: its tokens, fee and spacing. Throws ConfigError when there is no pool at the address. */
export async function getPoolMeta(client: PublicClient, chainId: number, pool: Address): Promise<PoolMeta> {
  const code = await client.getCode({ address: pool });
  if (code === undefined || code === "0x") {
    throw new ConfigError(
      `config vaults.pool: ${pool}; rule: a Uniswap v3 pool must be deployed there on chain ${chainId}`,
    );
  }
  const contract = { address: pool, abi: uniswapV3PoolAbi } as const;
  const [token0, token1, feePips, tickSpacing] = await Promise.all([
    client.readContract({ ...contract, functionName: "token0" }),
    client.readContract({ ...contract, functionName: "token1" }),
    client.readContract({ ...contract, functionName: "fee" }),
    client.readContract({ ...contract, functionName: "tickSpacing" }),
  ]);
  const token = async (address: Address) => {
    const [symbol, decimals] = await Promise.all([
      client.readContract({ address, abi: erc20Abi, functionName: "symbol" }).catch(() => address.slice(0, 8)),
      client.readContract({ address, abi: erc20Abi, functionName: "decimals" }),
    ]);
    return { address, symbol, decimals };
  };
  const [first, second] = await Promise.all([token(token0), token(token1)]);
  return { chainId, address: pool, token0: first, token1: second, feePips, tickSpacing };
}

/** Price, tick and in-range liquidity of a pool at the end of a block. */
export async function getSpot(client: PublicClient, pool: Address, block: number) {
  const at = { address: pool, abi: uniswapV3PoolAbi, blockNumber: BigInt(block) } as const;
  const [slot0, liquidity] = await Promise.all([
    client.readContract({ ...at, functionName: "slot0" }),
    client.readContract({ ...at, functionName: "liquidity" }),
  ]);
  return { sqrtPriceX96: slot0[0], tick: slot0[1], liquidity };
}
