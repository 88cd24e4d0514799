// Why the contract would revert; the numbers are those of revertReasons in ../wasm.ts.
export const OK: i32 = 0;
export const NO_REASON: i32 = 1;
export const AS: i32 = 2;
export const SPL: i32 = 3;
export const LOK: i32 = 4;
export const TLU: i32 = 5;
export const TLM: i32 = 6;
export const TUM: i32 = 7;
export const LS: i32 = 8;
export const LA: i32 = 9;
export const LO: i32 = 10;
export const NP: i32 = 11;
export const L: i32 = 12;
export const AI: i32 = 13;
export const R: i32 = 14;
export const I: i32 = 15;
export const OLD: i32 = 16;
