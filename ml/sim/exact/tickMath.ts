import { LN_TICK, MAX_TICK } from "../../units.ts";
import { MAX_UINT256 } from "./integers.ts";

/** 2^128 / sqrt(1.0001)^(2^i), rounded to the nearest integer: the contract's own table. */
const INVERSE_ROOT_POWERS_X128 = [
  0xfffcb933bd6fad37aa2d162d1a594001n,
  0xfff97272373d413259a46990580e213an,
  0xfff2e50f5f656932ef12357cf3c7fdccn,
  0xffe5caca7e10e4e61c3624eaa0941cd0n,
  0xffcb9843d60f6159c9db58835c926644n,
  0xff973b41fa98c081472e6896dfb254c0n,
  0xff2ea16466c96a3843ec78b326b52861n,
  0xfe5dee046a99a2a811c461f1969c3053n,
  0xfcbe86c7900a88aedcffc83b479aa3a4n,
  0xf987a7253ac413176f2b074cf7815e54n,
  0xf3392b0822b70005940c7a398e4b70f3n,
  0xe7159475a2c29b7443b29c7fa6e889d9n,
  0xd097f3bdfd2022b8845ad8f792aa5825n,
  0xa9f746462d870fdf8a65dc1f90e061e5n,
  0x70d869a156d2a1b890bb3df62baf32f7n,
  0x31be135f97d08fd981231505542fcfa6n,
  0x9aa508b5b7a84e1c677de54f3e99bc9n,
  0x5d6af8dedb81196699c329225ee604n,
  0x2216e584f5fa1ea926041bedfe98n,
  0x48a170391f7dc42444e8fa2n,
] as const;

/** sqrt(1.0001^tick) in Q64.96, rounded as the contract rounds it. The tick must lie in the range of v3. */
export function sqrtPriceAtTick(tick: number): bigint {
  const distance = Math.abs(tick);
  let ratioX128 = 1n << 128n;
  for (let bit = 0; distance >> bit > 0; bit++) {
    if ((distance >> bit) & 1) ratioX128 = (ratioX128 * (INVERSE_ROOT_POWERS_X128[bit] ?? 0n)) >> 128n;
  }
  if (tick > 0) ratioX128 = MAX_UINT256 / ratioX128;
  return (ratioX128 + 0xffffffffn) >> 32n;
}

/** Rounding a sqrt price to an integer moves it by up to 5e-6 ticks where prices are lowest; a logarithm by 2e-10. */
const NEAR_A_TICK = 1e-3;

/** The greatest tick whose sqrt price is at most the given one, which must lie in the range of v3. */
export function tickAtSqrtPrice(sqrtPriceX96: bigint): number {
  const position = (2 * Math.log(Number(sqrtPriceX96) / 2 ** 96)) / LN_TICK;
  const nearest = Math.round(position);
  if (Math.abs(position - nearest) > NEAR_A_TICK) return Math.floor(position);
  if (nearest > MAX_TICK) return MAX_TICK;
  return sqrtPriceAtTick(nearest) <= sqrtPriceX96 ? nearest : nearest - 1;
}
