import { joinBars } from "../../data/bars.ts";
import type { Bar } from "../../types.ts";
import { fitJumps, fitRegimes } from "../calibrate.ts";
import { createCycle } from "./cycle.ts";
import { describeSeries, type SeriesDescription } from "./describe.ts";
import { fitFalls } from "./fitFalls.ts";
import { type FlowFit, fitCrunches, fitFlow } from "./fitFlow.ts";
import type { CycleParameters } from "./parameters.ts";
import type { CalibrationSource } from "./sources.ts";

const HOUR_SECONDS = 3600;
/** Days from which three regimes and their transitions are told apart. */
const REGIME_DAYS = 60;
/** Three days: less says nothing about jumps. */
const JUMP_SECONDS = 3 * 86_400;
const MAX_MARGIN_BPS = 100;
const SIMULATED = { environments: 64, days: 60, seed: 1 };

/**
 * Fits the cycle to files: prices to the longest of them, jumps to the finest that has days enough, flow to the longest
 * of a pool, the share of noise to a file with swaps. What they do not tell is kept from
 * `base`, and `provenance.how` says so. The residuals put statistics of the files beside those of the fitted cycle.
 */
export function calibrateCycle(sources: readonly CalibrationSource[], base: CycleParameters): CycleParameters {
  const how: Record<string, string> = {};
  const bySpan = [...sources].sort((a, b) => span(b) - span(a));
  const longest = bySpan[0];
  if (longest === undefined) return base;
  const finest = bySpan.reduce((best, source) => (source.barSeconds < best.barSeconds ? source : best), longest);
  const pool = bySpan.find((source) => source.pool !== null);
  const informedShare = sources.find((source) => source.informedShare !== null)?.informedShare ?? null;
  const prices = fitPrices(longest, span(finest) >= JUMP_SECONDS ? finest : longest, base, how);
  const flow = pool === undefined ? keepFlow(base, how) : fitPool(pool, base, how);
  const fitted: CycleParameters = {
    ...base,
    market: sources.map(({ name }) => name).join(" + "),
    ...prices,
    ...flow,
    provenance: { files: sources.map(({ file, sha256 }) => ({ file, sha256 })), how, residuals: [] },
  };
  const adjusted = pool === undefined ? fitted : fitToTurnover(fitted, flowOf(pool), informedShare, how);
  return withResiduals(adjusted, longest, pool ?? null);
}

const span = ({ bars, barSeconds }: CalibrationSource): number => bars.length * barSeconds;

const hoursOf = ({ bars, barSeconds }: CalibrationSource): Bar[] => joinBars(bars, HOUR_SECONDS / barSeconds);

type PricePart = Pick<CycleParameters, "volatility" | "jumps" | "flashCrashes">;

function fitPrices(
  source: CalibrationSource,
  fineSource: CalibrationSource,
  base: CycleParameters,
  how: Record<string, string>,
): PricePart {
  const { file } = source;
  const hours = hoursOf(source);
  const falls = fitFalls(hours);
  how.flashCrashes =
    falls === null
      ? "kept from the base: fewer than 180 days, or fewer than three in them"
      : `${file}: falls of an hour to its low of 4 % and 6 standard deviations or more, of which a quarter or more came back within a day; the liquidity that stays is kept from the base`;
  const fineSeconds = Math.max(300, fineSource.barSeconds);
  const fine = joinBars(fineSource.bars, fineSeconds / fineSource.barSeconds);
  const jumps = span(fineSource) >= JUMP_SECONDS ? fitJumps(fine, fineSeconds) : null;
  how.jumps =
    jumps === null
      ? "kept from the base: fewer than three days"
      : `${fineSource.file}: returns of ${fineSeconds / 60} minutes beyond 6 local standard deviations (bipower, one day)`;
  // The jumps of a series contain its flash crashes.
  const jumpsPerDay = Math.max(0, (jumps?.perDay ?? base.jumps.perDay) - (falls?.perDay ?? 0));
  return {
    volatility: fitVolatility(hours, jumps?.varianceShare ?? 0, file, how),
    jumps: { perDay: round(jumpsPerDay), logSd: jumps?.logSd ?? base.jumps.logSd },
    flashCrashes: falls === null ? base.flashCrashes : { ...base.flashCrashes, ...rounded(falls) },
  };
}

function fitVolatility(
  hours: readonly Bar[],
  jumpShare: number,
  file: string,
  how: Record<string, string>,
): CycleParameters["volatility"] {
  if (hours.length >= REGIME_DAYS * 24) {
    how.volatility = `${file}: days sorted by realised volatility of hours at the 50 % and 85 % quantiles, less the jumps' share; transitions counted`;
    return fitRegimes(hours, jumpShare);
  }
  // Too few days to tell regimes apart: one, as wide as the days were.
  const squares = hours.slice(1).flatMap(({ close }, i) => {
    const r = close - (hours[i]?.close ?? Number.NaN);
    return Number.isFinite(r) ? [r * r] : [];
  });
  const variance = (squares.reduce((a, b) => a + b, 0) / squares.length) * 24 * (1 - jumpShare);
  how.volatility = `${file}: one regime, for want of ${REGIME_DAYS} days: the variance of all hours`;
  return { regimes: [{ sigmaPerDay: round(Math.sqrt(variance)), logSd: 0 }], transition: [[1]] };
}

type PoolPart = Pick<CycleParameters, "feePips" | "tickSpacing" | "noise" | "depth" | "crunches">;

function keepFlow(base: CycleParameters, how: Record<string, string>): PoolPart {
  const { feePips, tickSpacing, noise, depth, crunches } = base;
  how.flow = "noise, depth, crunches and arbitrage are kept from the base: an exchange's candles do not tell them";
  return { feePips, tickSpacing, noise, depth, crunches };
}

function fitPool(source: CalibrationSource, base: CycleParameters, how: Record<string, string>): PoolPart {
  const { file, pool } = source;
  if (pool === null) return keepFlow(base, how);
  const hours = hoursOf(source);
  const flow = fitFlow(hours, pool.feePips / 1e6);
  const crunches = fitCrunches(hours);
  how["noise.turnoverPerDay"] = `${file}: the turnover that arbitrage does not explain`;
  how["noise.hourlyVariation"] = `${file}: spread of an hour's turnover around its day's mean`;
  how["noise.elasticity"] =
    flow.activity === null
      ? "kept from the base: fewer than 72 hours"
      : `${file}: slope of ln(turnover) on ln(variance), of days where there are 14, else of hours`;
  how["noise.towardShare"] = "kept from the base: it takes the price elsewhere beside every swap";
  how["noise.imbalance"] = "kept from the base: a pool's bars do not tell noise from arbitrage";
  how.depth = `${file}: median value of a full-range position with all in-range liquidity`;
  how.crunches =
    crunches === null
      ? "kept from the base: less than a week of liquidity, or no fall of it below 0.7 of the week's median"
      : `${file}: hours with liquidity below 0.7 of the median of the week around them`;
  return {
    feePips: pool.feePips,
    tickSpacing: pool.tickSpacing,
    noise: {
      ...base.noise,
      ...rounded(flow.activity ?? { referenceVariancePerDay: base.noise.referenceVariancePerDay }),
      turnoverPerDay: round(flow.turnoverPerDay),
      hourlyVariation: round(flow.hourlyVariation),
    },
    depth: { fullRangeValue: round(flow.fullRangeValueRaw / 10 ** pool.quoteDecimals) },
    crunches: crunches === null ? base.crunches : rounded(crunches),
  };
}

const flowOf = (source: CalibrationSource): FlowFit => fitFlow(hoursOf(source), (source.pool?.feePips ?? 1) / 1e6);

/** The cycle in the weather of the pool's file, or turnovers of different times would be compared. */
const asThen = (parameters: CycleParameters, { variancePerDay }: FlowFit): CycleParameters => ({
  ...parameters,
  volatility: { regimes: [{ sigmaPerDay: Math.sqrt(variancePerDay), logSd: 0 }], transition: [[1]] },
  jumps: { ...parameters.jumps, perDay: 0 },
  flashCrashes: { ...parameters.flashCrashes, perDay: 0 },
  crunches: { ...parameters.crunches, perDay: 0 },
});

/**
 * Noise is set so that noise and arbitrage together turn the pool over as much as it did, at the volatility that its
 * file had. With swaps, their markouts say
 * how much of it is noise, and the margin of arbitrage is set instead.
 */
function fitToTurnover(
  fitted: CycleParameters,
  flow: FlowFit,
  informedShare: number | null,
  how: Record<string, string>,
): CycleParameters {
  const turnover = flow.turnoverPerDay;
  const simulated = (parameters: CycleParameters) => simulatedTurnover(asThen(parameters, flow));
  const withNoise = (turnoverPerDay: number, marginBps: number): CycleParameters => ({
    ...fitted,
    noise: { ...fitted.noise, turnoverPerDay: round(Math.max(1e-6, turnoverPerDay)) },
    arbitrage: { marginBps },
  });
  const noise = informedShare === null ? null : turnover * (1 - informedShare);
  if (noise !== null) {
    how["noise.turnoverPerDay"] =
      `swaps whose markout after five minutes does not pay their fee: ${round(1 - (informedShare ?? 0))} of volume`;
    how["arbitrage.marginBps"] = "set so that the simulated pool turns over as much as the real one";
    // More margin, less arbitrage: halve the interval.
    let [low, high] = [0, MAX_MARGIN_BPS];
    for (let round = 0; round < 8; round++) {
      const middle = (low + high) / 2;
      if (simulated(withNoise(noise, middle)) > turnover) low = middle;
      else high = middle;
    }
    const marginBps = round((low + high) / 2);
    if (simulated(withNoise(noise, marginBps)) > 0.99 * turnover) return withNoise(noise, marginBps);
    how["noise.turnoverPerDay"] += "; more, because arbitrage once a step turns over less than the rest";
    return withNoise(noiseFor(noise, marginBps), marginBps);
  }
  how["arbitrage.marginBps"] = "kept from the base";
  return withNoise(noiseFor(0, fitted.arbitrage.marginBps), fitted.arbitrage.marginBps);

  /** Noise of at least `least` that makes the turnover. */
  function noiseFor(least: number, marginBps: number): number {
    let [low, high] = [least, Math.max(least, turnover)];
    for (let round = 0; round < 12; round++) {
      const middle = (low + high) / 2;
      if (simulated(withNoise(middle, marginBps)) > turnover) high = middle;
      else low = middle;
    }
    return (low + high) / 2;
  }
}

/** Volume a day over the value of a full-range position, arbitrage and noise. */
export function simulatedTurnover(parameters: CycleParameters): number {
  const cycle = simulation(parameters);
  const steps = SIMULATED.days * 24;
  // A path of the root of the price, relative to it, is twice the turnover.
  let path = 0;
  for (let step = 0; step < steps; step++) {
    const before = Float64Array.from(cycle.fields.pool);
    cycle.step();
    const { ref, pool, arbitrage, gross, liquidity } = cycle.fields;
    for (let i = 0; i < cycle.environments; i++) {
      const [at, end, middle] = [before[i] ?? 1, pool[i] ?? 1, arbitrage[i] ?? 1];
      const noise = ((gross[i] ?? 0) * (ref[i] ?? 1)) / (liquidity[i] ?? 1);
      path += (Math.abs(middle - at) + Math.max(noise, Math.abs(end - middle))) / (ref[i] ?? 1);
    }
  }
  return path / cycle.environments / SIMULATED.days / 2 / (1 - parameters.feePips / 1e6);
}

const simulation = (parameters: CycleParameters) => {
  const { environments, days, seed } = SIMULATED;
  const cycle = createCycle(parameters, { environments, horizonSteps: days * 24 });
  cycle.reset(seed);
  return cycle;
};

/** Hourly log prices elsewhere of simulated paths. */
export function simulatedPaths(
  parameters: CycleParameters,
  environments: number,
  days: number,
  seed: number,
): number[][] {
  const cycle = createCycle(parameters, { environments, horizonSteps: days * 24 });
  cycle.reset(seed);
  const paths = Array.from({ length: environments }, () => [0]);
  for (let step = 0; step < days * 24; step++) {
    cycle.step();
    for (const [i, path] of paths.entries()) path.push(2 * Math.log(cycle.fields.ref[i] ?? 1));
  }
  return paths;
}

const UNITS: Readonly<Record<keyof SeriesDescription, string>> = {
  days: "days",
  volatility: "1/sqrt(day)",
  kurtosis: "ratio",
  clusteringHour: "correlation",
  clusteringDay: "correlation",
  p01: "standard deviations",
  p05: "standard deviations",
  p50: "standard deviations",
  p95: "standard deviations",
  p99: "standard deviations",
  worstHour: "log return",
  bestHour: "log return",
  drawdownMedian: "share",
  drawdownWorst: "share",
};

function withResiduals(
  fitted: CycleParameters,
  prices: CalibrationSource,
  pool: CalibrationSource | null,
): CycleParameters {
  const real = describeSeries([hoursOf(prices).map(({ close }) => close)]);
  const { environments, days, seed } = SIMULATED;
  const simulated = describeSeries(simulatedPaths(fitted, environments, days, seed + 1));
  const rows = (Object.keys(UNITS) as (keyof SeriesDescription)[]).map((statistic) => ({
    statistic: `price.${statistic}`,
    unit: UNITS[statistic],
    real: finite(real[statistic]),
    simulated: round(simulated[statistic]),
  }));
  if (pool !== null) {
    const flow = flowOf(pool);
    rows.push({
      statistic: "pool.turnoverPerDay",
      unit: "volume / full-range value / day",
      real: finite(flow.turnoverPerDay),
      simulated: round(simulatedTurnover(asThen(fitted, flow))),
    });
  }
  return { ...fitted, provenance: { ...fitted.provenance, residuals: rows } };
}

const round = (value: number): number => Number(value.toPrecision(5));
const finite = (value: number): number | null => (Number.isFinite(value) ? round(value) : null);
const rounded = <T extends object>(numbers: T): T =>
  Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, round(value as number)])) as T;
