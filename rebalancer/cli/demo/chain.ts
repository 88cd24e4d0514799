import { encodeFunctionData, erc20Abi } from "viem";
import type { Address, Hex } from "../../../ml/types.ts";
import { type Rpc, toQuantity } from "./rpc.ts";

export interface Head {
  readonly number: number;
  readonly timestamp: number;
}

/** The newest block. */
export async function headOf(rpc: Rpc): Promise<Head> {
  const block = await rpc.call<{ number: Hex; timestamp: Hex }>("eth_getBlockByNumber", ["latest", false]);
  return { number: Number(block.number), timestamp: Number(block.timestamp) };
}

/** Mines one block, by default a slot after the newest. */
export async function mineNow(rpc: Rpc, secondsLater = 12): Promise<Head> {
  const { timestamp } = await headOf(rpc);
  await rpc.call("evm_mine", [{ timestamp: timestamp + secondsLater }]);
  return headOf(rpc);
}

/** Lets the chain mine each transaction at once while something outside deploys, then goes back to mining on demand. */
export async function whileAutomining<Result>(rpc: Rpc, work: () => Promise<Result>): Promise<Result> {
  await rpc.call("evm_setAutomine", [true]);
  try {
    return await work();
  } finally {
    await rpc.call("evm_setAutomine", [false]);
  }
}

/** Token balance of an account. */
export async function balanceOf(rpc: Rpc, token: Address, owner: Address): Promise<bigint> {
  const data = encodeFunctionData({ abi: erc20Abi, functionName: "balanceOf", args: [owner] });
  return BigInt(await rpc.call<Hex>("eth_call", [{ to: token, data }, "latest"]));
}

/** Storage-free read of a contract that answers with one word. */
export async function readWord(rpc: Rpc, to: Address, data: Hex, block: number | "latest" = "latest"): Promise<bigint> {
  return BigInt(await rpc.call<Hex>("eth_call", [{ to, data }, block === "latest" ? block : toQuantity(block)]));
}
