// Where things lie. Every field is an array of one float per environment; ../fields.ts lists the same names in this order.

export const ENVIRONMENT_FIELDS: i32 = 31;
export const OBSERVATIONS: i32 = 16;

export const REF: i32 = 0;
export const POOL: i32 = 1;
export const HALF_SIGMA: i32 = 2;
export const FLOW: i32 = 3;
export const REBOUND: i32 = 4;
export const LIQUIDITY: i32 = 5;
export const REGIME: i32 = 6;
export const OWN: i32 = 7;
export const LOWER: i32 = 8;
export const UPPER: i32 = 9;
export const ENTRY: i32 = 10;
export const FEE0: i32 = 11;
export const FEE1: i32 = 12;
export const CASH: i32 = 13;
export const FEES: i32 = 14;
export const LVR: i32 = 15;
export const COST: i32 = 16;
export const IL: i32 = 17;
export const MOVES: i32 = 18;
export const AGE: i32 = 19;
export const REWARD: i32 = 20;
export const VAR_FAST: i32 = 21;
export const VAR_SLOW: i32 = 22;
export const VOLUME: i32 = 23;
export const IMBALANCE: i32 = 24;
export const RETURN: i32 = 25;
export const ARBITRAGE: i32 = 26;
export const GROSS: i32 = 27;
export const KEY0: i32 = 28;
export const KEY1: i32 = 29;
export const ACTION: i32 = 30;

export let count: i32 = 0;
let base: usize = 0;

/** Makes room for `environments` (a multiple of 8) and `weights` numbers of policies; returns the first byte. */
export function allocate(environments: i32, weights: i32): usize {
  base = (__heap_base + 63) & ~63;
  count = environments;
  const bytes = weightsAt() + (<usize>weights << 2) - base;
  const pages = <i32>((base + bytes + 0xffff) >>> 16) - memory.size();
  if (pages > 0) memory.grow(pages);
  return base;
}

@inline export function field(index: i32, environment: i32): usize {
  return base + (<usize>(index * count + environment) << 2);
}
@inline export function observation(index: i32, environment: i32): usize {
  return field(ENVIRONMENT_FIELDS + index, environment);
}
@inline export function weightsAt(): usize { return field(ENVIRONMENT_FIELDS + OBSERVATIONS, 0); }
