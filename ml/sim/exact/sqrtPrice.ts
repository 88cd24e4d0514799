import { divUp, MAX_UINT160, MAX_UINT256, Q96 } from "./integers.ts";
import { contractRequires } from "./revert.ts";

/** Token0 that `liquidity` holds between two sqrt prices, lower first: L (1/√lower − 1/√upper). */
export function amount0Between(lowerX96: bigint, upperX96: bigint, liquidity: bigint, roundUp: boolean): bigint {
  const product = (liquidity << 96n) * (upperX96 - lowerX96);
  // Two divisions, each rounded, as the contract does.
  return roundUp ? divUp(divUp(product, upperX96), lowerX96) : product / upperX96 / lowerX96;
}

/** Token1 that `liquidity` holds between two sqrt prices, lower first: L (√upper − √lower). */
export function amount1Between(lowerX96: bigint, upperX96: bigint, liquidity: bigint, roundUp: boolean): bigint {
  const product = liquidity * (upperX96 - lowerX96);
  return roundUp ? divUp(product, Q96) : product / Q96;
}

/** Where an amount paid in takes the price, rounded so that it never passes what the amount pays for. */
export function sqrtPriceAfterInput(priceX96: bigint, liquidity: bigint, amount: bigint, zeroForOne: boolean): bigint {
  if (!zeroForOne) {
    const next = priceX96 + (amount * Q96) / liquidity;
    contractRequires(next <= MAX_UINT160, "swap", "", "the next sqrt price must fit in 160 bits");
    return next;
  }
  if (amount === 0n) return priceX96;
  const reserve = liquidity << 96n;
  const product = amount * priceX96;
  // L√P / (L + a√P); where that does not fit in 256 bits the contract takes the less precise L / (L/√P + a).
  if (product <= MAX_UINT256 && reserve + product <= MAX_UINT256) return divUp(reserve * priceX96, reserve + product);
  const denominator = reserve / priceX96 + amount;
  contractRequires(denominator <= MAX_UINT256, "swap", "", "the amount must fit in 256 bits");
  return divUp(reserve, denominator);
}

/** Where an amount paid out takes the price, rounded so that the price moves far enough to pay it. */
export function sqrtPriceAfterOutput(priceX96: bigint, liquidity: bigint, amount: bigint, zeroForOne: boolean): bigint {
  if (zeroForOne) {
    const step = divUp(amount * Q96, liquidity);
    contractRequires(priceX96 > step, "swap", "", "the liquidity must hold the amount");
    return priceX96 - step;
  }
  if (amount === 0n) return priceX96;
  const reserve = liquidity << 96n;
  const product = amount * priceX96;
  contractRequires(product <= MAX_UINT256 && reserve > product, "swap", "", "the liquidity must hold the amount");
  const next = divUp(reserve * priceX96, reserve - product);
  contractRequires(next <= MAX_UINT160, "swap", "", "the next sqrt price must fit in 160 bits");
  return next;
}
