import { encodeFunctionData } from "viem";
import type { Numeraire, PoolMeta } from "../../../ml/types.ts";
import { uniswapV3PoolAbi } from "../../../sdk/abi/uniswapV3Pool.ts";
import { amountsOf, worthOf } from "../../report/worth.ts";
import type { Rpc } from "./rpc.ts";

/** Share of the liquidity in range of a 0.3 % pool that the vault would be if all of it stood in the range below. */
const SHARE_BPS = 300;
const HALF_WIDTH_TICKS = 500;
const SHARES_ARE_FOR_FEE_PIPS = 3_000;

/**
 * What share of a pool a vault may be where the local file means the 0.3 % tier: without a feed what mispricing can take
 * grows with the share, and what it costs with the fee. Basis points, at least one.
 */
export const shareForFee = (shareBps: number, { feePips }: Pick<PoolMeta, "feePips">): number =>
  Math.max(1, Math.min(shareBps, Math.floor((shareBps * feePips) / SHARES_ARE_FOR_FEE_PIPS)));

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
  const share = (BigInt(liquidity) * BigInt(shareForFee(SHARE_BPS, pool))) / 10_000n;
  const [amount0, amount1] = amountsOf(share, range, sqrtPriceX96);
  const worth = worthOf(amount0, amount1, sqrtPriceX96, numeraire);
  const scale = 10 ** Math.max(0, Math.floor(Math.log10(worth)) - 1);
  return BigInt(Math.floor(worth / scale)) * BigInt(scale);
}
