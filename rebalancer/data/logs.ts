import { decodeEventLog, type Hex, parseAbi, toEventSelector } from "viem";
import { z } from "zod";
import type { EventBase } from "../../ml/data/events.ts";
import type { StoredEvent } from "../../ml/data/store/eventTypes.ts";
import type { Address } from "../../ml/types.ts";
import { MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK } from "../../ml/units.ts";
import { RpcAnswerError } from "./errors.ts";

/** The events of a v3 pool that move money or prices. */
const POOL_EVENTS = parseAbi([
  "event Initialize(uint160 sqrtPriceX96, int24 tick)",
  "event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
  "event Collect(address indexed owner, address recipient, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount0, uint128 amount1)",
  "event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
  "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)",
  "event Flash(address indexed sender, address indexed recipient, uint256 amount0, uint256 amount1, uint256 paid0, uint256 paid1)",
  "event SetFeeProtocol(uint8 feeProtocol0Old, uint8 feeProtocol1Old, uint8 feeProtocol0New, uint8 feeProtocol1New)",
  "event CollectProtocol(address indexed sender, address indexed recipient, uint128 amount0, uint128 amount1)",
]);

/** What to ask a node for. */
export const POOL_TOPICS: readonly Hex[] = POOL_EVENTS.map((event) => toEventSelector(event));

const quantity = z.string().regex(/^0x[0-9a-fA-F]{1,16}$/, "a quantity is 0x and hexadecimal digits");
/** A block number, time or index as JSON-RPC writes it. */
export const wholeNumber = quantity
  .transform((text) => Number(text))
  .refine(Number.isSafeInteger, "a safe whole number");
export const hashText = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, "a hash is 0x and 64 hexadecimal digits")
  .transform((text) => text.toLowerCase() as Hex);

const logSchema = z.object({
  address: z.string().regex(/^0x[0-9a-fA-F]{40}$/, "an address is 0x and 40 hexadecimal digits"),
  blockNumber: wholeNumber,
  blockHash: hashText,
  blockTimestamp: wholeNumber.nullish(),
  logIndex: wholeNumber,
  topics: z.array(hashText).min(1),
  data: z
    .string()
    .regex(/^0x([0-9a-fA-F]{2})*$/, "data is 0x and hexadecimal digits")
    .transform((text) => text as Hex),
  removed: z.boolean().nullish(),
});

export type RawLog = z.infer<typeof logSchema>;

export interface ReadLogsParameters {
  readonly pool: Address;
  readonly fromBlock: number;
  readonly toBlock: number;
}

/** Checks what a node answers to eth_getLogs against what it was asked; raises `RpcAnswerError` for the first lie. */
export function readLogs(answer: unknown, { pool, fromBlock, toBlock }: ReadLogsParameters): RawLog[] {
  const parsed = z.array(logSchema).safeParse(answer);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    let value: unknown = answer;
    for (const key of issue?.path ?? []) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
    throw new RpcAnswerError(
      `eth_getLogs ${issue?.path.join(".") || "answer"}: ${JSON.stringify(value)?.slice(0, 80)}; rule: ${issue?.message}`,
    );
  }
  const logs = parsed.data;
  const hashes = new Map<number, Hex>();
  let last: RawLog | null = null;
  for (const log of logs.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex)) {
    const at = `log ${log.logIndex} of block ${log.blockNumber}`;
    if (log.address.toLowerCase() !== pool.toLowerCase()) {
      throw new RpcAnswerError(`eth_getLogs address: ${log.address} in ${at}; rule: must be the pool ${pool}`);
    }
    if (log.blockNumber < fromBlock || log.blockNumber > toBlock) {
      throw new RpcAnswerError(
        `eth_getLogs blockNumber: ${log.blockNumber}; rule: must be from ${fromBlock} to ${toBlock}`,
      );
    }
    if (log.removed) throw new RpcAnswerError(`eth_getLogs removed: true in ${at}; rule: must not be`);
    if ((hashes.get(log.blockNumber) ?? log.blockHash) !== log.blockHash) {
      throw new RpcAnswerError(`eth_getLogs blockHash: two hashes of block ${log.blockNumber}; rule: must be one`);
    }
    hashes.set(log.blockNumber, log.blockHash);
    if (last !== null && last.blockNumber === log.blockNumber && last.logIndex === log.logIndex) {
      throw new RpcAnswerError(`eth_getLogs logIndex: ${log.logIndex} twice in block ${log.blockNumber}; rule: once`);
    }
    last = log;
  }
  return logs;
}

/** One log as an event; `timestamp` is its block's. Raises `RpcAnswerError` where it is none of a v3 pool. */
export function decodeLog(log: RawLog, timestamp: number): StoredEvent {
  const at = `log ${log.logIndex} of block ${log.blockNumber}`;
  const fail = (field: string, value: unknown, rule: string): never => {
    throw new RpcAnswerError(`${at} ${field}: ${String(value)}; rule: ${rule}`, { details: { log } });
  };
  let decoded: ReturnType<typeof decode>;
  try {
    decoded = decode(log);
  } catch (cause) {
    throw new RpcAnswerError(`${at} data: ${log.data.slice(0, 40)}…; rule: must be an event of a v3 pool`, { cause });
  }
  const base = (
    sender: string | null,
    owner: string | null,
    amount0: bigint,
    amount1: bigint,
  ): Omit<EventBase, "type"> => ({
    block: log.blockNumber,
    timestamp,
    order: log.logIndex,
    sender: (sender?.toLowerCase() ?? null) as Address | null,
    owner: (owner?.toLowerCase() ?? null) as Address | null,
    amount0,
    amount1,
    gasPriceWei: null,
    gasUsed: null,
  });
  const checkPrice = ({ sqrtPriceX96, tick }: { sqrtPriceX96: bigint; tick: number }): void => {
    if (sqrtPriceX96 < MIN_SQRT_PRICE_X96 || sqrtPriceX96 >= MAX_SQRT_PRICE_X96)
      fail("sqrtPriceX96", sqrtPriceX96, "must be a v3 sqrt price");
    if (tick < MIN_TICK || tick > MAX_TICK) fail("tick", tick, "must be a v3 tick");
  };
  const noPrice = { sqrtPriceX96: null, liquidity: null, tick: null };
  const ticks = ({ tickLower, tickUpper }: { tickLower: number; tickUpper: number }) => {
    if (tickLower < MIN_TICK || tickUpper > MAX_TICK || tickLower >= tickUpper) {
      fail("ticks", `${tickLower}, ${tickUpper}`, "must be v3 ticks, the lower first");
    }
    return { tickLower, tickUpper };
  };
  switch (decoded.eventName) {
    case "Initialize": {
      checkPrice(decoded.args);
      const { sqrtPriceX96, tick } = decoded.args;
      return { ...base(null, null, 0n, 0n), type: "INITIALIZE", sqrtPriceX96, tick };
    }
    case "Swap": {
      const { sender, recipient, amount0, amount1, sqrtPriceX96, liquidity, tick } = decoded.args;
      checkPrice(decoded.args);
      if ((amount0 > 0n && amount1 > 0n) || (amount0 < 0n && amount1 < 0n)) {
        fail("amounts", `${amount0}, ${amount1}`, "must not have one sign");
      }
      const none = { tickLower: null, tickUpper: null, liquidityDelta: null };
      return { ...base(sender, recipient, amount0, amount1), type: "SWAP", sqrtPriceX96, liquidity, tick, ...none };
    }
    case "Mint": {
      const { sender, owner, amount, amount0, amount1 } = decoded.args;
      const where = ticks(decoded.args);
      return { ...base(sender, owner, amount0, amount1), type: "MINT", ...noPrice, ...where, liquidityDelta: amount };
    }
    case "Burn": {
      const { owner, amount, amount0, amount1 } = decoded.args;
      const where = ticks(decoded.args);
      return { ...base(null, owner, amount0, amount1), type: "BURN", ...noPrice, ...where, liquidityDelta: -amount };
    }
    case "Collect": {
      const { owner, recipient, amount0, amount1 } = decoded.args;
      const where = ticks(decoded.args);
      return {
        ...base(recipient, owner, amount0, amount1),
        type: "COLLECT",
        ...noPrice,
        ...where,
        liquidityDelta: null,
      };
    }
    case "Flash": {
      const { sender, recipient, amount0, amount1, paid0, paid1 } = decoded.args;
      return { ...base(sender, recipient, amount0, amount1), type: "FLASH", paid0, paid1 };
    }
    case "SetFeeProtocol": {
      const { feeProtocol0New, feeProtocol1New } = decoded.args;
      return {
        ...base(null, null, 0n, 0n),
        type: "SET_FEE_PROTOCOL",
        feeProtocol0: feeProtocol0New,
        feeProtocol1: feeProtocol1New,
      };
    }
    case "CollectProtocol": {
      const { sender, recipient, amount0, amount1 } = decoded.args;
      return { ...base(sender, recipient, amount0, amount1), type: "COLLECT_PROTOCOL" };
    }
  }
}

const decode = (log: RawLog) =>
  decodeEventLog({ abi: POOL_EVENTS, data: log.data, topics: log.topics as [Hex, ...Hex[]], strict: true });
