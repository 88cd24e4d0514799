import { derivedSeed, seededRandom } from "../random.ts";
import { drawIndex, drawNormal, drawPoisson, drawQuantile } from "./draw.ts";
import type { MarketParameters } from "./parameters.ts";

export interface NoiseOrder {
  /** Trades towards the price elsewhere; false = away from it. */
  readonly toward: boolean;
  /** Whole token0 (dollars). */
  readonly size: number;
}

/** One moment: the price elsewhere has moved, an arbitrageur may act, then these orders arrive. */
export interface MarketMoment {
  /** Seconds since the start. */
  readonly seconds: number;
  /** Token0 per token1, whole tokens. */
  readonly price: number;
  readonly regime: number;
  readonly orders: readonly NoiseOrder[];
}

export interface MarketProcessParameters {
  readonly parameters: MarketParameters;
  readonly seed: number;
  readonly stepSeconds: number;
}

const DAY_SECONDS = 86_400;

/**
 * The market outside the pool: a price with volatility regimes and jumps, and the orders that reach the pool. It never
 * looks at the pool, so the same seed gives the same market whatever anybody does in it. Endless.
 */
export function* marketProcess({ parameters, seed, stepSeconds }: MarketProcessParameters): Generator<MarketMoment> {
  const { volatility, jumps, noise } = parameters;
  // Streams of their own, so that a change in one does not shuffle the others.
  const stream = (name: string) => seededRandom(derivedSeed(seed, name));
  const [onRegime, onPrice, onJump, onFlow] = [stream("regime"), stream("price"), stream("jump"), stream("flow")];
  const stepDays = stepSeconds / DAY_SECONDS;
  let regime = drawIndex(onRegime, stationary(volatility.transition));
  let sigma = sigmaOfDay(regime);
  let lnPrice = Math.log(parameters.startPrice);
  let day = 0;

  function sigmaOfDay(of: number): number {
    const { sigmaPerDay = 0, logSd = 0 } = volatility.regimes[of] ?? {};
    return sigmaPerDay * Math.exp(logSd * drawNormal(onRegime));
  }

  for (let step = 1; ; step++) {
    const seconds = step * stepSeconds;
    if (Math.floor((seconds - 1) / DAY_SECONDS) !== day) {
      day++;
      regime = drawIndex(onRegime, volatility.transition[regime] ?? [1]);
      sigma = sigmaOfDay(regime);
    }
    // No drift: minus half the variance keeps the expected price where it is.
    lnPrice += sigma * Math.sqrt(stepDays) * drawNormal(onPrice) - (sigma ** 2 * stepDays) / 2;
    for (let left = drawPoisson(onJump, jumps.perDay * stepDays); left > 0; left--) {
      lnPrice += jumps.logSd * drawNormal(onJump) - jumps.logSd ** 2 / 2;
    }
    const activity = (sigma ** 2 / noise.referenceVariancePerDay) ** noise.elasticity;
    const count = drawPoisson(onFlow, noise.perDay * stepDays * activity);
    const orders = Array.from({ length: count }, () => ({
      toward: onFlow() < noise.towardShare,
      size: Math.exp(drawQuantile(onFlow, noise.logSizeQuantiles)),
    }));
    yield { seconds, price: Math.exp(lnPrice), regime, orders };
  }
}

/** Long-run shares of the regimes, by repeated steps. */
export function stationary(transition: readonly (readonly number[])[]): number[] {
  let shares = transition.map(() => 1 / transition.length);
  for (let i = 0; i < 1000; i++) {
    shares = shares.map((_, to) => shares.reduce((sum, p, from) => sum + p * (transition[from]?.[to] ?? 0), 0));
  }
  return shares;
}
