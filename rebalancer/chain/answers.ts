import { z } from "zod";
import { describeIssue } from "../issues.ts";
import { showJson } from "../json.ts";
import { addressText, bytes, hash, quantity } from "./quantities.ts";

const HEX = /^0x[0-9a-fA-F]*$/;
const block = z.object({
  number: quantity,
  hash,
  parentHash: hash,
  timestamp: quantity,
  baseFeePerGas: quantity.nullish(),
});
const place = { blockNumber: quantity.nullish(), blockHash: hash.nullish() };
const log = z.object({ address: addressText, topics: z.array(hash).max(4), data: bytes });
const receipt = z.object({
  transactionHash: hash,
  status: quantity,
  blockNumber: quantity,
  blockHash: hash,
  gasUsed: quantity,
  effectiveGasPrice: quantity.nullish(),
  logs: z.array(log),
});
const transaction = z.object({ hash, from: addressText, nonce: quantity, input: bytes, gas: quantity, ...place });

/** What a method must answer; a method that is not listed may answer anything. */
const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  eth_blockNumber: quantity,
  eth_chainId: quantity,
  eth_gasPrice: quantity,
  eth_maxPriorityFeePerGas: quantity,
  eth_estimateGas: quantity,
  eth_getBalance: quantity,
  eth_getTransactionCount: quantity,
  eth_sendRawTransaction: hash,
  eth_getBlockByNumber: block.nullable(),
  eth_getBlockByHash: block.nullable(),
  eth_getTransactionReceipt: receipt.nullable(),
  eth_getTransactionByHash: transaction.nullable(),
};
/** Methods that answer bytes, which may be many: checked by one expression. */
const BYTES = new Set(["eth_call", "eth_getCode", "eth_getStorageAt"]);

/** What is wrong with an answer, as "field: value; rule: …"; null when nothing is. Logs are read where they are asked. */
export function faultOf(method: string, params: readonly unknown[], result: unknown): string | null {
  if (result === undefined) return `${method} result: missing; rule: an answer has a result or an error`;
  if (BYTES.has(method)) {
    if (typeof result === "string" && result.length % 2 === 0 && HEX.test(result)) return null;
    return `${method} result: ${brief(result)}; rule: data is 0x and pairs of hexadecimal digits`;
  }
  if (method === "eth_getLogs") return faultOfLogs(params[0] as LogFilter | undefined, result);
  const schema = SCHEMAS[method];
  if (schema === undefined) return null;
  const parsed = schema.safeParse(result);
  const issue = parsed.error?.issues[0];
  if (issue !== undefined) return `${method} ${describeIssue(issue, result)}`;
  return result === null ? null : contradiction(method, params, result as Record<string, unknown>);
}

interface LogFilter {
  readonly address?: string | readonly string[];
  readonly blockHash?: string;
}

/** Logs that nobody asked for; what they say is read where they were asked for. */
function faultOfLogs(filter: LogFilter | undefined, result: unknown): string | null {
  if (!Array.isArray(result)) return `eth_getLogs result: ${brief(result)}; rule: a list of logs`;
  const asked = filter?.address === undefined ? null : new Set([filter.address].flat().map(lower));
  for (const [index, log] of result.entries()) {
    const { address, blockHash } = (log ?? {}) as { address?: unknown; blockHash?: unknown };
    if (typeof address === "string" && asked !== null && !asked.has(lower(address)))
      return `eth_getLogs ${index}.address: ${brief(address)}; rule: must be one that was asked for`;
    if (
      typeof blockHash === "string" &&
      filter?.blockHash !== undefined &&
      lower(blockHash) !== lower(filter.blockHash)
    )
      return `eth_getLogs ${index}.blockHash: ${brief(blockHash)}; rule: must be ${filter.blockHash}, as was asked`;
  }
  return null;
}

const lower = (text: unknown): string => String(text).toLowerCase();

/** An answer to another question than the one that was asked. */
function contradiction(
  method: string,
  [asked]: readonly unknown[],
  result: Readonly<Record<string, unknown>>,
): string | null {
  const wanted = typeof asked === "string" ? asked.toLowerCase() : "";
  const differs = (field: string) =>
    String(result[field]).toLowerCase() === wanted
      ? null
      : `${method} ${field}: ${brief(result[field])}; rule: must be ${wanted}, as was asked`;
  if (method === "eth_getBlockByNumber") {
    if (!HEX.test(wanted) || BigInt(String(result.number)) === BigInt(wanted)) return null;
    return `${method} number: ${brief(result.number)}; rule: must be ${wanted}, as was asked`;
  }
  if (method === "eth_getBlockByHash" || method === "eth_getTransactionByHash") return differs("hash");
  return method === "eth_getTransactionReceipt" ? differs("transactionHash") : null;
}

function brief(value: unknown): string {
  const text = showJson(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
