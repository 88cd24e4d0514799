import type { Outside, OutsideSeries } from "../../features/outsideSeries.ts";
import { CHAIN_ID } from "../poolNames.ts";
import { FUNDING_FILES, type FundedAsset } from "./funding.ts";
import { BLOCK_BASE_FEE_FILE, DAILY_GAS_FILE, POLYGON_GAS_FILE } from "./gas.ts";
import { IMPLIED_VOLATILITY_FILE } from "./impliedVolatility.ts";
import { MOODS_FILE } from "./moods.ts";
import { OPEN_INTEREST_FILE } from "./openInterest.ts";
import { joinSeries, type OutsideFile, type ReadFile, readOutsideFile } from "./outsideFile.ts";

/** Of which market the world is asked. */
export interface WorldMarket {
  /** Symbols of what is traded for what, or the exchange's one word for both, in any case. */
  readonly symbols: readonly string[];
  /** Null = an exchange, where gas is Ethereum's. */
  readonly chainId: number | null;
}

/** Every source that a data folder has, each file read once. */
export interface World {
  /** The files that were read. */
  readonly sources: readonly ReadFile[];
  /** The files that are not at hand: what they tell is missing. */
  readonly missing: readonly string[];
  /** What can be known about a market from outside of it. */
  of(market: WorldMarket): Outside;
}

/** Reads what lies in these files of the world outside of pools. */
export function readWorld(files: readonly string[]): World {
  const sources: ReadFile[] = [];
  const missing: string[] = [];
  function read<Name extends string>(source: OutsideFile<Name>): Partial<Record<Name, OutsideSeries>> {
    const found = readOutsideFile(files, source);
    if (found === null) missing.push(source.file);
    else sources.push(found);
    return found?.series ?? {};
  }
  const [funding, later] = FUNDING_FILES.map(read);
  const { open_interest } = read(OPEN_INTEREST_FILE);
  const { implied_vol } = read(IMPLIED_VOLATILITY_FILE);
  const moods = read(MOODS_FILE);
  const polygon = read(POLYGON_GAS_FILE).base_fee;
  const ethereum = joinSeries(read(BLOCK_BASE_FEE_FILE).base_fee, read(DAILY_GAS_FILE).base_fee);
  return {
    sources,
    missing,
    of({ symbols, chainId }) {
      const asset = assetOf(symbols);
      const gas = chainId === null || chainId === CHAIN_ID.ethereum ? ethereum : undefined;
      const all: { readonly [Name in keyof Outside]: OutsideSeries | undefined } = {
        funding: asset === null ? undefined : joinSeries(funding?.[asset], later?.[asset]),
        open_interest,
        implied_vol: asset === "eth" ? implied_vol : undefined,
        base_fee: chainId === CHAIN_ID.polygon ? polygon : gas,
        ...moods,
      };
      return Object.fromEntries(Object.entries(all).filter(([, series]) => series !== undefined));
    },
  };
}

const DOLLARS = /^(usdc|usdt|dai|usd)$/;

/** The asset whose futures and options tell of this market: that of a dollar pair; of two assets neither's do. */
function assetOf(symbols: readonly string[]): FundedAsset | null {
  const [asset, ...rest] = symbols.map((symbol) => symbol.toLowerCase()).filter((symbol) => !DOLLARS.test(symbol));
  if (asset === undefined || rest.length > 0) return null;
  if (/^w?eth(usdt)?$/.test(asset)) return "eth";
  return /^w?btc(usdt)?$/.test(asset) ? "btc" : null;
}

/** The market that a file's name tells of: <chain>_<token0>_<token1>_… of a pool, <exchange>_<kind>_<pair>_… of another. */
export function worldMarketOf(name: string): WorldMarket {
  const [chain = "", first = "", second = ""] = name.split("_");
  const chainId = CHAIN_ID[chain] ?? null;
  return { symbols: chainId === null ? [second] : [first, second], chainId };
}
