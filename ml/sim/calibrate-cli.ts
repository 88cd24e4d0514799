import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseCsv } from "../data/csv.ts";
import { readText } from "../data/file.ts";
import { readCandles } from "../data/ohlcv.ts";
import type { Bar } from "../types.ts";
import { LN_TICK } from "../units.ts";
import { calibrate, type LiquidityChange } from "./calibrate.ts";
import { type MarketParameters, parseMarketParameters } from "./parameters.ts";
import type { SwapSample } from "./pool.ts";
import { quantile } from "./statistics.ts";

/** Fits ml/sim/parameters.json from a data folder: `tsx ml/sim/calibrate-cli.ts --data DIR [--out FILE] [--seed N]`. */
const FILES = {
  hours: "cex/binance_spot_ethusdt_1h_2017_2024-06.csv.gz",
  fiveMinutes: "cex/binance_um_ethusdt_5m_2023-01_2024-05.csv.gz",
  minutes: "cex/binance_um_ethusdt_1m_2021-01_2021-09.csv.gz",
  swaps: "pools/ethereum_usdc_weth_03_swaps_2021-08_2021-09_lowprec.csv.gz",
  liquidity: "pools/ethereum_usdc_weth_03_liquidity_events_2021-05_2021-07.csv.gz",
} as const;

const POOL: MarketParameters["pool"] = {
  feePips: 3000,
  tickSpacing: 60,
  token0: { symbol: "USDC", decimals: 6 },
  token1: { symbol: "WETH", decimals: 18 },
};
const DECIMAL_SHIFT = 10 ** (POOL.token1.decimals - POOL.token0.decimals);
const DAY_SECONDS = 86_400;

const HOW: Readonly<Record<string, string>> = {
  startPrice: "median pool price of the swap file",
  "volatility.regimes":
    "days of hourly ETH/USD sorted by realised volatility at the 50 % and 85 % quantiles; level = geometric mean less the jumps' share of variance, logSd = spread within the regime less sampling noise",
  "volatility.transition": "counted from one day to the next",
  jumps: "5-minute ETH/USD returns beyond 6 local standard deviations (bipower, one day): rate and root mean square",
  "noise.perDay":
    "swaps of the 0.3 % USDC/WETH pool that did not close a gap to the exchange price of more than the fee less 5 bps",
  "noise.elasticity": "slope of ln(1 + noise swaps an hour) on ln(variance of the exchange price in that hour)",
  "noise.referenceVariancePerDay": "variance at which the fitted activity equals its mean",
  "noise.towardShare": "share of noise swaps that traded towards the exchange price",
  "noise.logSizeQuantiles": "41 quantiles of ln(USDC amount) of noise swaps",
  "arbitrage.marginBps":
    "the one free number: set so that the simulated pool turns over as much as the real one; fee over LVR is not fitted",
  "depth.liquidity": "median in-range liquidity of the swap file",
  "depth.bands":
    "mean liquidity by distance from the price, both sides, over days 25 to 63 of the same pool's mints and burns, made to fall",
  exchangePrice:
    "1-minute perpetual candle, open to close interpolated to the second, less the day's median gap to the pool (basis)",
  residuals:
    "both measured by the same code; the simulation takes the exchange volatility of the swap file's weeks and no jumps, so that like is compared with like",
};

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    out: { type: "string", default: join(import.meta.dirname, "parameters.json") },
    seed: { type: "string", default: "1" },
  },
});
const folder = values.data ?? process.env.RANGEKEEPER_DATA;
if (!folder) {
  console.error("usage: tsx ml/sim/calibrate-cli.ts --data DIR [--out FILE] [--seed N]");
  process.exit(2);
}
const path = (name: keyof typeof FILES) => join(folder, FILES[name]);

const minutes = readCandles(path("minutes"), 60);
const { residuals, ...fitted } = calibrate(
  {
    hours: readCandles(path("hours"), 3600),
    fiveMinutes: readCandles(path("fiveMinutes"), 300),
    swaps: readSwaps(path("swaps"), minutes),
    liquidityChanges: readLiquidity(path("liquidity")),
    tickAt: (timestamp) => tickAt(minutes, timestamp),
    pool: POOL,
  },
  Number(values.seed),
);
const parameters = parseMarketParameters({
  ...fitted,
  provenance: {
    files: Object.values(FILES).map((file) => ({
      file,
      sha256: createHash("sha256")
        .update(readFileSync(join(folder, file)))
        .digest("hex"),
    })),
    how: HOW,
    residuals,
  },
});
console.table(residuals);
console.log(JSON.stringify({ ...fitted, noise: { ...fitted.noise, logSizeQuantiles: "…" } }, null, 1));
writeFileSync(values.out, `${JSON.stringify(parameters, null, 2)}\n`);
console.log(`written to ${values.out}`);

/** Dollars per ether at a second, or null outside the candles. */
function exchangePrice(bars: readonly Bar[], seconds: number): number | null {
  const bar = bars[Math.floor((seconds - (bars[0]?.startSeconds ?? 0)) / 60)];
  if (!bar) return null;
  return bar.open + ((bar.close - bar.open) * (seconds - bar.startSeconds)) / 60;
}

function tickAt(bars: readonly Bar[], timestamp: number): number | null {
  const lnPrice = exchangePrice(bars, timestamp);
  return lnPrice === null ? null : Math.round((Math.log(DECIMAL_SHIFT) - lnPrice) / LN_TICK);
}

/** Swaps beside the exchange price, which is shifted so that its median distance from the pool is zero each day. */
function readSwaps(file: string, bars: readonly Bar[]): SwapSample[] {
  const { rows } = parseCsv(readText(file), file, ["timestamp", "amount0_dec", "tick", "liquidity_rounded"]);
  const lnPool = (tick: number) => Math.log(DECIMAL_SHIFT) - tick * LN_TICK;
  const swaps: SwapSample[] = [];
  let before: number | null = null;
  for (const row of rows) {
    const seconds = row.integer("timestamp");
    const lnAfter = lnPool(row.integer("tick"));
    const lnReference = exchangePrice(bars, seconds);
    const amount0 = row.number("amount0_dec");
    const liquidity = row.number("liquidity_rounded") / 10 ** ((POOL.token0.decimals + POOL.token1.decimals) / 2);
    if (before !== null && lnReference !== null) {
      swaps.push({
        seconds,
        lnBefore: before,
        lnAfter,
        lnReference,
        size: Math.abs(amount0),
        buys: amount0 > 0,
        depth: 2 * liquidity * Math.exp(lnAfter / 2),
      });
    }
    before = lnAfter;
  }
  const byDay = new Map<number, number[]>();
  const dayOf = ({ seconds }: SwapSample) => Math.floor(seconds / DAY_SECONDS);
  for (const swap of swaps) {
    byDay.set(dayOf(swap), [...(byDay.get(dayOf(swap)) ?? []), swap.lnReference - swap.lnBefore]);
  }
  const basis = new Map([...byDay].map(([day, gaps]) => [day, quantile(gaps, 0.5)]));
  return swaps.map((swap) => ({ ...swap, lnReference: swap.lnReference - (basis.get(dayOf(swap)) ?? 0) }));
}

function readLiquidity(file: string): LiquidityChange[] {
  const { rows } = parseCsv(readText(file), file, ["timestamp", "tick_lower", "tick_upper", "liquidity_delta"]);
  return rows.map((row) => ({
    timestamp: row.integer("timestamp"),
    tickLower: row.integer("tick_lower"),
    tickUpper: row.integer("tick_upper"),
    liquidityDelta: Number(row.bigint("liquidity_delta")),
  }));
}
