// The parameter block, written by ../world.ts in this order. "Half" = of the square root of a price.
const BLOCK: usize = memory.data(64 * 4, 16);

/** First byte of the block. */
export function parameters(): usize { return BLOCK; }

export const FEE_ON_NET: i32 = 0;
export const BAND: i32 = 1;
export const BAND_INVERSE: i32 = 2;
export const FEE_ROOT: i32 = 3;
export const FEE_ROOT_INVERSE: i32 = 4;
export const DEPTH: i32 = 5;
export const TOWARD: i32 = 6;
export const IMBALANCE_SCALE: i32 = 7;
export const FLOW_CONSTANT: i32 = 8;
export const FLOW_SLOPE: i32 = 9;
export const DRIFT: i32 = 10;
export const ANY_EVENT: i32 = 11;
export const JUMP_SHARE: i32 = 12;
export const FALL_SHARE: i32 = 13;
export const JUMP_HALF: i32 = 14;
export const FLASH_HALF_MEAN: i32 = 15;
export const FLASH_HALF_LEAST: i32 = 16;
export const REBOUND_SHARE: i32 = 17;
export const REBOUND_RATE: i32 = 18;
export const FLASH_LIQUIDITY: i32 = 19;
export const CRUNCH_LIQUIDITY: i32 = 20;
export const RECOVERY_RATE: i32 = 21;
export const WIDTH1: i32 = 22;
export const WIDTH2: i32 = 23;
export const WIDTH3: i32 = 24;
export const SPACING: i32 = 25;
export const SWAP_COST: i32 = 26;
export const GAS: i32 = 27;
export const TAU: i32 = 28;
export const TAU_INVERSE: i32 = 29;
export const RULE_WIDTH: i32 = 30;
export const FAST: i32 = 31;
export const SLOW: i32 = 32;
/** Three rows of two cumulative shares. */
export const TRANSITION: i32 = 33;
export const LN_HALF_SIGMA: i32 = 39;
export const LN_SIGMA_SD: i32 = 42;
export const LN_FLOW: i32 = 45;
export const ELASTICITY: i32 = 46;
export const LN_HALF_SIGMA_REFERENCE: i32 = 47;
export const STATIONARY: i32 = 48;

@inline export function get(index: i32): v128 { return v128.load32_splat(BLOCK + (<usize>index << 2)); }
