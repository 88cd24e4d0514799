/** The contract's integer types: what its arithmetic keeps of a number, and how it divides. */

export const Q96 = 1n << 96n;
export const Q128 = 1n << 128n;
export const MAX_UINT128 = Q128 - 1n;
export const MAX_UINT160 = (1n << 160n) - 1n;
export const MAX_UINT256 = (1n << 256n) - 1n;
export const MAX_INT128 = (1n << 127n) - 1n;

export const uint128 = (value: bigint): bigint => BigInt.asUintN(128, value);
export const uint160 = (value: bigint): bigint => BigInt.asUintN(160, value);
export const uint256 = (value: bigint): bigint => BigInt.asUintN(256, value);
export const int56 = (value: bigint): bigint => BigInt.asIntN(56, value);
/** Unix seconds wrap round in 2106. */
export const uint32 = (value: number): number => value >>> 0;

/** a / b rounded up, for a >= 0 and b > 0. */
export const divUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;
