import { decodeAbiParameters, encodeFunctionData, erc20Abi, type Hex, hexToString, parseAbi } from "viem";
import { z } from "zod";
import type { MarketPool, MarketToken } from "../../ml/data/market.ts";
import type { Address } from "../../ml/types.ts";
import { ConfigError } from "../errors.ts";
import { RangeTooLargeError, RpcAnswerError, RpcRefusedError } from "./errors.ts";
import { hashText, POOL_TOPICS, type RawLog, readLogs, wholeNumber } from "./logs.ts";
import type { DataRpc } from "./rpc.ts";

const poolAbi = parseAbi([
  "function token0() view returns (address)",
  "function token1() view returns (address)",
  "function fee() view returns (uint24)",
  "function tickSpacing() view returns (int24)",
]);

const headerSchema = z.object({ number: wholeNumber, hash: hashText, parentHash: hashText, timestamp: wholeNumber });
export type Header = z.infer<typeof headerSchema>;

export const toHex = (value: number): Hex => `0x${value.toString(16)}`;

function answer<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const shown = JSON.stringify(value)?.slice(0, 80);
  throw new RpcAnswerError(`${what} ${issue?.path.join(".")}: ${shown}; rule: ${issue?.message}`);
}

export const getChainId = async (rpc: DataRpc): Promise<number> =>
  answer(wholeNumber, await rpc.call("eth_chainId", []), "eth_chainId");

/** A block's header; raises `RpcAnswerError` when the node has no such block or answers with another. */
export async function getHeader(rpc: DataRpc, block: number | "latest"): Promise<Header> {
  const found = await rpc.call("eth_getBlockByNumber", [block === "latest" ? block : toHex(block), false]);
  if (found === null) throw new RpcAnswerError(`eth_getBlockByNumber: null; rule: the node must have block ${block}`);
  const header = answer(headerSchema, found, "eth_getBlockByNumber");
  if (block !== "latest" && header.number !== block) {
    throw new RpcAnswerError(`eth_getBlockByNumber number: ${header.number}; rule: must be ${block}, as was asked`);
  }
  return header;
}

/** Checked logs of a pool. */
export async function getLogs(rpc: DataRpc, pool: Address, fromBlock: number, toBlock: number): Promise<RawLog[]> {
  const filter = { address: pool, topics: [POOL_TOPICS], fromBlock: toHex(fromBlock), toBlock: toHex(toBlock) };
  const logs = readLogs(await rpc.call("eth_getLogs", [filter]), { pool, fromBlock, toBlock });
  // Some nodes cut what is too long without a word; their limits are round numbers.
  if (fromBlock < toBlock && logs.length >= 1000 && logs.length % 500 === 0) {
    throw new RangeTooLargeError(`eth_getLogs: exactly ${logs.length} logs may be a cut answer`);
  }
  return logs;
}

/** The pool as the chain describes it; raises `ConfigError` when there is none at the address. */
export async function getPool(rpc: DataRpc, address: Address, chainId: number): Promise<MarketPool> {
  const read = async (to: Address, data: Hex): Promise<Hex> => {
    try {
      return (await rpc.call("eth_call", [{ to, data }, "latest"])) as Hex;
    } catch (cause) {
      if (cause instanceof RpcRefusedError) return "0x";
      throw cause;
    }
  };
  const ask = async (functionName: "token0" | "token1" | "fee" | "tickSpacing"): Promise<Hex> => {
    const found = await read(address, encodeFunctionData({ abi: poolAbi, functionName }));
    if (/^0x[0-9a-f]{64}$/i.test(found)) return found;
    throw new ConfigError(
      `--pool: ${address}; rule: must be a v3 pool on chain ${chainId}, but it has no ${functionName}()`,
    );
  };
  const addressOf = (word: Hex): Address => `0x${word.slice(-40).toLowerCase()}`;
  const token = async (at: Address): Promise<MarketToken> => {
    const decimals = await read(at, encodeFunctionData({ abi: erc20Abi, functionName: "decimals" }));
    const symbol = await read(at, encodeFunctionData({ abi: erc20Abi, functionName: "symbol" }));
    if (!/^0x[0-9a-f]{64}$/i.test(decimals) || BigInt(decimals) > 77n) {
      throw new RpcAnswerError(`token ${at} decimals: ${decimals.slice(0, 70)}; rule: must be a number up to 77`);
    }
    return { symbol: symbolOf(symbol) ?? at.slice(0, 10), decimals: Number(decimals), address: at };
  };
  const feePips = Number(await ask("fee"));
  const tickSpacing = Number(await ask("tickSpacing"));
  return {
    chainId,
    address: address.toLowerCase() as Address,
    token0: await token(addressOf(await ask("token0"))),
    token1: await token(addressOf(await ask("token1"))),
    feePips,
    tickSpacing,
  };
}

/** Most tokens answer a string; some early ones a word of 32 bytes. */
function symbolOf(data: Hex): string | null {
  try {
    const text =
      data.length === 66 ? hexToString(data).replaceAll("\0", "") : decodeAbiParameters([{ type: "string" }], data)[0];
    return /^[\x20-\x7e]{1,32}$/.test(text) ? text : null;
  } catch {
    return null;
  }
}

/** The block in which the pool was created, found by halving; raises `ConfigError` when the node cannot tell. */
export async function findCreation(rpc: DataRpc, pool: Address, head: number): Promise<number> {
  const hasCode = async (block: number): Promise<boolean> => {
    try {
      const code = await rpc.call("eth_getCode", [pool, toHex(block)]);
      return typeof code === "string" && code.length > 2;
    } catch (cause) {
      if (!(cause instanceof RpcRefusedError)) throw cause;
      throw new ConfigError(
        `--from-block: missing; rule: must be given, because the node does not know the past (${cause.message})`,
        { cause },
      );
    }
  };
  let [low, high] = [0, head];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await hasCode(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
