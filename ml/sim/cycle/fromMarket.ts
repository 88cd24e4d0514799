import type { MarketParameters } from "../parameters.ts";
import type { CycleParameters } from "./parameters.ts";

/**
 * The cycle that belongs to the synthetic market: the same prices and noise, hour by hour instead of order by order.
 * Flash crashes and crunches are not part of that market, so there are none, of a shape to be fitted.
 */
export function cycleOfMarket(market: MarketParameters): CycleParameters {
  const { pool, noise, depth } = market;
  const decimals = (pool.token0.decimals + pool.token1.decimals) / 2;
  const fullRangeValue = 2 * (depth.liquidity / 10 ** decimals) * Math.sqrt(market.startPrice);
  const sizes = noise.logSizeQuantiles.map(Math.exp);
  // Quantiles are evenly spaced, so the mean of a piece is that of its ends.
  const moment = (power: number) =>
    sizes.slice(1).reduce((sum, size, i) => sum + (size ** power + (sizes[i] ?? size) ** power) / 2, 0) /
    (sizes.length - 1);
  const perHour = noise.perDay / 24;
  const spread = moment(2) / moment(1) ** 2 / perHour;
  return {
    version: "market-cycle@1",
    market: `${pool.token0.symbol}/${pool.token1.symbol} synthetic`,
    feePips: pool.feePips,
    tickSpacing: pool.tickSpacing,
    volatility: market.volatility,
    jumps: market.jumps,
    flashCrashes: {
      perDay: 0,
      leastLog: 0.05,
      meanExcessLog: 0.03,
      reboundShare: 0.5,
      reboundHours: 4,
      liquidityShare: 0.5,
    },
    crunches: { perDay: 0, liquidityShare: 0.6, recoveryHours: 12 },
    noise: {
      turnoverPerDay: round((noise.perDay * moment(1)) / fullRangeValue),
      elasticity: noise.elasticity,
      referenceVariancePerDay: noise.referenceVariancePerDay,
      // Sums of independent orders vary with the second moment of their sizes.
      hourlyVariation: round(Math.sqrt(spread)),
      towardShare: noise.towardShare,
      // Uniform on (-c, c) has a standard deviation of c / sqrt(3).
      imbalance: round(Math.min(1, Math.sqrt(3 * spread))),
    },
    arbitrage: market.arbitrage,
    depth: { fullRangeValue: round(fullRangeValue) },
    provenance: { files: market.provenance.files, how: market.provenance.how, residuals: [] },
  };
}

const round = (value: number): number => Number(value.toPrecision(5));
