import { divUp } from "./integers.ts";
import { amount0Between, amount1Between, sqrtPriceAfterInput, sqrtPriceAfterOutput } from "./sqrtPrice.ts";

/** One step of a swap, at constant liquidity. Amounts are never negative; the fee is paid on top of `amountIn`. */
export interface SwapStep {
  readonly sqrtPriceX96: bigint;
  readonly amountIn: bigint;
  readonly amountOut: bigint;
  readonly feeAmount: bigint;
}

const MILLION = 1_000_000n;

/** Swaps until the target price is reached or `remaining` (> 0 = input left, < 0 = output left) is used up. */
export function swapStep(
  priceX96: bigint,
  targetX96: bigint,
  liquidity: bigint,
  remaining: bigint,
  feePips: bigint,
): SwapStep {
  const zeroForOne = priceX96 >= targetX96;
  const exactIn = remaining >= 0n;
  const inputTo = (nextX96: bigint) =>
    zeroForOne
      ? amount0Between(nextX96, priceX96, liquidity, true)
      : amount1Between(priceX96, nextX96, liquidity, true);
  const outputTo = (nextX96: bigint) =>
    zeroForOne
      ? amount1Between(nextX96, priceX96, liquidity, false)
      : amount0Between(priceX96, nextX96, liquidity, false);

  let nextX96 = targetX96;
  if (exactIn) {
    const afterFee = (remaining * (MILLION - feePips)) / MILLION;
    if (afterFee < inputTo(targetX96)) nextX96 = sqrtPriceAfterInput(priceX96, liquidity, afterFee, zeroForOne);
  } else if (-remaining < outputTo(targetX96)) {
    nextX96 = sqrtPriceAfterOutput(priceX96, liquidity, -remaining, zeroForOne);
  }

  const amountIn = inputTo(nextX96);
  const mayPay = outputTo(nextX96);
  // Rounding of the price must not pay out more than was asked for.
  const amountOut = !exactIn && mayPay > -remaining ? -remaining : mayPay;
  // An input that ends inside the step is used up: what the price did not take is fee.
  const usedUp = exactIn && nextX96 !== targetX96;
  const feeAmount = usedUp ? remaining - amountIn : divUp(amountIn * feePips, MILLION - feePips);
  return { sqrtPriceX96: nextX96, amountIn, amountOut, feeAmount };
}
