import type { TickState } from "../../data/state.ts";
import { MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK } from "../../units.ts";
import { nextTickInWord } from "./bitmap.ts";
import { MAX_UINT256, Q128, uint128, uint256 } from "./integers.ts";
import { type Cumulatives, cumulativesNow, writeObservation } from "./oracle.ts";
import { contractRequires } from "./revert.ts";
import { putTick, type Storage, tickOf } from "./storage.ts";
import { swapStep } from "./swapStep.ts";
import { sqrtPriceAtTick, tickAtSqrtPrice } from "./tickMath.ts";
import { addLiquidity, crossTick } from "./ticks.ts";
import type { SwapOrder, SwapOutcome } from "./types.ts";

const MAX_INT256 = (1n << 255n) - 1n;

/** Swaps until the amount is used up or the price limit is reached; writes nothing unless all of it succeeds. */
export function swap(storage: Storage, order: SwapOrder, time: number): SwapOutcome {
  checkOrder(storage, order);
  const { zeroForOne, amountSpecified, sqrtPriceLimitX96 } = order;
  const { tickSpacing } = storage;
  const exactIn = amountSpecified > 0n;
  const feePips = BigInt(storage.feePips);
  const protocolPart = BigInt(zeroForOne ? storage.feeProtocol & 15 : storage.feeProtocol >> 4);

  let remaining = amountSpecified;
  let calculated = 0n;
  let price = storage.sqrtPriceX96;
  let tick = storage.tick;
  let liquidity = storage.liquidity;
  let feeGrowth = zeroForOne ? storage.feeGrowthGlobal0X128 : storage.feeGrowthGlobal1X128;
  let protocolFees = 0n;
  let cumulatives: Cumulatives | null = null;
  const crossed: TickState[] = [];

  while (remaining !== 0n && price !== sqrtPriceLimitX96) {
    const startPrice = price;
    const next = nextTickInWord(storage.bitmap, tick, tickSpacing, zeroForOne);
    const nextTick = Math.min(Math.max(next.tick, MIN_TICK), MAX_TICK);
    const nextPrice = sqrtPriceAtTick(nextTick);
    const beyondLimit = zeroForOne ? nextPrice < sqrtPriceLimitX96 : nextPrice > sqrtPriceLimitX96;
    const step = swapStep(price, beyondLimit ? sqrtPriceLimitX96 : nextPrice, liquidity, remaining, feePips);
    price = step.sqrtPriceX96;
    if (exactIn) {
      remaining -= step.amountIn + step.feeAmount;
      calculated -= step.amountOut;
    } else {
      remaining += step.amountOut;
      calculated += step.amountIn + step.feeAmount;
    }

    const protocolFee = protocolPart > 0n ? step.feeAmount / protocolPart : 0n;
    protocolFees = uint128(protocolFees + protocolFee);
    if (liquidity > 0n) {
      const growth = ((step.feeAmount - protocolFee) * Q128) / liquidity;
      contractRequires(growth <= MAX_UINT256, "swap", "", "fee growth of one step must fit in 256 bits");
      feeGrowth = uint256(feeGrowth + growth);
    }

    if (price === nextPrice) {
      if (next.initialized) {
        // The oracle's sums at the start of the block hold for every tick crossed in it.
        cumulatives ??= cumulativesNow(storage.oracle, time, storage.tick, storage.liquidity);
        const held = tickOf(storage, nextTick);
        crossed.push(
          crossTick(held, {
            time,
            feeGrowth0X128: zeroForOne ? feeGrowth : storage.feeGrowthGlobal0X128,
            feeGrowth1X128: zeroForOne ? storage.feeGrowthGlobal1X128 : feeGrowth,
            tickCumulative: cumulatives.tickCumulative,
            secondsPerLiquidityCumulativeX128: cumulatives.secondsPerLiquidityCumulativeX128,
          }),
        );
        liquidity = addLiquidity("swap", liquidity, zeroForOne ? -held.liquidityNet : held.liquidityNet);
      }
      tick = zeroForOne ? nextTick - 1 : nextTick;
    } else if (price !== startPrice) {
      tick = tickAtSqrtPrice(price);
    }
  }

  for (const held of crossed) putTick(storage, held);
  // What held since the last observation is the tick and the liquidity before this swap.
  if (tick !== storage.tick) writeObservation(storage.oracle, time, storage.tick, storage.liquidity);
  storage.sqrtPriceX96 = price;
  storage.tick = tick;
  storage.liquidity = liquidity;
  if (zeroForOne) {
    storage.feeGrowthGlobal0X128 = feeGrowth;
    storage.protocolFees0 = uint128(storage.protocolFees0 + protocolFees);
  } else {
    storage.feeGrowthGlobal1X128 = feeGrowth;
    storage.protocolFees1 = uint128(storage.protocolFees1 + protocolFees);
  }
  const specified = amountSpecified - remaining;
  const [amount0, amount1] = zeroForOne === exactIn ? [specified, calculated] : [calculated, specified];
  return { amount0, amount1, sqrtPriceX96: price, tick, liquidity };
}

function checkOrder({ sqrtPriceX96 }: Storage, { zeroForOne, amountSpecified, sqrtPriceLimitX96 }: SwapOrder): void {
  contractRequires(amountSpecified !== 0n, "swap", "AS", "the amount must not be 0");
  contractRequires(
    amountSpecified <= MAX_INT256 && amountSpecified >= -MAX_INT256 - 1n,
    "swap",
    "",
    `the amount must fit in 256 bits with its sign, got ${amountSpecified}`,
  );
  contractRequires(sqrtPriceX96 !== 0n, "swap", "LOK", "the pool must be initialised");
  const allowed = zeroForOne
    ? sqrtPriceLimitX96 < sqrtPriceX96 && sqrtPriceLimitX96 > MIN_SQRT_PRICE_X96
    : sqrtPriceLimitX96 > sqrtPriceX96 && sqrtPriceLimitX96 < MAX_SQRT_PRICE_X96;
  contractRequires(
    allowed,
    "swap",
    "SPL",
    `the price limit ${sqrtPriceLimitX96} must lie on the way from ${sqrtPriceX96}, inside the range of v3`,
  );
}
