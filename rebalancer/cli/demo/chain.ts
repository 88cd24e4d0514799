import { encodeFunctionData, erc20Abi } from "viem";
import type { Address, Hex } from "../../../ml/types.ts";
import { uniswapV3PoolAbi } from "../../../sdk/abi/uniswapV3Pool.ts";
import { enqueue, MARKET_OPERATOR, mine } from "./market/chain.ts";
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

/** Wei per gas in every block that the demo mines: nothing here competes for space, so nothing else would set it. */
const GAS_PRICE_WEI = 20_000_000_000n;

/** Gives the next block the demo's base fee. */
export async function setGasPrice(rpc: Rpc): Promise<void> {
  await rpc.call("anvil_setNextBlockBaseFeePerGas", [toQuantity(GAS_PRICE_WEI)]);
}

/** Mines one block, by default a slot after the newest. */
export async function mineNow(rpc: Rpc, secondsLater = 12): Promise<Head> {
  const { timestamp } = await headOf(rpc);
  await setGasPrice(rpc);
  const mined = await mine(rpc, timestamp + secondsLater, []);
  return { number: mined.block, timestamp: mined.timestamp };
}

/**
 * Lets the chain mine each transaction at once, a second after the last block, while something outside deploys; then
 * goes back to mining on demand. The clock on the wall has no say, so the same deployment leaves the same chain.
 */
export async function whileAutomining<Result>(rpc: Rpc, work: () => Promise<Result>): Promise<Result> {
  await rpc.call("anvil_setBlockTimestampInterval", [1]);
  await rpc.call("evm_setAutomine", [true]);
  try {
    return await work();
  } finally {
    await rpc.call("evm_setAutomine", [false]);
    await rpc.call("anvil_removeBlockTimestampInterval");
  }
}

/** Token balance of an account. */
export async function balanceOf(rpc: Rpc, token: Address, owner: Address): Promise<bigint> {
  const data = encodeFunctionData({ abi: erc20Abi, functionName: "balanceOf", args: [owner] });
  return BigInt(await rpc.call<Hex>("eth_call", [{ to: token, data }, "latest"]));
}

/** Asks the pool to remember this many observations from now on, as whoever opens a vault in a pool has to. */
export async function growObservations(rpc: Rpc, pool: Address, observations: number): Promise<void> {
  const data = encodeFunctionData({
    abi: uniswapV3PoolAbi,
    functionName: "increaseObservationCardinalityNext",
    args: [observations],
  });
  await enqueue(rpc, [{ from: MARKET_OPERATOR, to: pool, data }]);
}
