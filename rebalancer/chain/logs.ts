import { decodeEventLog, type Hex, type PublicClient, toEventSelector } from "viem";
import { z } from "zod";
import type { Address, SwapEvent } from "../../ml/types.ts";
import { MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK } from "../../ml/units.ts";
import { uniswapV3PoolAbi } from "../../sdk/abi/uniswapV3Pool.ts";
import { explain } from "../errors.ts";
import { describeIssue } from "../issues.ts";
import { ChainAnswerError, EndpointError, HistoryPrunedError, isPruned, isTooLarge } from "./errors.ts";
import { addressText, bytes, hash, toHex, wholeNumber } from "./quantities.ts";

const SWAP_TOPIC = toEventSelector("Swap(address,address,int256,int256,uint160,uint128,int24)");
/** More logs than this in one answer are not read: fewer blocks are asked for. */
const MAX_LOGS = 100_000;

const logSchema = z.object({
  address: addressText,
  blockNumber: wholeNumber,
  blockHash: hash,
  blockTimestamp: wholeNumber.nullish(),
  logIndex: wholeNumber,
  topics: z.array(hash).length(3, "a swap has three topics"),
  data: bytes,
  removed: z.boolean().nullish(),
});

export interface SwapLog extends SwapEvent {
  readonly pool: Address;
  readonly blockHash: Hex;
}

export interface GetSwapLogsParameters {
  readonly pools: readonly Address[];
  readonly fromBlock: number;
  readonly toBlock: number;
  /** Of `toBlock`, where it is known: a block alone is asked for by it. */
  readonly blockHash?: Hex;
  /** Told when a node finds the span too much. */
  readonly onTooMuch?: () => void;
}

/**
 * Swaps of several pools in a span of blocks, both ends included, in chain order, without their times where the node
 * does not give them (NaN). What the node finds too much is asked for in halves. Throws ChainAnswerError when an answer
 * contradicts the question or itself, HistoryPrunedError when the node keeps no logs that old.
 */
export async function getSwapLogs(client: PublicClient, parameters: GetSwapLogsParameters): Promise<SwapLog[]> {
  const { pools, fromBlock, toBlock, blockHash } = parameters;
  const span =
    blockHash !== undefined && fromBlock === toBlock
      ? { blockHash }
      : { fromBlock: toHex(fromBlock), toBlock: toHex(toBlock) };
  const [onlyPool] = pools;
  const filter = { address: pools.length === 1 ? onlyPool : pools, topics: [SWAP_TOPIC], ...span };
  let answer: unknown;
  try {
    answer = await client.request({ method: "eth_getLogs", params: [filter as never] });
  } catch (error) {
    const words = explain(error);
    const tooMuch = (error instanceof EndpointError && error.kind === "too-large") || isTooLarge(words);
    if (tooMuch) return inHalves(client, parameters, words);
    if (isPruned(words))
      throw new HistoryPrunedError(
        `logs of blocks ${fromBlock}..${toBlock}: the node has thrown them away; rule: evaluate.lookbackSeconds must be within what it keeps (${words})`,
        { cause: error },
      );
    throw error;
  }
  if (Array.isArray(answer) && answer.length > MAX_LOGS) {
    return inHalves(client, parameters, `${answer.length} logs in one answer`);
  }
  return readSwapLogs(answer, parameters);
}

/** Half of the blocks at a time; of a single block half of the pools. */
async function inHalves(client: PublicClient, parameters: GetSwapLogsParameters, why: string): Promise<SwapLog[]> {
  const { pools, fromBlock, toBlock, onTooMuch } = parameters;
  onTooMuch?.();
  if (fromBlock < toBlock) {
    const middle = Math.floor((fromBlock + toBlock) / 2);
    const first = await getSwapLogs(client, { pools, fromBlock, toBlock: middle, ...(onTooMuch ? { onTooMuch } : {}) });
    return [...first, ...(await getSwapLogs(client, { ...parameters, fromBlock: middle + 1 }))];
  }
  if (pools.length === 1)
    throw new ChainAnswerError(
      `logs of block ${fromBlock}: ${why}; rule: the swaps of a block must fit into an answer`,
    );
  const middle = Math.ceil(pools.length / 2);
  const first = await getSwapLogs(client, { ...parameters, pools: pools.slice(0, middle) });
  const second = await getSwapLogs(client, { ...parameters, pools: pools.slice(middle) });
  return [...first, ...second].sort(inChainOrder);
}

const inChainOrder = (a: SwapLog, b: SwapLog) => a.block - b.block || a.logIndex - b.logIndex;

/** Checks a node's answer to eth_getLogs against the question, and decodes it. Throws ChainAnswerError at the first lie. */
export function readSwapLogs(answer: unknown, parameters: GetSwapLogsParameters): SwapLog[] {
  const { pools, fromBlock, toBlock, blockHash } = parameters;
  const parsed = z.array(logSchema).safeParse(answer);
  const issue = parsed.error?.issues[0];
  if (!parsed.success) {
    const what = issue ? describeIssue(issue, answer) : "unreadable";
    throw new ChainAnswerError(`logs of blocks ${fromBlock}..${toBlock} ${what}`);
  }
  const asked = new Map(pools.map((pool) => [pool.toLowerCase(), pool]));
  const hashes = new Map<number, Hex>();
  const logs = parsed.data.map((log): SwapLog => {
    const at = `log ${log.logIndex} of block ${log.blockNumber}`;
    const refuse = (field: string, value: unknown, rule: string): never => {
      throw new ChainAnswerError(`${at} ${field}: ${String(value)}; rule: ${rule}`);
    };
    const pool =
      asked.get(log.address.toLowerCase()) ?? refuse("address", log.address, "must be a pool that was asked for");
    if (log.topics[0] !== SWAP_TOPIC) refuse("topics", log.topics[0], "must be a swap");
    if (log.blockNumber < fromBlock || log.blockNumber > toBlock)
      refuse("blockNumber", log.blockNumber, `must be from ${fromBlock} to ${toBlock}`);
    if (log.removed === true) refuse("removed", true, "must be a log of the chain");
    const asOf = log.blockNumber === toBlock ? blockHash : undefined;
    const known = hashes.get(log.blockNumber) ?? asOf ?? log.blockHash;
    if (known !== log.blockHash) refuse("blockHash", log.blockHash, `must be ${known}, as of the same block`);
    hashes.set(log.blockNumber, log.blockHash);
    return { ...decodeSwap(log, refuse), pool, blockHash: log.blockHash };
  });
  logs.sort(inChainOrder);
  for (let index = 1; index < logs.length; index++) {
    const [before, log] = [logs[index - 1] as SwapLog, logs[index] as SwapLog];
    if (before.block === log.block && before.logIndex === log.logIndex)
      throw new ChainAnswerError(`log ${log.logIndex} of block ${log.block} logIndex: twice; rule: must be there once`);
    // A time that is not given is NaN, of which nothing can be said.
    if (before.timestamp > log.timestamp || (before.block === log.block && before.timestamp < log.timestamp))
      throw new ChainAnswerError(
        `log ${log.logIndex} of block ${log.block} blockTimestamp: ${log.timestamp} after ${before.timestamp}; rule: time must go on with the blocks`,
      );
  }
  return logs;
}

type RawLog = z.output<typeof logSchema>;

function decodeSwap(log: RawLog, refuse: (field: string, value: unknown, rule: string) => never): SwapEvent {
  const { args } = decodeSwapData(log) ?? refuse("data", `${log.data.slice(0, 40)}...`, "must be a swap of a v3 pool");
  const { amount0, amount1, sqrtPriceX96, liquidity, tick } = args;
  if (sqrtPriceX96 < MIN_SQRT_PRICE_X96 || sqrtPriceX96 >= MAX_SQRT_PRICE_X96)
    refuse("sqrtPriceX96", sqrtPriceX96, "must be a v3 sqrt price");
  if (tick < MIN_TICK || tick > MAX_TICK) refuse("tick", tick, "must be a v3 tick");
  if ((amount0 > 0n && amount1 > 0n) || (amount0 < 0n && amount1 < 0n))
    refuse("amounts", `${amount0}, ${amount1}`, "must not have one sign");
  return {
    block: log.blockNumber,
    timestamp: log.blockTimestamp ?? Number.NaN,
    logIndex: log.logIndex,
    amount0,
    amount1,
    sqrtPriceX96,
    liquidity,
    tick,
  };
}

function decodeSwapData({ topics, data }: RawLog) {
  // Five words: an answer that is longer decodes too, but is none.
  if (data.length !== 2 + 5 * 64) return null;
  try {
    return decodeEventLog({ abi: uniswapV3PoolAbi, eventName: "Swap", topics: topics as [Hex, ...Hex[]], data });
  } catch {
    return null;
  }
}
