// The range of v3's ticks and sqrt prices.
export const MIN_TICK: i32 = -887272;
export const MAX_TICK: i32 = 887272;
export const MIN_PRICE: u64 = 4295128739;
export const MAX_PRICE_0: u64 = 0x5d951d5263988d26;
export const MAX_PRICE_1: u64 = 0xefd1fc6a50648849;
export const MAX_PRICE_2: u64 = 0xfffd8963;
