import { createPublicClient, decodeEventLog, erc20Abi, type Hex, http, type PublicClient, toEventSelector } from "viem";
import { z } from "zod";
import type { Address, PoolMeta, SwapEvent } from "../ml/types.ts";
import { uniswapV3PoolAbi } from "../sdk/abi/uniswapV3Pool.ts";
import { ConfigError, explain, RetryableError } from "./errors.ts";
import { describeIssue } from "./issues.ts";

const quantity = z.string().regex(/^0x[0-9a-f]+$/, "a quantity is 0x and hexadecimal digits");
const wholeNumber = quantity.transform((text) => Number(text));
const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, "a hash is 0x and 64 hexadecimal digits")
  .transform((text) => text as Hex);

const blockSchema = z.object({
  number: wholeNumber,
  hash,
  parentHash: hash,
  timestamp: wholeNumber,
  baseFeePerGas: quantity.transform((text) => BigInt(text)).optional(),
});

/** The header fields that everything else derives from. `timestamp` in Unix seconds, `baseFeePerGas` in wei. */
export interface BlockStamp {
  readonly number: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly timestamp: number;
  readonly baseFeePerGas: bigint;
}

const logSchema = z.object({
  blockNumber: wholeNumber,
  blockTimestamp: wholeNumber.optional(),
  logIndex: wholeNumber,
  topics: z.array(hash).min(1),
  data: z.string().regex(/^0x[0-9a-f]*$/, "data is 0x and hexadecimal digits"),
  removed: z.boolean().optional(),
});

/** A read-only client that asks several things in one HTTP request. */
export function createChainClient(rpcUrl: string): PublicClient {
  return createPublicClient({
    transport: http(rpcUrl, { batch: { wait: 0 }, retryCount: 2, retryDelay: 100, timeout: 20_000 }),
    pollingInterval: 100,
  });
}

/** Throws unless a node answers (RetryableError) and its chain is the configured one (ConfigError). */
export async function checkChain(client: PublicClient, { chainId, rpcUrl }: { chainId: number; rpcUrl: string }) {
  let found: number;
  try {
    found = await client.getChainId();
  } catch (cause) {
    throw new RetryableError(`rpcUrl: ${rpcUrl}; rule: an Ethereum node must answer there (${explain(cause)})`, {
      cause,
    });
  }
  if (found !== chainId) {
    throw new ConfigError(
      `config chainId: ${chainId}; rule: must be the chain id of the node at ${rpcUrl}, which is ${found}`,
    );
  }
}

/** Header of a block by number, or of the newest. Throws RetryableError when the node does not have it (yet). */
export async function getBlock(client: PublicClient, number: number | "latest"): Promise<BlockStamp> {
  const answer: unknown = await client.request({
    method: "eth_getBlockByNumber",
    params: [number === "latest" ? number : `0x${number.toString(16)}`, false],
  });
  if (answer === null)
    throw new RetryableError(`block ${number}: the node does not have it; rule: it must be mined and known`);
  const result = blockSchema.safeParse(answer);
  const issue = result.error?.issues[0];
  if (!result.success)
    throw new RetryableError(`block ${number} ${issue ? describeIssue(issue, answer) : "unreadable"}`);
  return { ...result.data, baseFeePerGas: result.data.baseFeePerGas ?? 0n };
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

const SWAP_TOPIC = toEventSelector("Swap(address,address,int256,int256,uint160,uint128,int24)");

/** Swap events of a pool in a span of blocks, both ends included, in chain order. */
export async function getSwaps(
  client: PublicClient,
  { pool, fromBlock, toBlock }: { pool: Address; fromBlock: number; toBlock: number },
): Promise<SwapEvent[]> {
  const answer: unknown = await client.request({
    method: "eth_getLogs",
    params: [
      {
        address: pool,
        topics: [SWAP_TOPIC],
        fromBlock: `0x${fromBlock.toString(16)}`,
        toBlock: `0x${toBlock.toString(16)}`,
      },
    ],
  });
  const result = z.array(logSchema).safeParse(answer);
  const issue = result.error?.issues[0];
  if (!result.success) {
    throw new RetryableError(
      `logs of blocks ${fromBlock}..${toBlock} ${issue ? describeIssue(issue, answer) : "unreadable"}`,
    );
  }
  const times = new Map<number, number>();
  const missing = new Set(result.data.filter((log) => log.blockTimestamp === undefined).map((log) => log.blockNumber));
  await Promise.all([...missing].map(async (number) => times.set(number, (await getBlock(client, number)).timestamp)));
  return result.data
    .filter((log) => log.removed !== true)
    .map((log) => {
      const { args } = decodeEventLog({
        abi: uniswapV3PoolAbi,
        eventName: "Swap",
        topics: log.topics as [Hex, ...Hex[]],
        data: log.data as Hex,
      });
      return {
        block: log.blockNumber,
        timestamp: log.blockTimestamp ?? times.get(log.blockNumber) ?? 0,
        logIndex: log.logIndex,
        amount0: args.amount0,
        amount1: args.amount1,
        sqrtPriceX96: args.sqrtPriceX96,
        liquidity: args.liquidity,
        tick: args.tick,
      };
    })
    .sort((a, b) => a.block - b.block || a.logIndex - b.logIndex);
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
