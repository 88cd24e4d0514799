import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import type { Numeraire, PoolMeta } from "../../ml/types.ts";
import { configSchema } from "../../rebalancer/config.ts";
import { settingsOf } from "../../rebalancer/decideAt.ts";

const USDC = "0x00000000000000000000000000000000000000A1";
const WETH = "0x00000000000000000000000000000000000000b2";
const pool: PoolMeta = {
  chainId: 31337,
  address: "0x00000000000000000000000000000000000000C3",
  token0: { address: USDC, symbol: "USDC", decimals: 6 },
  token1: { address: WETH, symbol: "WETH", decimals: 18 },
  feePips: 3000,
  tickSpacing: 60,
};
const config = (decision: string) =>
  configSchema.parse(
    parse(
      `chainId = 31337\nrpcUrl = "http://127.0.0.1:1"\n[decision]\n${decision}\n[worker]\npriorityFeeGwei = 0\n[[vaults]]\nname = "a"`,
    ),
  );
/** 2,000 USDC per WETH. */
const sqrtPriceX96 = BigInt(Math.round(Math.sqrt(1e18 / 2_000e6) * 2 ** 48)) << 48n;
const costOf = (decision: string, numeraire: Numeraire) =>
  settingsOf({ config: config(decision), pool, numeraire, sqrtPriceX96, baseFeePerGas: 20_000_000_000n }).gasCost;

describe("what a move's gas costs", () => {
  it("is gas times price when the asset is the native token", () => {
    expect(costOf(`gasPerMove = 500000\nnativeToken = "${WETH}"`, 1)).toBe(10_000_000_000_000_000n);
  });

  it("goes through the pool's price when the other token is native: 0.01 WETH are 20 USDC", () => {
    expect(Number(costOf(`gasPerMove = 500000\nnativeToken = "${WETH}"`, 0)) / 1e6).toBeCloseTo(20, 3);
  });

  it("is left out where neither token is native, or none is named", () => {
    expect(costOf(`nativeToken = "0x00000000000000000000000000000000000000d4"`, 0)).toBe(0n);
    expect(costOf("", 1)).toBe(0n);
  });
});
