// A step of a swap of any size, in the contract's order and with its rounding; also amounts between two prices.
import { mul, mulDiv } from "./long";
import { S_FEE, S_IN, S_LIQUIDITY, S_NEXT, S_OUT, S_PRICE, S_REMAINING, S_TARGET, STEP } from "./swapState";
import { add4, isZero4, less4, set4, sub4 } from "./wide";

const ONE = memory.data(32, 8);
const Q96 = memory.data(32, 8);
const MILLION = memory.data(32, 8);
set4(ONE, 1, 0, 0, 0);
set4(Q96, 0, 1 << 32, 0, 0);
set4(MILLION, 1000000, 0, 0, 0);

const DIFFERENCE = memory.data(32, 8);
const RESERVE = memory.data(32, 8);
const PRODUCT = memory.data(32, 8);
const DIVISOR = memory.data(32, 8);
const AFTER_FEE = memory.data(32, 8);
const FACTOR = memory.data(32, 8);

/** liquidity · 2^96. */
function findReserve(liquidity: usize): void {
  const l0 = load<u64>(liquidity);
  const l1 = load<u64>(liquidity, 8);
  set4(RESERVE, 0, l0 << 32, (l0 >> 32) | (l1 << 32), l1 >> 32);
}

/** Token0 between two sqrt prices, lower first; 4 limbs each. */
export function amount0Between(to: usize, lower: usize, upper: usize, liquidity: usize, up: bool): void {
  sub4(DIFFERENCE, upper, lower);
  findReserve(liquidity);
  mulDiv(to, RESERVE, DIFFERENCE, upper, up);
  mulDiv(to, to, ONE, lower, up);
}

/** Token1 between two sqrt prices, lower first; 4 limbs each. */
export function amount1Between(to: usize, lower: usize, upper: usize, liquidity: usize, up: bool): void {
  sub4(DIFFERENCE, upper, lower);
  mulDiv(to, liquidity, DIFFERENCE, Q96, up);
}

function priceAfterAmount0(to: usize, price: usize, liquidity: usize, amount: usize, add: bool): void {
  if (isZero4(amount)) {
    memory.copy(to, price, 32);
    return;
  }
  findReserve(liquidity);
  const fits = mul(PRODUCT, amount, price);
  if (!add) {
    // The step has made sure that the reserve holds the amount.
    sub4(DIVISOR, RESERVE, PRODUCT);
    mulDiv(to, RESERVE, price, DIVISOR, true);
  } else if (fits && add4(DIVISOR, RESERVE, PRODUCT) == 0) {
    mulDiv(to, RESERVE, price, DIVISOR, true);
  } else {
    mulDiv(DIVISOR, RESERVE, ONE, price, false);
    add4(DIVISOR, DIVISOR, amount);
    mulDiv(to, RESERVE, ONE, DIVISOR, true);
  }
}

function priceAfterAmount1(to: usize, price: usize, liquidity: usize, amount: usize, add: bool): void {
  mulDiv(PRODUCT, amount, Q96, liquidity, !add);
  if (add) add4(to, price, PRODUCT);
  else sub4(to, price, PRODUCT);
}

export function slowStep(zeroForOne: bool, exactIn: bool, feePips: u64): void {
  const price = STEP + S_PRICE;
  const target = STEP + S_TARGET;
  const liquidity = STEP + S_LIQUIDITY;
  const remaining = STEP + S_REMAINING;
  const next = STEP + S_NEXT;
  const input = STEP + S_IN;
  const output = STEP + S_OUT;
  memory.copy(next, target, 32);
  if (exactIn) {
    set4(FACTOR, 1000000 - feePips, 0, 0, 0);
    mulDiv(AFTER_FEE, remaining, FACTOR, MILLION, false);
    findInput(zeroForOne);
    if (less4(AFTER_FEE, input)) {
      if (zeroForOne) priceAfterAmount0(next, price, liquidity, AFTER_FEE, true);
      else priceAfterAmount1(next, price, liquidity, AFTER_FEE, true);
      findInput(zeroForOne);
    }
    findOutput(zeroForOne);
  } else {
    findOutput(zeroForOne);
    if (less4(remaining, output)) {
      if (zeroForOne) priceAfterAmount1(next, price, liquidity, remaining, false);
      else priceAfterAmount0(next, price, liquidity, remaining, false);
      findOutput(zeroForOne);
      if (less4(remaining, output)) memory.copy(output, remaining, 32);
    }
    findInput(zeroForOne);
  }
  if (exactIn && !equals(next, target)) {
    sub4(STEP + S_FEE, remaining, input);
  } else {
    set4(FACTOR, feePips, 0, 0, 0);
    set4(DIVISOR, 1000000 - feePips, 0, 0, 0);
    mulDiv(STEP + S_FEE, input, FACTOR, DIVISOR, true);
  }
}

function findInput(zeroForOne: bool): void {
  if (zeroForOne) amount0Between(STEP + S_IN, STEP + S_NEXT, STEP + S_PRICE, STEP + S_LIQUIDITY, true);
  else amount1Between(STEP + S_IN, STEP + S_PRICE, STEP + S_NEXT, STEP + S_LIQUIDITY, true);
}

function findOutput(zeroForOne: bool): void {
  if (zeroForOne) amount1Between(STEP + S_OUT, STEP + S_NEXT, STEP + S_PRICE, STEP + S_LIQUIDITY, false);
  else amount0Between(STEP + S_OUT, STEP + S_PRICE, STEP + S_NEXT, STEP + S_LIQUIDITY, false);
}

function equals(a: usize, b: usize): bool {
  return !less4(a, b) && !less4(b, a);
}
