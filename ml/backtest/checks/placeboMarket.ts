import type { PoolEvent } from "../../data/events.ts";
import type { MarketData } from "../../data/market.ts";
import { TICK_SPACING } from "../../data/poolNames.ts";
import { derivedSeed, seededRandom } from "../../random.ts";
import { createReferencePool } from "../../sim/exact/reference.ts";
import type { Address } from "../../types.ts";
import { lnPriceToSqrtPriceX96, MAX_TICK, pipsToRatio, Q96 } from "../../units.ts";

export interface PlaceboMarketParameters {
  readonly seed: number;
  readonly days: number;
  /** The fee at which fees pay LVR exactly. */
  readonly feePips: number;
  /** What the pool charges; the same unless a bug is to be shown. */
  readonly chargedPips?: number;
  /** Volatility of the long run. */
  readonly sigmaPerDay: number;
}

const LP: Address = "0x00000000000000000000000000000000000000f1";
const TRADER: Address = "0x00000000000000000000000000000000000000f2";
const START_SECONDS = 1_700_000_000;
const START_BLOCK = 18_000_000;
const BLOCK_SECONDS = 12;
const START_PRICE = 2000;
/** Everybody else's liquidity over all prices: about a billion asset units, so that a vault is small beside it. */
const LIQUIDITY = 11_000_000n * 10n ** 18n;
/** Activity of the two regimes, which persist for half a day on average and can be told from the past. */
const ACTIVITY = [0.4, 1.6] as const;
const REGIME_DAYS = 0.5;

/**
 * A market in which nobody who provides liquidity has an edge, whatever his range and whenever he acts: the price
 * (token1 per token0, token1 the asset) has no drift, and fees pay LVR at every price level in expectation.
 *
 * Each swap moves the log price by an exponentially distributed step: up with rate a, down with rate b. Exponential steps
 * have no memory, so wherever a step started, when it crosses a level K it goes on beyond K by a fresh exponential step.
 * The trader who buys at level K pays K/(1−φ), fee included, for what is worth K·e^u after the swap; these are equal on
 * average when a/(a−1) = 1/(1−φ), so a = 1/φ. He who sells gets K(1−φ) for what is worth K·e^{−d}: b/(b+1) = 1−φ, so
 * b = 1/φ − 1. Up comes with probability p such that the price is a martingale: p φ/(1−φ) = (1−p) φ. Single steps are
 * far from neutral, small ones pay the provider and large ones cost him, so that a look at the future does pay.
 */
export function placeboMarket(parameters: PlaceboMarketParameters): MarketData {
  const { seed, days, feePips, chargedPips = feePips, sigmaPerDay } = parameters;
  const random = seededRandom(derivedSeed(seed, "placebo"));
  const fee = pipsToRatio(feePips);
  const charged = pipsToRatio(chargedPips);
  const tickSpacing = TICK_SPACING[feePips] ?? 60;
  const pool = createReferencePool({ feePips: chargedPips, tickSpacing });
  pool.setTime(START_SECONDS);
  pool.initialize(lnPriceToSqrtPriceX96(Math.log(START_PRICE), 1));
  const widest = Math.floor(MAX_TICK / tickSpacing) * tickSpacing;
  pool.mint({ owner: LP, tickLower: -widest, tickUpper: widest }, LIQUIDITY);
  const state = { ...pool.state(), block: START_BLOCK };

  const upProbability = (1 - fee) / (2 - fee);
  // A step's second moment is 2/rate², both rates about 1/φ.
  const stepsPerDay = sigmaPerDay ** 2 / (2 * fee ** 2);
  const exponential = () => -Math.log(1 - random());
  const events: PoolEvent[] = [];
  let [day, regime, regimeEnds, block] = [0, 0, 0, START_BLOCK];
  for (;;) {
    if (day >= regimeEnds) {
      regime = random() < 0.5 ? 0 : 1;
      regimeEnds = day + REGIME_DAYS * exponential();
    }
    day += exponential() / (stepsPerDay * (ACTIVITY[regime] ?? 1));
    if (day >= days) break;
    // One swap a block: two that fall together follow each other.
    block = Math.max(block + 1, START_BLOCK + Math.ceil((day * 86_400) / BLOCK_SECONDS));
    const timestamp = START_SECONDS + (block - START_BLOCK) * BLOCK_SECONDS;
    pool.setTime(timestamp);
    const up = random() < upProbability;
    const step = exponential() * (up ? fee : fee / (1 - fee));
    const { sqrtPriceX96 } = pool;
    const sqrtPrice = Number(sqrtPriceX96) / Number(Q96);
    const input = Number(LIQUIDITY) * Math.expm1(step / 2) * (up ? sqrtPrice : 1 / sqrtPrice);
    const outcome = pool.swap({
      zeroForOne: !up,
      amountSpecified: BigInt(Math.max(1, Math.round(input / (1 - charged)))),
      sqrtPriceLimitX96: up ? (1n << 160n) / 2n : sqrtPriceX96 / 1000n,
    });
    const people = { sender: TRADER, owner: TRADER, gasPriceWei: null, gasUsed: null };
    const nowhere = { tickLower: null, tickUpper: null, liquidityDelta: null };
    events.push({ type: "SWAP", block, timestamp, order: 0, ...people, ...outcome, ...nowhere });
  }
  const token = (symbol: string) => ({ symbol, decimals: 18, address: null });
  return {
    name: `placebo-${seed}`,
    eventFile: "",
    stateFile: null,
    events,
    state,
    pool: {
      chainId: 1,
      address: null,
      token0: token("OTHER"),
      token1: token("ASSET"),
      feePips: chargedPips,
      tickSpacing,
    },
    notes: [],
  };
}
