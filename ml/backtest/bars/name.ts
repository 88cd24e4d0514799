import { InvalidInputError } from "../../errors.ts";
import type { Address, PoolMeta, Token } from "../../types.ts";

const NOBODY: Address = "0x0000000000000000000000000000000000000000";
const CHAIN_ID: Readonly<Record<string, number>> = {
  ethereum: 1,
  optimism: 10,
  bsc: 56,
  polygon: 137,
  base: 8453,
  arbitrum: 42161,
};
const FEE_PIPS: Readonly<Record<string, number>> = { "001": 100, "005": 500, "03": 3000, "1": 10000 };
const TICK_SPACING: Readonly<Record<number, number>> = { 100: 1, 500: 10, 3000: 60, 10000: 200 };
/** A file that says "usd" means the bridged dollar. */
const DECIMALS: Readonly<Record<string, number>> = {
  usdc: 6,
  usdt: 6,
  usd: 6,
  dai: 18,
  weth: 18,
  wbtc: 8,
  wmatic: 18,
  uni: 18,
  link: 18,
};

/** The pool of a bar file by its name: <chain>_<token0>_<token1>_[<fee>_]… */
export function barPoolOf(name: string, feePips?: number): PoolMeta {
  const [chain = "", symbol0 = "", symbol1 = "", tier = ""] = name.split("_");
  const chainId = CHAIN_ID[chain];
  const fee = feePips ?? FEE_PIPS[tier];
  if (chainId === undefined || !(symbol0 in DECIMALS) || !(symbol1 in DECIMALS)) {
    throw new InvalidInputError(
      `market ${JSON.stringify(name)} must begin with <chain>_<token0>_<token1>, of chains ${Object.keys(CHAIN_ID).join(", ")} and tokens ${Object.keys(DECIMALS).join(", ")}`,
    );
  }
  if (fee === undefined) {
    throw new InvalidInputError(
      `market ${JSON.stringify(name)} does not name its fee tier (_001, _005, _03 or _1 after the tokens), so feePips must be given`,
    );
  }
  const token = (symbol: string): Token => ({
    address: NOBODY,
    symbol: symbol.toUpperCase(),
    decimals: DECIMALS[symbol] ?? 18,
  });
  return {
    chainId,
    address: NOBODY,
    token0: token(symbol0),
    token1: token(symbol1),
    feePips: fee,
    tickSpacing: TICK_SPACING[fee] ?? 1,
  };
}
