import { derivedSeed, seededRandom } from "../../random.ts";
import { drawNormal } from "../../sim/draw.ts";
import type { Address, Bar, PoolMeta } from "../../types.ts";
import { createBarMarket } from "../bars/barMarket.ts";
import type { BacktestMarket } from "../market.ts";

/** A market whose edge is known: what fees pay for what price moves cost, and how the price goes. Rates a day. */
export interface EdgeMarketParameters {
  readonly seed: number;
  readonly days: number;
  readonly sigmaPerDay: number;
  /** Expected fees over expected LVR of whoever stays in range; above 1 it pays before costs. */
  readonly feeOverLvr: number;
  /** Of the log price. */
  readonly driftPerDay: number;
  /** How fast the price is drawn back to where it began; 0 = not. */
  readonly reversionPerDay: number;
}

const HOUR = 3600;
const START_SECONDS = 1_700_006_400;
const START_PRICE = 2000;
/** Steps of five minutes in an hour. */
const STEPS = 12;
const HOURS_A_DAY = 24;
/** Everybody else's, so that a vault of ten thousand is small beside it. */
const LIQUIDITY = 5e19;
/** Hours differ in what is traded: standard deviation of the log of their fees. */
const FEE_SCATTER = 0.5;

const NOBODY: Address = "0x0000000000000000000000000000000000000000";
const POOL: PoolMeta = {
  chainId: 1,
  address: NOBODY,
  token0: { address: NOBODY, symbol: "USDC", decimals: 6 },
  token1: { address: NOBODY, symbol: "WETH", decimals: 18 },
  feePips: 500,
  tickSpacing: 10,
};

/** Hourly bars of a random walk, with a drift or a pull back, in a pool whose fees pay LVR so many times over. */
export function edgeMarket(parameters: EdgeMarketParameters): BacktestMarket {
  const { seed, days, sigmaPerDay, feeOverLvr, driftPerDay, reversionPerDay } = parameters;
  const random = seededRandom(derivedSeed(seed, "edge"));
  const start = Math.log(START_PRICE) + (POOL.token0.decimals - POOL.token1.decimals) * Math.LN10;
  const step = 1 / (HOURS_A_DAY * STEPS);
  const sigma = sigmaPerDay * Math.sqrt(step);
  let at = start;
  const bars = Array.from({ length: Math.round(days * HOURS_A_DAY) }, (_, hour): Bar => {
    const open = at;
    let [high, low, realisedVariance] = [open, open, 0];
    for (let i = 0; i < STEPS; i++) {
      const move = (driftPerDay - reversionPerDay * (at - start)) * step + sigma * drawNormal(random);
      at += move;
      realisedVariance += move ** 2;
      [high, low] = [Math.max(high, at), Math.min(low, at)];
    }
    const scatter = Math.exp(FEE_SCATTER * drawNormal(random) - FEE_SCATTER ** 2 / 2);
    // A full range loses an eighth of the variance.
    const feeYield = (feeOverLvr * scatter * sigmaPerDay ** 2) / 8 / HOURS_A_DAY;
    const startSeconds = START_SECONDS + hour * HOUR;
    return {
      ...{ startSeconds, endSeconds: startSeconds + HOUR, open, high, low, close: at, realisedVariance, feeYield },
      ...{ volume: (feeYield * 2 * LIQUIDITY * Math.exp(at / 2)) / (POOL.feePips / 1e6), signedVolume: 0 },
      ...{ liquidity: LIQUIDITY, swaps: 100 },
    };
  });
  return createBarMarket({ name: `edge-${seed}`, pool: POOL, bars, dataSha256: "" });
}
