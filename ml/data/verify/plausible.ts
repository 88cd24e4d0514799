import type { MarketPool } from "../market.ts";

/** US dollars that one whole token can be worth, as wide as any of the years since 2021. */
const DOLLARS: Readonly<Record<string, readonly [number, number]>> = {
  USDC: [0.5, 1.5],
  USDT: [0.5, 1.5],
  DAI: [0.5, 1.5],
  FRAX: [0.5, 1.5],
  EURC: [0.7, 1.6],
  WETH: [100, 100_000],
  STETH: [100, 100_000],
  WSTETH: [100, 150_000],
  RETH: [100, 150_000],
  CBETH: [100, 150_000],
  WBTC: [5_000, 2_000_000],
  CBBTC: [5_000, 2_000_000],
  WBNB: [20, 20_000],
  WMATIC: [0.01, 30],
  UNI: [0.3, 500],
  LINK: [0.5, 1000],
  ARB: [0.01, 100],
  OP: [0.01, 100],
};

export interface PriceBand {
  /** Whole token1 per whole token0. */
  readonly low: number;
  readonly high: number;
}

/** Between what prices a pool of two known tokens can be; null where a token is not known. */
export function plausibleBand({ token0, token1 }: MarketPool): PriceBand | null {
  const [a, b] = [DOLLARS[token0.symbol.toUpperCase()], DOLLARS[token1.symbol.toUpperCase()]];
  return a === undefined || b === undefined ? null : { low: a[0] / b[1], high: a[1] / b[0] };
}
