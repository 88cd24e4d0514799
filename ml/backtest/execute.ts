import { HIGHEST_LIMIT_X96, LOWEST_LIMIT_X96 } from "../sim/exact/orders.ts";
import type { SwapOrder } from "../sim/exact/types.ts";
import type { Numeraire, Range } from "../types.ts";
import {
  type Amounts,
  amountsForLiquidity,
  fromWad,
  liquidityForAmounts,
  mulDivDown,
  pipsToRatio,
  toWad,
  WAD,
} from "../units.ts";
import type { MarketSession } from "./market.ts";
import { amountsPerLiquidity, edgesOf, sqrtFloat } from "./ownPosition.ts";
import type { PolicyAction } from "./types.ts";
import { afterHaircut, type Vault } from "./vault.ts";

/** A move or a withdrawal to idle; not a hold. */
export type Dealing = Exclude<PolicyAction, { kind: "hold" }>;

export interface ExecuteParameters {
  readonly vault: Vault;
  readonly session: MarketSession;
  readonly numeraire: Numeraire;
  readonly feePips: number;
  readonly mevBps: number;
  readonly feeHaircutBps: number;
}

/** The swap of a dealing, token units. */
export interface OwnSwap {
  readonly zeroForOne: boolean;
  readonly amountIn: bigint;
  /** After the haircut. */
  readonly amountOut: bigint;
  /** Lost to sandwiches and back-runs, out of the output. */
  readonly haircut: bigint;
}

/** How often the swap that a placement needs is tried; each try is undone but the last. */
const MOST_TRIES = 8;
/** Close enough: the part of the value to place that may be left over by a wrong swap. */
const TRY_TOLERANCE = 1e-7;

/** Closes everything, swaps, opens what is wanted: in this order, as the vault does. */
export function execute(parameters: ExecuteParameters, dealing: Dealing): OwnSwap | null {
  const { vault, session, feeHaircutBps } = parameters;
  for (const position of session.positions()) {
    const { principal, fees } = session.close(position);
    vault.idle0 += principal.amount0 + afterHaircut(fees.amount0, feeHaircutBps);
    vault.idle1 += principal.amount1 + afterHaircut(fees.amount1, feeHaircutBps);
  }
  const swap = swapFor(parameters, dealing);
  if (dealing.kind === "move") open(parameters, dealing);
  return swap;
}

function swapFor(parameters: ExecuteParameters, dealing: Dealing): OwnSwap | null {
  const { vault, numeraire } = parameters;
  if (dealing.kind === "idle") {
    const other = numeraire === 0 ? vault.idle1 : vault.idle0;
    return dealing.sell ? trade(parameters, numeraire === 1, other) : null;
  }
  if (dealing.swap === "none") return null;
  if (dealing.swap === "to-ratio") return swapToRatio(parameters, dealing.ranges);
  const { zeroForOne, amountIn, sqrtPriceLimitX96 } = dealing.swap;
  return trade(parameters, zeroForOne, amountIn, sqrtPriceLimitX96);
}

/** Swaps at most what is there; null where there is nothing, or the price is past the limit already. */
function trade(
  { vault, session, mevBps }: ExecuteParameters,
  zeroForOne: boolean,
  amount: bigint,
  sqrtPriceLimitX96 = zeroForOne ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96,
): OwnSwap | null {
  const held = zeroForOne ? vault.idle0 : vault.idle1;
  const amountSpecified = amount < held ? amount : held;
  const { sqrtPriceX96 } = session;
  const passed = zeroForOne ? sqrtPriceX96 <= sqrtPriceLimitX96 : sqrtPriceX96 >= sqrtPriceLimitX96;
  if (amountSpecified <= 0n || passed) return null;
  const order: SwapOrder = { zeroForOne, amountSpecified, sqrtPriceLimitX96 };
  const { amount0, amount1 } = session.swap(order);
  const [amountIn, got] = zeroForOne ? [amount0, -amount1] : [amount1, -amount0];
  const haircut = mulDivDown(got, toWad(mevBps / 10_000), WAD);
  vault.idle0 += zeroForOne ? -amountIn : got - haircut;
  vault.idle1 += zeroForOne ? got - haircut : -amountIn;
  return { zeroForOne, amountIn, amountOut: got - haircut, haircut };
}

type Weighted = readonly (Range & { readonly weight: number })[];

/** What the ranges would take of each token, and what there is, both in token units at the pool's price. */
function needs({ vault, session, numeraire }: ExecuteParameters, ranges: Weighted) {
  const sqrtPrice = sqrtFloat(session.sqrtPriceX96);
  // Token1 is the common measure.
  const price = sqrtPrice ** 2;
  const [have0, have1] = [Number(vault.idle0), Number(vault.idle1)];
  const nav = have0 * price + have1;
  let [need0, need1] = [0, 0];
  for (const range of ranges) {
    const { amount0, amount1 } = amountsPerLiquidity(edgesOf(range), sqrtPrice);
    const liquidity = (range.weight * nav) / (amount0 * price + amount1);
    need0 += liquidity * amount0;
    need1 += liquidity * amount1;
  }
  return { have0, have1, need0, need1, price, nav, numeraire };
}

/** The swap after which the ranges get what they need at the price that the swap itself leads to. */
function swapToRatio(parameters: ExecuteParameters, ranges: Weighted): OwnSwap | null {
  const { vault, session, feePips } = parameters;
  const start = needs(parameters, ranges);
  const short0 = start.need0 - start.have0;
  const short1 = start.need1 - start.have1;
  if (Math.max(short0 * start.price, short1) <= TRY_TOLERANCE * start.nav) return null;
  const zeroForOne = short1 > short0 * start.price;
  // How much is still missing after swapping this much, in units of the token paid in.
  const missing = (): number => {
    const { have0, have1, need0, need1, price } = needs(parameters, ranges);
    return zeroForOne ? (need1 - have1) / price : (need0 - have0) * price;
  };
  const most = zeroForOne ? vault.idle0 : vault.idle1;
  const clamp = (amount: number): bigint => {
    const whole = BigInt(Math.max(0, Math.floor(amount)));
    return whole < most ? whole : most;
  };
  const value = zeroForOne ? start.nav / start.price : start.nav;
  let [amount, before] = [missing() / (1 - pipsToRatio(feePips)), { amount: 0, missing: missing() }];
  for (let attempt = 1; ; attempt++) {
    const undo = session.checkpoint();
    const held = { idle0: vault.idle0, idle1: vault.idle1 };
    const swap = trade(parameters, zeroForOne, clamp(amount));
    const left = missing();
    if (Math.abs(left) <= TRY_TOLERANCE * value || attempt === MOST_TRIES || swap === null) return swap;
    undo();
    vault.idle0 = held.idle0;
    vault.idle1 = held.idle1;
    const slope = (left - before.missing) / (amount - before.amount);
    before = { amount, missing: left };
    amount -= Number.isFinite(slope) && slope < 0 ? left / slope : -left;
  }
}

/** Opens the ranges in their order, each with its share as far as the tokens reach. */
function open(parameters: ExecuteParameters, { ranges, swap }: Extract<Dealing, { kind: "move" }>): void {
  const { vault, session } = parameters;
  const { price, nav } = needs(parameters, []);
  const sqrtPrice = Math.sqrt(price);
  const start = { amount0: vault.idle0, amount1: vault.idle1 };
  for (const range of ranges) {
    // A plan's weight is the part of each token to offer, as on chain; a rule's is a part of NAV.
    const planned = typeof swap === "object";
    const offered = planned ? partOf(start, toWad(range.weight)) : { amount0: vault.idle0, amount1: vault.idle1 };
    const { amount0, amount1 } = amountsPerLiquidity(edgesOf(range), sqrtPrice);
    const wanted = planned ? null : BigInt(Math.floor((range.weight * nav) / (amount0 * price + amount1)));
    const liquidity = affordable(session.sqrtPriceX96, range, wanted, offered);
    if (liquidity === 0n) continue;
    const paid = session.mint({ lowerTick: range.lowerTick, upperTick: range.upperTick }, liquidity);
    vault.idle0 -= paid.amount0;
    vault.idle1 -= paid.amount1;
  }
}

const partOf = ({ amount0, amount1 }: Amounts, wad: bigint): Amounts => ({
  amount0: mulDivDown(amount0, wad, WAD),
  amount1: mulDivDown(amount1, wad, WAD),
});

/** The most liquidity, up to what is wanted, whose amounts as the pool rounds them are there. */
function affordable(sqrtPriceX96: bigint, range: Range, wanted: bigint | null, offered: Amounts): bigint {
  const most = liquidityForAmounts(sqrtPriceX96, range.lowerTick, range.upperTick, offered);
  let liquidity = wanted !== null && wanted < most ? wanted : most;
  while (liquidity > 0n) {
    const asked = amountsForLiquidity(sqrtPriceX96, range.lowerTick, range.upperTick, liquidity, true);
    if (asked.amount0 <= offered.amount0 && asked.amount1 <= offered.amount1) return liquidity;
    liquidity -= 1n + liquidity / 1_000_000_000n;
  }
  return 0n;
}

/** Own share of the liquidity in range. */
export function poolShareOf(session: MarketSession): number {
  const ours = session
    .positions()
    .filter(({ lowerTick, upperTick }) => lowerTick <= session.tick && session.tick < upperTick)
    .reduce((sum, { liquidity }) => sum + liquidity, 0n);
  return session.liquidity === 0n ? 0 : fromWad((ours * WAD) / session.liquidity);
}
