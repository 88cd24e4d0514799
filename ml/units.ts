import { InvalidInputError } from "./errors.ts";
import type { Numeraire } from "./types.ts";
import { fromBig, TickMath } from "./uniswap.ts";

/**
 * The only crossing between on-chain integers and floats, and between ticks and prices. Suffixes say the unit:
 * X96 = sqrt price in Q64.96, Tick, Wad = 1e18 is 100 %, Bps = 1/10,000, Pips = 1e-6. Plain `ln…` = natural logarithm.
 */
export const Q96 = 1n << 96n;
export const WAD = 10n ** 18n;
export const MIN_TICK = -887272;
export const MAX_TICK = 887272;
export const MIN_SQRT_PRICE_X96 = 4295128739n;
export const MAX_SQRT_PRICE_X96 = 1461446703485210103287273052203988822378723970342n;
/** ln(1.0001): natural log of the price step of one tick. */
export const LN_TICK = Math.log(1.0001);

/** Ratio → Wad, rounded down to 1e-15 so that what a float cannot hold is not invented. */
export function toWad(ratio: number): bigint {
  if (!Number.isFinite(ratio)) throw new InvalidInputError(`ratio ${ratio} must be a finite number to become a Wad`);
  return BigInt(Math.floor(ratio * 1e15)) * 1000n;
}

/** Wad → ratio. */
export const fromWad = (wad: bigint): number => Number(wad) / 1e18;

export const bpsToWad = (bps: number): bigint => BigInt(Math.round(bps * 1e6)) * 10n ** 8n;
export const bpsToRatio = (bps: number): number => bps / 10_000;
export const ratioToBps = (ratio: number): number => ratio * 10_000;
export const pipsToRatio = (pips: number): number => pips / 1e6;

/** Raw token units → decimal-adjusted float. */
export const toDecimal = (amount: bigint, decimals: number): number => Number(amount) / 10 ** decimals;

/** a × b / denominator, rounded down; the denominator must be positive. */
export const mulDivDown = (a: bigint, b: bigint, denominator: bigint): bigint => {
  const product = a * b;
  const quotient = product / denominator;
  return product < 0n && quotient * denominator !== product ? quotient - 1n : quotient;
};

/** a × b / denominator, rounded up; the denominator must be positive. */
export const mulDivUp = (a: bigint, b: bigint, denominator: bigint): bigint => -mulDivDown(-a, b, denominator);

/** ln(sqrtPrice / 2^96), accurate to about 1e-15 relative for the whole range of v3. */
function lnSqrt(sqrtPriceX96: bigint): number {
  // 2^96 and a sqrt price are both inside float range; each is rounded once.
  return Math.log(Number(sqrtPriceX96) / 2 ** 96);
}

/** Sign that turns ln(token1 per token0) into ln(asset per other token). */
export const orientation = (numeraire: Numeraire): 1 | -1 => (numeraire === 1 ? 1 : -1);

/** Sqrt price → ln of the price in the numeraire (raw asset units per raw unit of the other token). */
export const sqrtPriceX96ToLnPrice = (sqrtPriceX96: bigint, numeraire: Numeraire): number =>
  orientation(numeraire) * 2 * lnSqrt(sqrtPriceX96);

/** ln of the price in the numeraire → sqrt price, to float precision. */
export function lnPriceToSqrtPriceX96(lnPrice: number, numeraire: Numeraire): bigint {
  const sqrtPrice = Math.exp((orientation(numeraire) * lnPrice) / 2);
  const value = BigInt(Math.round(sqrtPrice * 2 ** 96));
  if (value < MIN_SQRT_PRICE_X96 || value >= MAX_SQRT_PRICE_X96) {
    throw new InvalidInputError(`lnPrice ${lnPrice} must lie inside the price range of a v3 pool`);
  }
  return value;
}

/** Tick → ln of the price in the numeraire. */
export const tickToLnPrice = (tick: number, numeraire: Numeraire): number => orientation(numeraire) * tick * LN_TICK;

/** ln of the price in the numeraire → real-valued tick. */
export const lnPriceToTick = (lnPrice: number, numeraire: Numeraire): number =>
  (orientation(numeraire) * lnPrice) / LN_TICK;

/** Exact sqrt price at a tick, as the pool contract computes it. */
export function getSqrtPriceAtTick(tick: number): bigint {
  if (!Number.isInteger(tick) || tick < MIN_TICK || tick > MAX_TICK) {
    throw new InvalidInputError(`tick ${tick} must be an integer from ${MIN_TICK} to ${MAX_TICK}`);
  }
  const known = sqrtPrices.get(tick);
  if (known !== undefined) return known;
  if (sqrtPrices.size >= MOST_KNOWN) sqrtPrices.clear();
  const sqrtPriceX96 = fromBig(TickMath.getSqrtRatioAtTick(tick));
  sqrtPrices.set(tick, sqrtPriceX96);
  return sqrtPriceX96;
}

/** Edges of ranges are asked for again and again. */
const sqrtPrices = new Map<number, bigint>();
const MOST_KNOWN = 4096;

/** Exact tick at a sqrt price, as the pool contract computes it. */
export function getTickAtSqrtPrice(sqrtPriceX96: bigint): number {
  if (sqrtPriceX96 < MIN_SQRT_PRICE_X96 || sqrtPriceX96 >= MAX_SQRT_PRICE_X96) {
    throw new InvalidInputError(
      `sqrtPriceX96 ${sqrtPriceX96} must be from ${MIN_SQRT_PRICE_X96} to below ${MAX_SQRT_PRICE_X96}`,
    );
  }
  const position = (2 * Math.log(Number(sqrtPriceX96) / 2 ** 96)) / LN_TICK;
  const nearest = Math.round(position);
  // The logarithm is off by 2e-10 ticks, rounding a sqrt price to an integer by 5e-6: only beside a tick it can matter.
  if (Math.abs(position - nearest) > NEAR_A_TICK) return Math.floor(position);
  return getSqrtPriceAtTick(nearest) <= sqrtPriceX96 ? nearest : nearest - 1;
}

const NEAR_A_TICK = 1e-3;

export interface Amounts {
  readonly amount0: bigint;
  readonly amount1: bigint;
}

/** Token amounts that burning `liquidity` pays at a sqrt price, rounded down as the pool rounds them. */
export function amountsForLiquidity(
  sqrtPriceX96: bigint,
  lowerTick: number,
  upperTick: number,
  liquidity: bigint,
  roundUp = false,
): Amounts {
  const lower = getSqrtPriceAtTick(lowerTick);
  const upper = getSqrtPriceAtTick(upperTick);
  const inside = sqrtPriceX96 < lower ? lower : sqrtPriceX96 > upper ? upper : sqrtPriceX96;
  const mulDiv = roundUp ? mulDivUp : mulDivDown;
  return {
    // Two divisions, each rounded, as the pool's own.
    amount0: inside === upper ? 0n : mulDiv(mulDiv(liquidity << 96n, upper - inside, upper), 1n, inside),
    amount1: mulDiv(liquidity, inside - lower, Q96),
  };
}

/** The largest liquidity that two token amounts pay for at a sqrt price, rounded down. */
export function liquidityForAmounts(
  sqrtPriceX96: bigint,
  lowerTick: number,
  upperTick: number,
  { amount0, amount1 }: Amounts,
): bigint {
  const lower = getSqrtPriceAtTick(lowerTick);
  const upper = getSqrtPriceAtTick(upperTick);
  const inside = sqrtPriceX96 < lower ? lower : sqrtPriceX96 > upper ? upper : sqrtPriceX96;
  const of0 = inside === upper ? null : mulDivDown(amount0, inside * upper, (upper - inside) * Q96);
  const of1 = inside === lower ? null : mulDivDown(amount1, Q96, inside - lower);
  if (of0 === null || (of1 !== null && of1 < of0)) return of1 ?? 0n;
  return of0;
}

/** Value of token amounts in the asset at a sqrt price, rounded down. */
export function valueInAsset(amounts: Amounts, sqrtPriceX96: bigint, numeraire: Numeraire): bigint {
  if (numeraire === 1) {
    return amounts.amount1 + mulDivDown(mulDivDown(amounts.amount0, sqrtPriceX96, Q96), sqrtPriceX96, Q96);
  }
  return amounts.amount0 + mulDivDown(mulDivDown(amounts.amount1, Q96, sqrtPriceX96), Q96, sqrtPriceX96);
}

/** Largest multiple of `spacing` that is at most `tick`. */
export const floorToSpacing = (tick: number, spacing: number): number => Math.floor(tick / spacing) * spacing;

/** Smallest multiple of `spacing` that is at least `tick`. */
export const ceilToSpacing = (tick: number, spacing: number): number =>
  // + 0 turns -0 into 0.
  Math.ceil(tick / spacing) * spacing + 0;
