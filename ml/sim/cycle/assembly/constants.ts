// Constants as loads from memory: the engine builds a constant of 128 bits with several instructions wherever it is used,
// a load with splat is one.

@inline export function constant(at: usize): v128 { return v128.load32_splat(at); }

export const ONE: usize = memory.data<f32>([1]);
export const LN_9TH: usize = memory.data<f32>([0.2222222]);
export const LN_7TH: usize = memory.data<f32>([0.2857143]);
export const LN_5TH: usize = memory.data<f32>([0.4]);
export const LN_3RD: usize = memory.data<f32>([0.6666667]);
export const TWO: usize = memory.data<f32>([2]);
export const LN2: usize = memory.data<f32>([0.69314718]);
export const INVERSE_LN2: usize = memory.data<f32>([1.44269504]);
export const LN2_HIGH: usize = memory.data<f32>([0.693359375]);
export const LN2_LOW: usize = memory.data<f32>([-0.00021219444]);
export const SERIES6: usize = memory.data<f32>([0.0013888889]);
export const SERIES5: usize = memory.data<f32>([0.008333334]);
export const SERIES4: usize = memory.data<f32>([0.041666667]);
export const SERIES3: usize = memory.data<f32>([0.16666667]);
export const HALF: usize = memory.data<f32>([0.5]);
export const TWO_TO_MINUS_24: usize = memory.data<f32>([5.9604645e-8]);
export const TWO_TO_MINUS_15: usize = memory.data<f32>([3.0517578e-5]);
export const TWO_TO_MINUS_16: usize = memory.data<f32>([1.52587890625e-5]);
export const COARSE_LN4: usize = memory.data<f32>([-0.22362541]);
export const COARSE_LN3: usize = memory.data<f32>([0.3536316]);
export const COARSE_LN2: usize = memory.data<f32>([-0.5023236]);
export const COARSE_LN1: usize = memory.data<f32>([0.99973108]);
export const MINUS_TWO: usize = memory.data<f32>([-2]);
export const FOUR: usize = memory.data<f32>([4]);
export const SINE_CURVED: usize = memory.data<f32>([0.225]);
export const SINE_STRAIGHT: usize = memory.data<f32>([0.775]);
export const THREE_AND_A_HALF: usize = memory.data<f32>([3.5]);
export const ONE_AND_A_HALF: usize = memory.data<f32>([1.5]);
export const TWO_AND_A_HALF: usize = memory.data<f32>([2.5]);
export const MOST_FALL: usize = memory.data<f32>([0.6]);
export const ROOT_HALF_BITS: usize = memory.data<i32>([0x3f3504f3]);
export const MANTISSA_BITS: usize = memory.data<i32>([0x007fffff]);
export const LOW_BITS: usize = memory.data<i32>([0xffff]);
export const EXPONENT_BIAS: usize = memory.data<i32>([127]);
export const HASH1: usize = memory.data<i32>([<i32>0x7feb352d]);
export const HASH2: usize = memory.data<i32>([<i32>0x846ca68b]);
/** What is left to come back ends at zero: ever smaller numbers would slow the processor down by a factor. */
export const FORGOTTEN: usize = memory.data<f32>([1e-9]);
