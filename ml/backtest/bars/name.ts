import { CHAIN_ID, DECIMALS, FEE_PIPS, TICK_SPACING } from "../../data/poolNames.ts";
import { InvalidInputError } from "../../errors.ts";
import type { Address, PoolMeta, Token } from "../../types.ts";

const NOBODY: Address = "0x0000000000000000000000000000000000000000";
/** A bar file that says "usd" means the bridged dollar. */
const DECIMALS_OF_BARS: Readonly<Record<string, number>> = { ...DECIMALS, usd: 6 };

/** The pool of a bar file by its name: <chain>_<token0>_<token1>_[<fee>_]… */
export function barPoolOf(name: string, feePips?: number): PoolMeta {
  const [chain = "", symbol0 = "", symbol1 = "", tier = ""] = name.split("_");
  const chainId = CHAIN_ID[chain];
  const fee = feePips ?? FEE_PIPS[tier];
  if (chainId === undefined || !(symbol0 in DECIMALS_OF_BARS) || !(symbol1 in DECIMALS_OF_BARS)) {
    throw new InvalidInputError(
      `market ${JSON.stringify(name)} must begin with <chain>_<token0>_<token1>, of chains ${Object.keys(CHAIN_ID).join(", ")} and tokens ${Object.keys(DECIMALS_OF_BARS).join(", ")}`,
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
    decimals: DECIMALS_OF_BARS[symbol] ?? 18,
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
