import { type Abi, type AbiParameter, decodeErrorResult, type Hex, isHex, BaseError as ViemError } from "viem";
import { modelRegistryAbi } from "./abi/modelRegistry.ts";
import { modelStrategyAbi } from "./abi/modelStrategy.ts";
import { rangeVaultAbi } from "./abi/rangeVault.ts";
import { referencePriceOracleAbi } from "./abi/referencePriceOracle.ts";
import { vaultLensAbi } from "./abi/vaultLens.ts";

/** Why a contract refused a call. */
export interface Refusal {
  /** Name of the custom error, or "Error", "Panic", "Reverted". */
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** For a person: what rule was broken and by what. */
  readonly sentence: string;
}

const PANIC_AND_ERROR: Abi = [
  { type: "error", name: "Error", inputs: [{ name: "message", type: "string" }] },
  { type: "error", name: "Panic", inputs: [{ name: "code", type: "uint256" }] },
];

/** Every error that a Rangekeeper contract can answer with. */
const ERRORS: Abi = [
  ...[rangeVaultAbi, modelStrategyAbi, modelRegistryAbi, vaultLensAbi, referencePriceOracleAbi].flatMap((abi) =>
    (abi as Abi).filter((item) => item.type === "error"),
  ),
  ...PANIC_AND_ERROR,
];

/**
 * The refusal inside an error that viem threw, or null when it is no revert (the node was unreachable, say).
 *
 * @example try { await redeem(client, parameters) } catch (error) { console.log(decodeRevert(error)?.sentence) }
 */
export function decodeRevert(error: unknown): Refusal | null {
  const data = revertData(error);
  if (data === null) return null;
  return decodeRevertData(data);
}

/** The refusal that revert data encode. */
export function decodeRevertData(data: Hex): Refusal {
  if (data === "0x") return { name: "Reverted", args: {}, sentence: "reverted without a reason" };
  try {
    const decoded = decodeErrorResult({ abi: ERRORS, data });
    const inputs = (decoded.abiItem as { inputs?: readonly AbiParameter[] }).inputs ?? [];
    const args = Object.fromEntries(inputs.map((input, index) => [input.name || `arg${index}`, decoded.args?.[index]]));
    return { name: decoded.errorName, args, sentence: sentenceOf(decoded.errorName, args) };
  } catch {
    return { name: "Reverted", args: { data }, sentence: `reverted with unknown data ${data.slice(0, 10)}` };
  }
}

/** Names that read better with words of their own; the others are spelled out from the name. */
const WORDS: Readonly<Record<string, string>> = {
  Error: "the contract says",
  NotCalm: "the vault is not calm: spot, long average and feed do not agree within the band",
  NotPool: "only the vault's pool may call this, during an operation of the vault",
  RebalanceHeld: "rebalancing waits for the curator to lift the hold",
  ZeroShares: "the amount is too small for a single share",
};

function sentenceOf(name: string, args: Readonly<Record<string, unknown>>): string {
  const words = WORDS[name] ?? name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  const values = Object.entries(args).map(([key, value]) => `${key} ${String(value)}`);
  const tail = values.length > 0 ? `: ${values.join(", ")}` : "";
  return `${words}${tail} (${name})`;
}

/** Revert data anywhere in the chain of causes; "0x" for a revert without any; null when it is none. */
function revertData(error: unknown): Hex | null {
  let reverted = false;
  for (
    let current: unknown = error, depth = 0;
    current instanceof Error && depth < 10;
    current = current.cause, depth++
  ) {
    for (const key of ["raw", "data"] as const) {
      const value: unknown = Reflect.get(current, key);
      const nested = typeof value === "object" && value !== null ? Reflect.get(value, "data") : value;
      if (isHex(nested) && nested.length >= 10) return nested;
    }
    if (
      /execution reverted|reverted/i.test(current.message) ||
      (current instanceof ViemError && current.name.includes("Revert"))
    )
      reverted = true;
  }
  return reverted ? "0x" : null;
}
