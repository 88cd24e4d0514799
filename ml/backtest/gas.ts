import { InvalidInputError } from "../errors.ts";
import type { PoolMeta } from "../types.ts";
import type { MarketSession } from "./market.ts";
import type { Orientation } from "./price.ts";
import type { CostSettings } from "./types.ts";

/**
 * Gas of a move: a bare one, and each position that it opens. A move into one range was measured at 706k to 863k gas on
 * a local chain with the model strategy and all guards on (the report of `rangekeeper demo` lists each move's), and a
 * second fresh range adds 280k.
 */
export const MEASURED_GAS = { gasPerMove: 520_000, gasPerPosition: 280_000 } as const;

/** Symbols of what pays for gas, by chain id. */
export const GAS_TOKENS: Readonly<Record<number, readonly string[]>> = {
  1: ["WETH"],
  10: ["WETH"],
  56: ["WBNB"],
  137: ["WMATIC", "WPOL"],
  8453: ["WETH"],
  42161: ["WETH"],
};

/** Whole asset units that a dealing pays for gas now. */
export type GasMeter = (session: MarketSession, positions: number) => number;

export function gasMeter(costs: CostSettings, pool: PoolMeta, { numeraire }: Orientation): GasMeter {
  const { gasPerMove, gasPerPosition, gasGwei, gasScale, gasTokenPrice } = costs;
  if (gasScale === 0 || gasGwei === 0) return () => 0;
  const tokenPrice = gasTokenPrice === null ? poolPriceOfGas(pool, numeraire) : () => gasTokenPrice;
  return (session, positions) => {
    const gwei = gasGwei === "recorded" ? recordedGwei(session) : gasGwei;
    return (gasPerMove + gasPerPosition * positions) * gwei * 1e-9 * gasScale * tokenPrice(session);
  };
}

function poolPriceOfGas({ chainId, token0, token1 }: PoolMeta, numeraire: 0 | 1): (session: MarketSession) => number {
  const names = GAS_TOKENS[chainId] ?? ["WETH"];
  const [asset, other] = numeraire === 0 ? [token0, token1] : [token1, token0];
  if (names.includes(other.symbol)) return (session) => session.price;
  if (names.includes(asset.symbol)) return () => 1;
  throw new InvalidInputError(
    `gasTokenPrice is null, but it must be given where neither token pays for gas (${names[0]} is not in ${token0.symbol}/${token1.symbol})`,
    { details: { chainId, token0: token0.symbol, token1: token1.symbol } },
  );
}

function recordedGwei({ gasPriceWei }: MarketSession): number {
  if (gasPriceWei !== null) return gasPriceWei / 1e9;
  throw new InvalidInputError(
    'gasGwei is "recorded", but the market must then know gas prices at the time of each move',
  );
}
