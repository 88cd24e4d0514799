/** Other implementations of a v3 pool, set up with the pool of workload.ts and swapping the same orders. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TickState } from "../../../ml/data/state.ts";
import type { SwapOrder } from "../../../ml/sim/exact/types.ts";
import { fromBig, toBig } from "../../../ml/uniswap.ts";
import { FEE_PIPS, positions, START_PRICE_X96, TICK_SPACING } from "./workload.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

export interface Ended {
  readonly sqrtPriceX96: bigint;
  readonly liquidity: bigint;
}

/** Swaps all orders from the start and tells where the pool ended. */
export type PlayAll = (orders: readonly SwapOrder[]) => Promise<Ended>;

/** @uniswap/v3-sdk: each swap answers with a new pool, which is asked for the next. It keeps no fee growth. */
export function sdkPlayer(ticks: readonly TickState[], liquidity: bigint): PlayAll {
  const require = createRequire(import.meta.url);
  const v3 = require("@uniswap/v3-sdk") as typeof import("@uniswap/v3-sdk", { with: { "resolution-mode": "require" }});
  const core = require("@uniswap/sdk-core") as typeof import("@uniswap/sdk-core", { with: {
    "resolution-mode": "require",
  }});
  const tokens = [1, 2].map((i) => new core.Token(1, `0x${String(i).padStart(40, "0")}`, 18)) as [
    InstanceType<typeof core.Token>,
    InstanceType<typeof core.Token>,
  ];
  const list = ticks.map(({ tick, liquidityGross, liquidityNet }) => ({
    index: tick,
    liquidityGross: toBig(liquidityGross),
    liquidityNet: toBig(liquidityNet),
  }));
  return async (orders) => {
    let pool = new v3.Pool(...tokens, FEE_PIPS, toBig(START_PRICE_X96), toBig(liquidity), 0, list);
    for (const { zeroForOne, amountSpecified } of orders) {
      const exactIn = amountSpecified > 0n;
      const token = tokens[zeroForOne === exactIn ? 0 : 1];
      const amount = core.CurrencyAmount.fromRawAmount(token, toBig(exactIn ? amountSpecified : -amountSpecified));
      [, pool] = exactIn ? await pool.getOutputAmount(amount) : await pool.getInputAmount(amount);
    }
    return { sqrtPriceX96: fromBig(pool.sqrtRatioX96), liquidity: fromBig(pool.liquidity) };
  };
}

const SIMULATOR = "@bella-defintech/uniswap-v3-simulator";
const VERSION = "0.1.5";
const CACHE = join(ROOT, ".rangekeeper/bench");

interface Big {
  toString(): string;
}

interface CorePool {
  readonly sqrtPriceX96: Big;
  readonly liquidity: Big;
  initialize(sqrtPriceX96: Big): void;
  mint(owner: string, tickLower: number, tickUpper: number, liquidity: Big): unknown;
  swap(zeroForOne: boolean, amount: Big): unknown;
}

/**
 * A public simulator. Its licence (BUSL-1.1) keeps it out of our dependencies, so it is installed beside them when it is
 * first asked for. A string tells why it is not there.
 */
export function simulatorPlayer(progress: (line: string) => void): PlayAll | string {
  const folder = join(CACHE, "node_modules", SIMULATOR);
  if (!existsSync(folder)) {
    progress(`installing ${SIMULATOR} ${VERSION} (BUSL-1.1, for comparison only) under .rangekeeper/bench`);
    mkdirSync(CACHE, { recursive: true });
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel", "error"];
    const install = spawnSync("npm", ["i", ...flags, "--prefix", CACHE, `${SIMULATOR}@${VERSION}`], {
      encoding: "utf8",
      timeout: 180_000,
    });
    if (install.status !== 0 || !existsSync(folder)) {
      const last = install.stderr?.trim().split("\n").at(-1) ?? "npm did not start";
      return `${SIMULATOR} could not be installed: ${last}`;
    }
  }
  const require = createRequire(join(folder, "package.json"));
  const JSBI = require("jsbi") as { BigInt(value: string): Big };
  const { CorePool } = require("./dist/core/CorePool.js") as {
    CorePool: new (token0: string, token1: string, fee: number, tickSpacing: number) => CorePool;
  };
  const big = (value: bigint) => JSBI.BigInt(String(value));
  return async (orders) => {
    const pool = new CorePool("A", "B", FEE_PIPS, TICK_SPACING);
    pool.initialize(big(START_PRICE_X96));
    for (const p of positions(100)) pool.mint(p.owner, p.tickLower, p.tickUpper, big(p.liquidity));
    for (const { zeroForOne, amountSpecified } of orders) pool.swap(zeroForOne, big(amountSpecified));
    return { sqrtPriceX96: fromBig(pool.sqrtPriceX96), liquidity: fromBig(pool.liquidity) };
  };
}
