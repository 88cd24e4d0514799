import { encodeFunctionData } from "viem";
import type { Numeraire, PoolMeta } from "../../../ml/types.ts";
import { uniswapV3PoolAbi } from "../../../sdk/abi/uniswapV3Pool.ts";
import { amountsOf, worthOf } from "../../report/worth.ts";
import type { Rpc } from "./rpc.ts";

/** Share of the pool's liquidity in range that the vault would be if all of it stood in the range below. */
const SHARE = 30n;
const OF = 1000n;
const HALF_WIDTH_TICKS = 500;

/** How much the depositors bring: enough to matter in this pool and too little to own it. Asset units, two digits. */
export async function vaultSize(rpc: Rpc, pool: PoolMeta, numeraire: Numeraire): Promise<bigint> {
  const read = (functionName: "slot0" | "liquidity") => ({
    method: "eth_call",
    params: [{ to: pool.address, data: encodeFunctionData({ abi: uniswapV3PoolAbi, functionName }) }, "latest"],
  });
  const [slot0, liquidity] = (await rpc.batch([read("slot0"), read("liquidity")])) as readonly [string, string];
  const sqrtPriceX96 = BigInt(slot0.slice(0, 66));
  const tick = Math.round(Math.log((Number(sqrtPriceX96) / 2 ** 96) ** 2) / Math.log(1.0001));
  const range = { lowerTick: tick - HALF_WIDTH_TICKS, upperTick: tick + HALF_WIDTH_TICKS };
  const [amount0, amount1] = amountsOf((BigInt(liquidity) * SHARE) / OF, range, sqrtPriceX96);
  const worth = worthOf(amount0, amount1, sqrtPriceX96, numeraire);
  const scale = 10 ** Math.max(0, Math.floor(Math.log10(worth)) - 1);
  return BigInt(Math.floor(worth / scale)) * BigInt(scale);
}
