import { seededRandom } from "../../ml/random.ts";
import type {
  Address,
  Bar,
  Bounds,
  DecisionSettings,
  Numeraire,
  PoolHistory,
  SwapEvent,
  VaultState,
} from "../../ml/types.ts";
import { lnPriceToSqrtPriceX96, lnPriceToTick, sqrtPriceX96ToLnPrice, WAD } from "../../ml/units.ts";

export const START = 1_700_000_000 - (1_700_000_000 % 3600);
export const ADDRESS = "0x00000000000000000000000000000000000000aa" as Address;
const LIQUIDITY = 10n ** 18n;

export interface MarketParameters {
  readonly seed?: number;
  readonly hours?: number;
  /** Daily volatility. */
  readonly sigma?: number;
  /** Fees of a full-range position over its loss-versus-rebalancing. */
  readonly feeOverLvr?: number;
  readonly swapsPerHour?: number;
  /** Which token of the pool is the asset; the same market seen from either side of the pool. */
  readonly numeraire?: Numeraire;
  readonly feePips?: number;
}

/** A driftless market of constant liquidity around a price of 1 with a chosen ratio of fees to loss. */
export function market(parameters: MarketParameters = {}): PoolHistory {
  const {
    seed = 1,
    hours = 200,
    sigma = 0.03,
    feeOverLvr = 1,
    swapsPerHour = 30,
    numeraire = 1,
    feePips = 500,
  } = parameters;
  const random = seededRandom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const count = hours * swapsPerHour;
  const perSwapVariance = sigma ** 2 / 24 / swapsPerHour;
  // Fees per swap of a full-range position are fee x volume / (2 L), its LVR is variance / 8.
  const volume = (feeOverLvr * (perSwapVariance / 8) * 2 * Number(LIQUIDITY)) / (feePips / 1e6);
  const swaps: SwapEvent[] = [];
  let lnPrice = 0;
  for (let i = 0; i < count; i++) {
    const step = Math.sqrt(perSwapVariance) * normal();
    lnPrice += step;
    const sqrtPriceX96 = lnPriceToSqrtPriceX96(lnPrice, numeraire);
    const assetIn = BigInt(Math.round(volume));
    const otherIn = BigInt(Math.round(volume / Math.exp(lnPrice)));
    const [asset, other] = step > 0 ? [assetIn, -otherIn] : [-assetIn, otherIn];
    swaps.push({
      block: 100 + i,
      timestamp: START + Math.floor(((i + 1) * hours * 3600) / count),
      logIndex: 0,
      amount0: numeraire === 0 ? asset : other,
      amount1: numeraire === 0 ? other : asset,
      sqrtPriceX96,
      liquidity: LIQUIDITY,
      // The exact conversion would take most of the fixture's time.
      tick: Math.floor(lnPriceToTick(sqrtPriceX96ToLnPrice(sqrtPriceX96, 1), 1)),
    });
  }
  const last = swaps.at(-1) as SwapEvent;
  const token = (symbol: string) => ({ address: ADDRESS, symbol, decimals: 18 });
  return {
    pool: { chainId: 31337, address: ADDRESS, token0: token("A"), token1: token("B"), feePips, tickSpacing: 10 },
    swaps,
    fromTimestamp: START,
    toBlock: last.block,
    toTimestamp: START + hours * 3600,
    sqrtPriceX96: last.sqrtPriceX96,
    tick: last.tick,
    liquidity: last.liquidity,
  };
}

export const bounds: Bounds = {
  minWidthTicks: 200,
  maxWidthTicks: 20_000,
  maxCentreDistanceTicks: 3_000,
  cooldownSeconds: 3_600,
  maxMovesPerDay: 6,
  gainMarginWad: WAD,
  maxSwapShareWad: (6n * WAD) / 10n,
  widthFloorBaseTicks: 200,
  widthFloorPerSpreadTicks: 12_665,
  fullShareSpreadWad: WAD / 10n,
  minShareWad: WAD / 5n,
  spreadCeilingWad: WAD / 4n,
};

export const settings: DecisionSettings = {
  horizonSeconds: 86_400,
  riskAversion: 0.1,
  hysteresisBps: 1,
  minHistorySeconds: 24 * 3600,
  gasCost: 0n,
};

/** A calm vault that holds `value` of its asset and nothing else. */
export function vault(history: PoolHistory, numeraire: Numeraire, value = 10n ** 15n): VaultState {
  return {
    vault: ADDRESS,
    numeraire,
    idle0: numeraire === 0 ? value : 0n,
    idle1: numeraire === 1 ? value : 0n,
    positions: [],
    nav: value,
    sharePrice: WAD,
    calm: true,
    paused: false,
    lastMoveAt: 0,
    movesToday: 0,
    lossBudgetLeftWad: WAD / 100n,
    nextNonce: 0n,
    referenceTick: history.tick,
  };
}

/** Hourly bars of a seeded driftless walk with all quantities known. */
export function hourlyBars(count: number, seed = 1): Bar[] {
  const random = seededRandom(seed);
  let close = 0;
  return Array.from({ length: count }, (_, i) => {
    const open = close;
    close += 0.02 * (random() - 0.5);
    const volume = 1e15 * (0.5 + random());
    const [high, low] = [Math.max(open, close) + 0.002 * random(), Math.min(open, close) - 0.002 * random()];
    const signedVolume = volume * (random() - 0.5);
    const [feeYield, liquidity] = [1e-5 * (0.5 + random()), 1e18 * (0.5 + random())];
    const swaps = Math.floor(50 * random());
    return {
      startSeconds: START + i * 3600,
      endSeconds: START + (i + 1) * 3600,
      open,
      high,
      low,
      close,
      realisedVariance: (close - open) ** 2,
      volume,
      signedVolume,
      feeYield,
      liquidity,
      swaps,
      arrivals: Math.ceil(swaps / 2),
    };
  });
}
