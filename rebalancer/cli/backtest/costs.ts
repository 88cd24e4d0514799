import { MEASURED_GAS } from "../../../ml/backtest/gas.ts";
import type { BacktestMarket } from "../../../ml/backtest/market.ts";
import type { CostSettings } from "../../../ml/backtest/types.ts";
import type { Numeraire, PoolMeta } from "../../../ml/types.ts";
import { ConfigError } from "../../errors.ts";
import { type BacktestFlags, numberOf, type SweepAxes } from "./parse.ts";

/** Gas prices in gwei where neither the market nor the command tells one, by chain id; elsewhere 0.1. */
const TYPICAL_GWEI: Readonly<Record<number, number>> = { 1: 20, 56: 3, 137: 50 };
/** Dollars for what pays for gas on chains where it is in no dollar pool of ours. */
const TYPICAL_GAS_TOKEN_DOLLARS: Readonly<Record<number, number>> = { 137: 0.8 };
const DOLLARS = ["USDC", "USDT", "DAI", "USD"];
const ETHER_CHAINS = [1, 10, 8453, 42161];

export interface Costs {
  readonly costs: CostSettings;
  /** What had to be assumed. */
  readonly notes: readonly string[];
}

/** Costs from the flags; what they leave open is recorded, or assumed and said so. */
export function costsOf(flags: BacktestFlags, axes: SweepAxes, market: BacktestMarket, numeraire: Numeraire): Costs {
  const { pool } = market.description;
  const notes: string[] = [];
  const gasGwei = gasPrice(flags, market, notes);
  const given = flags.gasTokenPrice;
  const gasTokenPrice =
    given === undefined
      ? assumedTokenPrice(pool, numeraire, notes)
      : numberOf("gas-token-price", given, Number.MIN_VALUE);
  const costs: CostSettings = {
    ...MEASURED_GAS,
    gasGwei,
    gasTokenPrice,
    mevBps: numberOf("mev-bps", flags.mevBps, 0, 10_000),
    gasScale: axes.gasScales[0] ?? 1,
    feeHaircutBps: axes.feeHaircutsBps[0] ?? 0,
  };
  return { costs, notes: gasGwei === 0 ? [] : notes };
}

function gasPrice({ gasGwei }: BacktestFlags, market: BacktestMarket, notes: string[]): number | "recorded" {
  if (gasGwei === "recorded" && !market.knowsGas) {
    throw new ConfigError(
      `--gas-gwei: recorded; rule: market ${market.description.name} records no gas price, so name a file by --gas-series or give a number`,
    );
  }
  if (gasGwei === "recorded") return gasGwei;
  if (gasGwei !== undefined) return numberOf("gas-gwei", gasGwei, 0);
  if (market.knowsGas) return "recorded";
  const gwei = TYPICAL_GWEI[market.description.pool.chainId] ?? 0.1;
  notes.push(`gas price assumed to be ${gwei} gwei throughout`);
  return gwei;
}

/** Null where one of the pool's tokens pays for gas. */
function assumedTokenPrice(
  { chainId, token0, token1 }: PoolMeta,
  numeraire: Numeraire,
  notes: string[],
): number | null {
  if (ETHER_CHAINS.includes(chainId)) return null;
  const dollars = TYPICAL_GAS_TOKEN_DOLLARS[chainId];
  const asset = numeraire === 0 ? token0 : token1;
  if (dollars === undefined || !DOLLARS.includes(asset.symbol)) return null;
  if ([token0.symbol, token1.symbol].some((symbol) => symbol.startsWith("WMATIC"))) return null;
  notes.push(`the token that pays for gas assumed to be worth ${dollars} ${asset.symbol} throughout`);
  return dollars;
}
