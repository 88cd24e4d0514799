// Flash loans and the protocol's fees.
import { FEE_PROTOCOL, GROWTH0, GROWTH1, LIQUIDITY, PRICE, PROTOCOL_FEES0, PROTOCOL_FEES1 } from "../layout";
import { L, LOK, NO_REASON, OK } from "./revert";
import { growthPerLiquidity } from "./step";
import { addTo2, divideBySmall } from "./swap";
import { add4, sub4 } from "./wide";

const SHARE = memory.data(64, 8);
const GAIN = memory.data(64, 8);

/** What a flash loan paid beyond what was lent: 4 limbs each at `paid`, which is changed. */
export function flash(pool: usize, paid: usize): i32 {
  if ((load<u64>(pool, PRICE) | load<u64>(pool, PRICE + 8) | load<u64>(pool, PRICE + 16)) == 0) return LOK;
  const l0 = load<u64>(pool, LIQUIDITY);
  const l1 = load<u64>(pool, LIQUIDITY + 8);
  if ((l0 | l1) == 0) return L;
  const feeProtocol = load<u32>(pool, FEE_PROTOCOL);
  memory.fill(SHARE, 0, 64);
  const part0 = feeProtocol & 15;
  const part1 = feeProtocol >> 4;
  if (part0 != 0) divideBySmall(SHARE, paid, part0);
  if (part1 != 0) divideBySmall(SHARE + 32, paid + 32, part1);
  sub4(paid, paid, SHARE);
  sub4(paid + 32, paid + 32, SHARE + 32);
  if (!growthPerLiquidity(pool, GAIN, paid, l0, l1)) return NO_REASON;
  if (!growthPerLiquidity(pool, GAIN + 32, paid + 32, l0, l1)) return NO_REASON;
  addTo2(pool + PROTOCOL_FEES0, load<u64>(SHARE), load<u64>(SHARE, 8));
  addTo2(pool + PROTOCOL_FEES1, load<u64>(SHARE, 32), load<u64>(SHARE, 40));
  add4(pool + GROWTH0, pool + GROWTH0, GAIN);
  add4(pool + GROWTH1, pool + GROWTH1, GAIN + 32);
  return OK;
}

/** Requested amounts, 2 limbs each, become those paid: the last unit stays, so that the slot is never emptied. */
export function collectProtocol(pool: usize, amounts: usize): i32 {
  if ((load<u64>(pool, PRICE) | load<u64>(pool, PRICE + 8) | load<u64>(pool, PRICE + 16)) == 0) return LOK;
  pay(pool + PROTOCOL_FEES0, amounts);
  pay(pool + PROTOCOL_FEES1, amounts + 16);
  return OK;
}

function pay(owed: usize, amount: usize): void {
  const o0 = load<u64>(owed);
  const o1 = load<u64>(owed, 8);
  const a0 = load<u64>(amount);
  const a1 = load<u64>(amount, 8);
  if (a1 < o1 || (a1 == o1 && a0 < o0)) {
    store<u64>(owed, o0 - a0);
    store<u64>(owed, o1 - a1 - u64(o0 < a0), 8);
    return;
  }
  const some = u64((o0 | o1) != 0);
  store<u64>(amount, o0 - some);
  store<u64>(amount, o1 - u64(o0 < some), 8);
  store<u64>(owed, some);
  store<u64>(owed, 0, 8);
}
