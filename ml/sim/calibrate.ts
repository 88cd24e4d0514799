import type { Bar } from "../types.ts";
import { LN_TICK } from "../units.ts";
import { type MarketMoment, marketProcess } from "./market.ts";
import type { MarketParameters } from "./parameters.ts";
import { playInPool, type SwapSample } from "./pool.ts";
import { looksInformed, type MarketStatistics, measureMarket, quantile } from "./statistics.ts";

/** A change of liquidity in a pool's history. */
export interface LiquidityChange {
  readonly timestamp: number;
  readonly tickLower: number;
  readonly tickUpper: number;
  readonly liquidityDelta: number;
}

export interface CalibrationData {
  /** Ether in dollars: hours for regimes, 5 minutes for jumps. */
  readonly hours: readonly Bar[];
  readonly fiveMinutes: readonly Bar[];
  /** Swaps of the pool with the price elsewhere beside them. */
  readonly swaps: readonly SwapSample[];
  readonly liquidityChanges: readonly LiquidityChange[];
  /** Pool tick that belongs to a time of the liquidity's history; null = unknown. */
  readonly tickAt: (timestamp: number) => number | null;
  readonly pool: MarketParameters["pool"];
}

const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3600;
/** Shares of days in the calm, the middle and the wild regime. */
const REGIME_BOUNDS = [0.5, 0.85];
/** A 5-minute return beyond so many local standard deviations is a jump. */
const JUMP_SIGMAS = 6;
const SIMULATED_DAYS = 100;
const MAX_MARGIN_BPS = 80;
const STEP_SECONDS = 120;

/** Fits every parameter of the synthetic market and measures the result beside the real one. */
export function calibrate(
  data: CalibrationData,
  seed: number,
): Omit<MarketParameters, "provenance"> & {
  residuals: MarketParameters["provenance"]["residuals"];
} {
  const feeRatio = data.pool.feePips / 1e6;
  const real = measureMarket(data.swaps, feeRatio);
  const jumps = fitJumps(data.fiveMinutes);
  const volatility = fitRegimes(data.hours, jumps.varianceShare);
  const fitted = {
    version: "sim-market@1" as const,
    pool: data.pool,
    startPrice: Math.round(
      Math.exp(
        quantile(
          data.swaps.map((swap) => swap.lnAfter),
          0.5,
        ),
      ),
    ),
    volatility,
    jumps: { perDay: jumps.perDay, logSd: jumps.logSd },
    noise: fitNoise(data.swaps, feeRatio),
    depth: fitDepth(data),
  };
  // The margin is the one number that no file tells: it is set so that the pool turns over as much as it did.
  let best: { marginBps: number; statistics: MarketStatistics } | null = null;
  for (let marginBps = 0; marginBps <= MAX_MARGIN_BPS; marginBps += 2) {
    const statistics = simulate({ ...fitted, arbitrage: { marginBps } }, seed, data.swaps);
    const error = ({ turnoverPerDay }: MarketStatistics) => Math.abs(turnoverPerDay - real.turnoverPerDay);
    if (best === null || error(statistics) < error(best.statistics)) best = { marginBps, statistics };
  }
  const { marginBps, statistics } = best ?? { marginBps: 0, statistics: real };
  const exchange = round(referenceVolatility(data.swaps, 300));
  const residuals = [
    { statistic: "exchangeVolatilityFiveMinutes", unit: "1/sqrt(day)", real: exchange, simulated: exchange },
    ...compare(real, statistics),
  ];
  return { ...fitted, arbitrage: { marginBps }, residuals };
}

/**
 * The fitted market in a pool of even depth, measured like the real one. Its volatility is set to that of the prices
 * beside the real swaps, or the comparison would be one of different times.
 */
function simulate(
  parameters: Omit<MarketParameters, "provenance">,
  seed: number,
  real: readonly SwapSample[],
): MarketStatistics {
  // The scale on which arbitrage works; that market trended over hours, which a price without memory cannot do.
  const sigma = referenceVolatility(real, 300);
  const asThen: MarketParameters = {
    ...parameters,
    volatility: { regimes: [{ sigmaPerDay: sigma, logSd: 0 }], transition: [[1]] },
    jumps: { perDay: 0, logSd: 0 },
    provenance: { files: [], how: {}, residuals: [] },
  };
  const steps = (SIMULATED_DAYS * DAY_SECONDS) / STEP_SECONDS;
  const process = marketProcess({ parameters: asThen, seed, stepSeconds: STEP_SECONDS });
  const { token0, token1 } = parameters.pool;
  const swaps = playInPool(take(process, steps), {
    feeRatio: parameters.pool.feePips / 1e6,
    marginRatio: parameters.arbitrage.marginBps / 1e4,
    liquidity: parameters.depth.liquidity / 10 ** ((token0.decimals + token1.decimals) / 2),
  });
  return measureMarket([...swaps], parameters.pool.feePips / 1e6);
}

function* take(moments: Iterable<MarketMoment>, count: number): Generator<MarketMoment> {
  let left = count;
  for (const moment of moments) {
    if (left-- <= 0) return;
    yield moment;
  }
}

/** Volatility a day of the price elsewhere, seen at swaps at least `spacingSeconds` apart. */
export function referenceVolatility(swaps: readonly SwapSample[], spacingSeconds: number): number {
  let [sum, seconds] = [0, 0];
  let last: SwapSample | null = null;
  for (const swap of swaps) {
    if (last === null) last = swap;
    if (swap.seconds - last.seconds < spacingSeconds) continue;
    sum += (swap.lnReference - last.lnReference) ** 2;
    seconds += swap.seconds - last.seconds;
    last = swap;
  }
  return Math.sqrt((sum / seconds) * DAY_SECONDS);
}

/** Jumps: returns of a bar (5 minutes) beyond JUMP_SIGMAS of the local (one day, bipower) volatility. */
export function fitJumps(
  bars: readonly Bar[],
  barSeconds = 300,
): { perDay: number; logSd: number; varianceShare: number } {
  const perDayBars = DAY_SECONDS / barSeconds;
  let [jumps, jumpVariance, variance, days] = [0, 0, 0, 0];
  for (let start = 1; start + perDayBars <= bars.length; start += perDayBars) {
    const returns: number[] = [];
    for (let i = start; i < start + perDayBars; i++) returns.push((bars[i]?.close ?? 0) - (bars[i - 1]?.close ?? 0));
    let bipower = 0;
    for (let i = 1; i < returns.length; i++) bipower += Math.abs(returns[i] ?? 0) * Math.abs(returns[i - 1] ?? 0);
    const local = Math.sqrt(((Math.PI / 2) * bipower) / (returns.length - 1));
    if (!(local > 0)) continue;
    days++;
    for (const r of returns) {
      variance += r * r;
      if (Math.abs(r) <= JUMP_SIGMAS * local) continue;
      jumps++;
      jumpVariance += r * r;
    }
  }
  return {
    perDay: round(jumps / days),
    logSd: jumps === 0 ? 0 : round(Math.sqrt(jumpVariance / jumps)),
    varianceShare: jumpVariance / variance,
  };
}

/** Days sorted into regimes by realised volatility; transitions counted from one day to the next. */
export function fitRegimes(hours: readonly Bar[], jumpShare: number): MarketParameters["volatility"] {
  const days: number[] = [];
  for (let start = 1; start + 24 <= hours.length; start += 24) {
    let variance = 0;
    for (let i = start; i < start + 24; i++) variance += ((hours[i]?.close ?? 0) - (hours[i - 1]?.close ?? 0)) ** 2;
    // A gap in the candles leaves no number.
    if (Number.isFinite(variance)) days.push(Math.sqrt(variance));
  }
  const bounds = REGIME_BOUNDS.map((share) => quantile(days, share));
  const regimeOf = (sigma: number) => bounds.filter((bound) => sigma > bound).length;
  const count = bounds.length + 1;
  const regimes = Array.from({ length: count }, (_, regime) => {
    const logs = days.filter((sigma) => sigma > 0 && regimeOf(sigma) === regime).map(Math.log);
    const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
    const spread = logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / logs.length;
    return {
      sigmaPerDay: round(Math.exp(mean) * Math.sqrt(1 - jumpShare)),
      // ln of a volatility from 24 returns has a variance of 1/48 of its own, which the simulation adds again.
      logSd: round(Math.sqrt(Math.max(0, spread - 1 / 48))),
    };
  });
  const counts = Array.from({ length: count }, () => new Array<number>(count).fill(0));
  for (let i = 1; i < days.length; i++) {
    const row = counts[regimeOf(days[i - 1] ?? 0)];
    const to = regimeOf(days[i] ?? 0);
    if (row) row[to] = (row[to] ?? 0) + 1;
  }
  const transition = counts.map((row) => {
    const sum = row.reduce((a, b) => a + b, 0);
    const shares = row.slice(0, -1).map((n) => Number((n / sum).toFixed(6)));
    return [...shares, Number((1 - shares.reduce((a, b) => a + b, 0)).toFixed(6))];
  });
  return { regimes, transition };
}

/** Orders that arbitrage does not explain: how many, how they follow volatility, which side they take, how large. */
export function fitNoise(swaps: readonly SwapSample[], feeRatio: number): MarketParameters["noise"] {
  const noise = swaps.filter((swap) => !looksInformed(swap, feeRatio));
  const days = ((swaps.at(-1)?.seconds ?? 0) - (swaps[0]?.seconds ?? 0)) / DAY_SECONDS;
  const toward = noise.filter((swap) => swap.buys === swap.lnReference > swap.lnBefore).length;
  const { elasticity, reference } = fitActivity(swaps, noise);
  const logs = noise.filter((swap) => swap.size > 0).map((swap) => Math.log(swap.size));
  return {
    perDay: round(noise.length / days),
    elasticity: round(elasticity),
    referenceVariancePerDay: round(reference),
    towardShare: round(toward / noise.length),
    logSizeQuantiles: Array.from({ length: 41 }, (_, i) => round(quantile(logs, i / 40))),
  };
}

/**
 * ln(orders an hour) regressed on ln(variance of the price elsewhere in that hour); the reference variance is the one
 * at which the fitted activity equals its mean.
 */
function fitActivity(swaps: readonly SwapSample[], noise: readonly SwapSample[]) {
  const hourOf = (swap: SwapSample) => Math.floor(swap.seconds / HOUR_SECONDS);
  const counts = new Map<number, number>();
  for (const swap of noise) counts.set(hourOf(swap), (counts.get(hourOf(swap)) ?? 0) + 1);
  const variances = new Map<number, number>();
  for (let i = 1; i < swaps.length; i++) {
    const [before, swap] = [swaps[i - 1], swaps[i]];
    if (!before || !swap) continue;
    variances.set(hourOf(swap), (variances.get(hourOf(swap)) ?? 0) + (swap.lnReference - before.lnReference) ** 2);
  }
  const rows = [...variances]
    .filter(([, variance]) => variance > 0)
    .map(([hour, variance]) => ({ x: Math.log(variance * 24), y: Math.log(1 + (counts.get(hour) ?? 0)) }));
  const mean = (value: (row: { x: number; y: number }) => number) =>
    rows.reduce((sum, row) => sum + value(row), 0) / rows.length;
  const [meanX, meanY] = [mean((r) => r.x), mean((r) => r.y)];
  const elasticity = mean((r) => (r.x - meanX) * (r.y - meanY)) / mean((r) => (r.x - meanX) ** 2);
  const reference = mean((r) => Math.exp(r.x * elasticity)) ** (1 / elasticity);
  return { elasticity, reference };
}

/** Half-widths, as log prices, of the bands that liquidity is sorted into. */
const BANDS = [0.02, 0.05, 0.1, 0.2, 0.4, 0.8];

/** In-range liquidity, and how it falls away from the price: the mean profile over the days of the liquidity's history. */
export function fitDepth(data: Pick<CalibrationData, "swaps" | "liquidityChanges" | "tickAt" | "pool">) {
  const { token0, token1 } = data.pool;
  const whole = data.swaps.map((swap) => swap.depth / (2 * Math.exp(swap.lnAfter / 2)));
  const liquidity = quantile(whole, 0.5) * 10 ** ((token0.decimals + token1.decimals) / 2);
  const profile = new Array<number>(BANDS.length + 1).fill(0);
  const last = data.liquidityChanges.at(-1)?.timestamp ?? 0;
  const first = (data.liquidityChanges[0]?.timestamp ?? 0) + 25 * DAY_SECONDS;
  for (let at = first; at <= last; at += DAY_SECONDS) {
    const tick = data.tickAt(at);
    if (tick === null) continue;
    const live = data.liquidityChanges.filter((change) => change.timestamp <= at);
    const liquidityAt = (offset: number) => {
      const where = tick + offset / LN_TICK;
      return live.reduce((sum, c) => (c.tickLower <= where && where < c.tickUpper ? sum + c.liquidityDelta : sum), 0);
    };
    const near = bandMean(liquidityAt, 0, BANDS[0] ?? 0);
    for (let i = 0; i < profile.length; i++) {
      const [from, to] = [BANDS[i - 1] ?? 0, BANDS[i] ?? 2 * (BANDS.at(-1) ?? 0)];
      profile[i] = (profile[i] ?? 0) + bandMean(liquidityAt, from, to) / near;
    }
  }
  const top = profile[0] ?? 1;
  let lowest = 1;
  const bands = profile.map((value, i) => {
    // Nested ranges can only make a profile that falls.
    lowest = Math.min(lowest, value / top);
    return { halfWidth: BANDS[i] ?? null, share: round(lowest) };
  });
  return { liquidity: Number(liquidity.toPrecision(4)), bands };
}

/** Mean over both sides of the price, at eight points between two offsets. */
function bandMean(liquidityAt: (offset: number) => number, from: number, to: number): number {
  const points = Array.from({ length: 8 }, (_, i) => from + ((i + 0.5) / 8) * (to - from));
  return points.reduce((sum, offset) => sum + (liquidityAt(offset) + liquidityAt(-offset)) / 2, 0) / points.length;
}

const UNITS: Readonly<Record<keyof MarketStatistics, string>> = {
  swapsPerDay: "1/day",
  turnoverPerDay: "volume / full-range value / day",
  medianSize: "token0",
  informedShareOfSwaps: "share",
  informedShareOfVolume: "share",
  towardShare: "share",
  volatilityHourly: "1/sqrt(day)",
  volatilityFiveMinutes: "1/sqrt(day)",
  feeOverLvrHourly: "ratio",
  feeOverLvrFiveMinutes: "ratio",
  gapSdBps: "bps",
};

const compare = (real: MarketStatistics, simulated: MarketStatistics) =>
  (Object.keys(UNITS) as (keyof MarketStatistics)[]).map((statistic) => ({
    statistic,
    unit: UNITS[statistic],
    real: round(real[statistic]),
    simulated: round(simulated[statistic]),
  }));

const round = (value: number): number => Number(value.toPrecision(5));
