import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { swapsOf, toBars } from "../../data/bars.ts";
import { formatError, readText } from "../../data/file.ts";
import { type MarketPool, poolFromName, resolveMarket } from "../../data/market.ts";
import { parseCandles } from "../../data/ohlcv.ts";
import { parsePoolHours } from "../../data/poolHours.ts";
import { parsePoolMinutes } from "../../data/poolMinutes.ts";
import { BaseError } from "../../errors.ts";
import type { Bar, Numeraire } from "../../types.ts";
import { sqrtPriceX96ToLnPrice } from "../../units.ts";
import { fitInformedShare, type PoolSwapSample } from "./fitFlow.ts";

/** A file holds too little to fit anything to; names the file, what was found and what is needed. */
export class TooLittleDataError extends BaseError {
  override name = "TooLittleDataError";
}

/** What a file says about a market, on a regular grid; gaps are bars of NaN. */
export interface CalibrationSource {
  readonly file: string;
  readonly sha256: string;
  readonly name: string;
  readonly bars: readonly Bar[];
  readonly barSeconds: number;
  /** Null for an exchange: its bars tell prices only. */
  readonly pool: { readonly feePips: number; readonly tickSpacing: number; readonly quoteDecimals: number } | null;
  /** Share of volume that was informed, from markouts of swaps; null where there are no swaps. */
  readonly informedShare: number | null;
}

const MIN_DAYS = 1;
const MIN_SWAPS = 100;
const DAY_SECONDS = 86_400;
const EVENT_BAR_SECONDS = 300;
const DOLLARS = ["USDC", "USDT", "DAI"];

/** Reads an event market of a data folder. */
export function readEventSource(dataFolder: string, market: string): CalibrationSource {
  const { eventFile, events, pool } = resolveMarket(dataFolder, market);
  const swaps = swapsOf(events);
  const [first, last] = [swaps[0], swaps.at(-1)];
  const days = first && last ? (last.timestamp - first.timestamp) / DAY_SECONDS : 0;
  // A file of one calendar day has its first and last swap a little inside it.
  need(eventFile, swaps.length >= MIN_SWAPS, `${swaps.length} swaps`, `at least ${MIN_SWAPS} swaps`);
  need(eventFile, days >= MIN_DAYS * 0.98, `${(days * 24).toFixed(1)} hours`, "at least 24 hours");
  const numeraire = quoteOf(pool);
  const fromTimestamp = (first?.timestamp ?? 0) - 1;
  const untilSeconds = (last?.timestamp ?? 0) + EVENT_BAR_SECONDS;
  const bars = toBars({ pool, swaps, fromTimestamp }, numeraire, { barSeconds: EVENT_BAR_SECONDS, untilSeconds });
  const samples = swaps.map(({ timestamp, sqrtPriceX96, amount0, amount1 }): PoolSwapSample => {
    const lnPrice = sqrtPriceX96ToLnPrice(sqrtPriceX96, numeraire);
    const [asset, other] = numeraire === 0 ? [amount0, amount1] : [amount1, amount0];
    return {
      seconds: timestamp,
      lnPrice,
      buys: asset > 0n,
      size: asset > 0n ? Number(asset) : Number(other) * Math.exp(lnPrice),
    };
  });
  return {
    ...identity(eventFile),
    name: market,
    bars,
    barSeconds: EVENT_BAR_SECONDS,
    pool: poolPart(pool, numeraire),
    informedShare: fitInformedShare(samples, pool.feePips / 1e6),
  };
}

/**
 * Reads a bar file, whose kind its header tells: exchange candles, pool minutes or pool hours. `poolName`, in the form
 * <chain>_<token0>_<token1>_<fee>, tells the pool where the file's own name does not.
 */
export function readBarSource(path: string, poolName?: string): CalibrationSource {
  const text = readText(path);
  const header = (text.split("\n")[0] ?? "").trim().split(",");
  const name = basename(path).replace(/\.csv(\.gz)?$/, "");
  const { bars, barSeconds, pool } = parseBars(text, path, header, poolName ?? name);
  if (3600 % barSeconds !== 0) {
    throw new TooLittleDataError(`${path}: its bars are ${barSeconds} seconds long, but they must divide an hour`);
  }
  const known = bars.filter(({ close }) => Number.isFinite(close)).length;
  const hours = (known * barSeconds) / 3600;
  need(path, hours >= MIN_DAYS * 24, `${hours.toFixed(1)} hours`, "at least 24 hours");
  return { ...identity(path), name, bars, barSeconds, pool, informedShare: null };
}

function parseBars(text: string, path: string, header: readonly string[], name: string) {
  if (header.includes("open_time")) {
    const barSeconds = spacingOf(text, header.indexOf("open_time"), path);
    return { bars: parseCandles(text, path, barSeconds), barSeconds, pool: null };
  }
  const minutes = header.includes("current_liquidity");
  if (!minutes && !(header.includes("period_start") && header.some((c) => c.startsWith("fee_growth_global0_x128")))) {
    const rule = "it must be that of candles (open_time), pool minutes (current_liquidity) or pool hours (fee growth)";
    throw formatError({ file: path, line: 1, field: "header", value: header.join(","), rule });
  }
  const pool = poolFromName(name);
  if (pool === null) {
    const rule =
      "a pool's bars need a file name, or a pool given, in the form <chain>_<token0>_<token1>_<fee>, fee one of 001, 005, 03, 1";
    throw formatError({ file: path, line: null, field: "name", value: name, rule });
  }
  const numeraire = quoteOf(pool);
  if (minutes) {
    const bars = parsePoolMinutes(text, path, { numeraire, feePips: pool.feePips });
    return { bars, barSeconds: 60, pool: poolPart(pool, numeraire) };
  }
  const decimals = { decimals0: pool.token0.decimals, decimals1: pool.token1.decimals };
  const bars = parsePoolHours(text, path, { numeraire, feePips: pool.feePips, ...decimals });
  return { bars, barSeconds: 3600, pool: poolPart(pool, numeraire) };
}

/** The smallest step between candles of the first hundred. */
function spacingOf(text: string, column: number, file: string): number {
  const times = text
    .split("\n", 101)
    .slice(1)
    .filter(Boolean)
    .map((line) => Number(line.split(",")[column]));
  const steps = times
    .slice(1)
    .map((time, i) => time - (times[i] ?? time))
    .filter((step) => step > 0);
  if (steps.length === 0)
    throw new TooLittleDataError(`${file}: it holds ${times.length} candles, but it must hold at least 24 hours`);
  return Math.min(...steps);
}

function need(file: string, holds: boolean, found: string, needed: string): void {
  if (!holds) throw new TooLittleDataError(`${file}: it holds ${found}, but a calibration needs ${needed}`);
}

const identity = (path: string) => ({
  file: basename(path),
  sha256: createHash("sha256").update(readFileSync(path)).digest("hex"),
});

/** A dollar is the quote where there is one, else token1. */
const quoteOf = (pool: MarketPool): Numeraire => (DOLLARS.includes(pool.token0.symbol) ? 0 : 1);

const poolPart = (pool: MarketPool, numeraire: Numeraire) => ({
  feePips: pool.feePips,
  tickSpacing: pool.tickSpacing,
  quoteDecimals: (numeraire === 0 ? pool.token0 : pool.token1).decimals,
});
