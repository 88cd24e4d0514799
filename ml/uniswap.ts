import { createRequire } from "node:module";

// The SDK's ES module build imports directories, which Node refuses, so its CommonJS build is loaded instead.
const require = createRequire(import.meta.url);
const v3 = require("@uniswap/v3-sdk") as typeof import("@uniswap/v3-sdk", { with: { "resolution-mode": "require" }});

export const { TickMath, SqrtPriceMath, maxLiquidityForAmounts } = v3;

type Big = Parameters<typeof TickMath.getTickAtSqrtRatio>[0];
const JSBI = require("jsbi") as { BigInt(value: string): Big };

/** bigint → the SDK's integer. */
export const toBig = (value: bigint): Big => JSBI.BigInt(value.toString());

/** The SDK's integer → bigint. */
export const fromBig = (value: { toString(): string }): bigint => BigInt(value.toString());
