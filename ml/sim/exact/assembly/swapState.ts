// What the loop of a swap and its steps hand each other, at a fixed address; wide numbers have 4 limbs.
export const STEP = memory.data(512, 8);
export const S_PRICE: usize = 0;
export const S_TARGET: usize = 32;
export const S_LIQUIDITY: usize = 64;
/** What is left of the specified amount, without its sign. */
export const S_REMAINING: usize = 96;
export const S_NEXT: usize = 128;
// In, out and fee lie together: a step without liquidity clears them at once.
export const S_IN: usize = 160;
export const S_OUT: usize = 192;
export const S_FEE: usize = 224;
export const S_TARGET_FLOAT: usize = 256;
/** The other token's amount so far, without its sign. */
export const S_CALCULATED: usize = 264;
/** Fee growth of the token paid in. */
export const S_GROWTH: usize = 296;
export const S_PROTOCOL_FEES: usize = 328; // 2 limbs
export const S_LIMIT: usize = 344;
export const S_AMOUNT: usize = 376;
