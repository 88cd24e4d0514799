import { InvalidInputError } from "../../errors.ts";
import { LN_TICK } from "../../units.ts";
import { stationary } from "../market.ts";
import type { CycleParameters } from "./parameters.ts";

const DAY_SECONDS = 86_400;

/** Which agents play, and how finely. Money is in whole units of the quote token. */
export interface CycleSettings {
  /** A multiple of 8. */
  readonly environments: number;
  /** Must divide a day. */
  readonly stepSeconds: number;
  /** Steps until an episode is done. */
  readonly horizonSteps: number;
  readonly capital: number;
  /** Half-widths of the three ranges, as ratios: 0.1 = ±10 %. Rising. */
  readonly halfWidths: readonly [number, number, number];
  readonly gasPerMove: number;
  readonly mevBps: number;
  /** The built-in rule: recentre to the range `width` once the price is `tau` (a ratio) from where it was set. */
  readonly rule: { readonly tau: number; readonly width: 1 | 2 | 3 };
}

export const defaultCycleSettings: CycleSettings = {
  environments: 1024,
  stepSeconds: 3600,
  horizonSteps: 720,
  capital: 10_000,
  halfWidths: [0.05, 0.1, 0.2],
  gasPerMove: 5,
  mevBps: 1,
  rule: { tau: 0.1, width: 2 },
};

/** What the kernel computes with, one step long. "Half" and "root" = of the square root of a price; money in capitals. */
export interface World {
  readonly feeOnNet: number;
  readonly band: number;
  readonly bandInverse: number;
  readonly feeRoot: number;
  readonly feeRootInverse: number;
  readonly depth: number;
  readonly toward: number;
  /** Per unit of a signed 16-bit number. */
  readonly imbalanceScale: number;
  readonly flowConstant: number;
  readonly flowSlope: number;
  readonly drift: number;
  /** Out of 65,536. */
  readonly anyEvent: number;
  /** Out of 65,536: an event below the first is a jump, below the second a fall, else a crunch. */
  readonly jumpShare: number;
  readonly fallShare: number;
  readonly jumpHalf: number;
  readonly flashHalfMean: number;
  readonly flashHalfLeast: number;
  readonly reboundShare: number;
  readonly reboundRate: number;
  readonly flashLiquidity: number;
  readonly crunchLiquidity: number;
  readonly recoveryRate: number;
  readonly widths: readonly [number, number, number];
  readonly spacing: number;
  readonly swapCost: number;
  readonly gas: number;
  readonly tau: number;
  readonly tauInverse: number;
  readonly ruleWidth: number;
  readonly fast: number;
  readonly slow: number;
  /** Three rows of two cumulative shares. */
  readonly transition: readonly number[];
  readonly lnHalfSigma: readonly number[];
  readonly lnSigmaSd: readonly number[];
  readonly lnFlow: number;
  readonly elasticity: number;
  readonly lnHalfSigmaReference: number;
  readonly stationary: readonly number[];
  readonly stepsPerDay: number;
}

/** Turns parameters and settings into the numbers of one step; raises InvalidInputError that names a wrong setting. */
export function worldOf(parameters: CycleParameters, settings: CycleSettings): World {
  checkSettings(settings);
  const { volatility, jumps, flashCrashes, crunches, noise, arbitrage } = parameters;
  const { stepSeconds, capital } = settings;
  const stepDays = stepSeconds / DAY_SECONDS;
  const fee = parameters.feePips / 1e6;
  const margin = arbitrage.marginBps / 1e4;
  const perStep = {
    jump: jumps.perDay * stepDays,
    fall: flashCrashes.perDay * stepDays,
    crunch: crunches.perDay * stepDays,
  };
  // Of several events in a step only one happens, which takes (rate squared) / 2 away.
  const rate = perStep.jump + perStep.fall + perStep.crunch;
  const reached = 1 - Math.exp(-rate);
  const stays = 1 - flashCrashes.reboundShare;
  const meanOfJumps = reached * (rate === 0 ? 0 : perStep.jump / rate) * (Math.exp(jumps.logSd ** 2 / 2) - 1);
  const meanOfFalls =
    reached *
    (rate === 0 ? 0 : perStep.fall / rate) *
    (Math.exp(-stays * flashCrashes.leastLog) / (1 + stays * flashCrashes.meanExcessLog) - 1);
  // (a + b z)^2 has mean a^2 + b^2 = 1 and squared variation 4 b^2 - 2 b^4; shorter steps vary more, up to sqrt(2).
  const variation = Math.min(Math.SQRT2, noise.hourlyVariation * Math.sqrt(3600 / stepSeconds));
  const slopeSquared = 1 - Math.sqrt(1 - variation ** 2 / 2);
  const half = (sigmaPerDay: number) => (sigmaPerDay * Math.sqrt(stepDays)) / 2;
  const regimes = [0, 1, 2].map((i) => Math.min(i, volatility.regimes.length - 1));
  const rowOf = (shares: readonly number[]) => [
    shares[0] ?? 1,
    shares.length > 2 ? (shares[0] ?? 0) + (shares[1] ?? 0) : 1.1,
  ];
  const regime = (i: number) => volatility.regimes[i] ?? { sigmaPerDay: 0, logSd: 0 };
  const halfLife = (hours: number) => 1 - Math.exp(-stepSeconds / (hours * 3600));
  return {
    feeOnNet: fee / (1 - fee),
    band: Math.exp((fee + margin) / 2),
    bandInverse: Math.exp(-(fee + margin) / 2),
    feeRoot: Math.exp(fee / 2),
    feeRootInverse: Math.exp(-fee / 2),
    depth: parameters.depth.fullRangeValue / 2 / capital,
    toward: Math.max(0, 2 * noise.towardShare - 1),
    imbalanceScale: noise.imbalance / 32768,
    flowConstant: Math.sqrt(1 - slopeSquared),
    flowSlope: Math.sqrt(slopeSquared),
    drift: -(meanOfJumps + meanOfFalls) / 2,
    anyEvent: Math.round(reached * 65536),
    jumpShare: rate === 0 ? 0 : (perStep.jump / rate) * 65536,
    fallShare: rate === 0 ? 0 : ((perStep.jump + perStep.fall) / rate) * 65536,
    jumpHalf: jumps.logSd / 2,
    flashHalfMean: flashCrashes.meanExcessLog / 2,
    flashHalfLeast: flashCrashes.leastLog / 2,
    reboundShare: flashCrashes.reboundShare,
    reboundRate: halfLife(flashCrashes.reboundHours),
    flashLiquidity: flashCrashes.liquidityShare,
    crunchLiquidity: crunches.liquidityShare,
    recoveryRate: halfLife(crunches.recoveryHours),
    widths: settings.halfWidths.map((width) => Math.log(1 + width) / 2) as [number, number, number],
    spacing: (parameters.tickSpacing * LN_TICK) / 2,
    swapCost: fee + settings.mevBps / 1e4,
    gas: settings.gasPerMove / capital,
    tau: Math.sqrt(1 + settings.rule.tau),
    tauInverse: 1 / Math.sqrt(1 + settings.rule.tau),
    ruleWidth: settings.rule.width,
    fast: halfLife(24),
    slow: halfLife(24 * 7),
    transition: regimes.flatMap((i) => rowOf(volatility.transition[i] ?? [1])),
    lnHalfSigma: regimes.map((i) => Math.log(half(regime(i).sigmaPerDay))),
    lnSigmaSd: regimes.map((i) => regime(i).logSd),
    lnFlow: Math.log(2 * noise.turnoverPerDay * stepDays * (1 - fee)),
    elasticity: 2 * noise.elasticity,
    lnHalfSigmaReference: Math.log(half(Math.sqrt(noise.referenceVariancePerDay))),
    stationary: rowOf(stationary(volatility.transition)),
    stepsPerDay: DAY_SECONDS / stepSeconds,
  };
}

/** The kernel's parameter block, in the order of assembly/parameters.ts. */
export function parameterBlock(world: World): Float32Array {
  const { stepsPerDay: _, ...numbers } = world;
  return Float32Array.from(Object.values(numbers).flat() as number[]);
}

function checkSettings(settings: CycleSettings): void {
  const refuse = (field: string, value: unknown, rule: string) => {
    throw new InvalidInputError(`cycle settings: ${field} is ${value}, but it must be ${rule}`);
  };
  const { environments, stepSeconds, horizonSteps, capital, halfWidths, gasPerMove, mevBps, rule } = settings;
  if (!Number.isInteger(environments) || environments < 8 || environments % 8 !== 0 || environments > 1 << 20) {
    refuse("environments", environments, "a multiple of 8 up to 1,048,576");
  }
  if (!Number.isInteger(stepSeconds) || stepSeconds < 1 || DAY_SECONDS % stepSeconds !== 0) {
    refuse("stepSeconds", stepSeconds, "a divisor of 86,400");
  }
  // The random numbers of a step are four counters in 2^30.
  if (!Number.isInteger(horizonSteps) || horizonSteps < 1 || horizonSteps > 2 ** 26) {
    refuse("horizonSteps", horizonSteps, "a whole number from 1 to 2^26");
  }
  if (!(capital > 0)) refuse("capital", capital, "positive");
  if (!halfWidths.every((w, i) => w > (halfWidths[i - 1] ?? 0) && w <= 5))
    refuse("halfWidths", halfWidths, "rising, in (0, 5]");
  if (!(gasPerMove >= 0)) refuse("gasPerMove", gasPerMove, "at least 0");
  if (!(mevBps >= 0)) refuse("mevBps", mevBps, "at least 0");
  if (!(rule.tau > 0)) refuse("rule.tau", rule.tau, "positive");
  if (![1, 2, 3].includes(rule.width)) refuse("rule.width", rule.width, "1, 2 or 3");
}
