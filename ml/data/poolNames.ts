/** What the parts of a market file's name mean: <chain>_<token0>_<token1>_<fee>. */

/** Tick spacings by swap fee. */
export const TICK_SPACING: Readonly<Record<number, number>> = { 100: 1, 500: 10, 3000: 60, 10000: 200 };
/** Swap fees in 1e-6 by the way names write them. */
export const FEE_PIPS: Readonly<Record<string, number>> = { "001": 100, "005": 500, "03": 3000, "1": 10000 };
/** Chain ids by name. */
export const CHAIN_ID: Readonly<Record<string, number>> = {
  ethereum: 1,
  optimism: 10,
  bsc: 56,
  polygon: 137,
  base: 8453,
  arbitrum: 42161,
};
/** Decimals by lower-case symbol. */
export const DECIMALS: Readonly<Record<string, number>> = {
  usdc: 6,
  usdt: 6,
  wbtc: 8,
  weth: 18,
  dai: 18,
  wmatic: 18,
  uni: 18,
  link: 18,
  wbnb: 18,
  arb: 18,
  op: 18,
  steth: 18,
  wsteth: 18,
  reth: 18,
  cbeth: 18,
  frax: 18,
  cbbtc: 8,
  eurc: 6,
};
