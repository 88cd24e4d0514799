import type { ColumnType } from "../store/columns.ts";
import type { DatasetKind } from "../store/manifest.ts";

/** `date` = YYYY-MM-DD, kept as the unix seconds at which that day begins in UTC. */
export type SourceType = ColumnType | "date";

export interface SourceColumn {
  readonly name: string;
  readonly type: SourceType;
  readonly unit: string;
  /** A file may lack it. */
  readonly optional: boolean;
}

/** A kind of file that can be imported, known by its header. */
export interface TableFormat {
  /** What `--as` takes. */
  readonly id: string;
  readonly kind: Exclude<DatasetKind, "state">;
  readonly about: string;
  readonly columns: readonly SourceColumn[];
  /** Unix seconds; null where rows have no time. */
  readonly timeColumn: string | null;
  /** Rows with equal values here make up one series; with the time they name one row. */
  readonly keys: readonly string[];
  /** false = rows may repeat time and keys (trades, positions, news). */
  readonly unique: boolean;
  /** Columns that may only grow inside a series. */
  readonly growing: readonly string[];
}

const TYPES: Readonly<Record<string, SourceType>> = {
  i: "int",
  b: "bigint",
  f: "float",
  t: "text",
  d: "date",
};

/** "name:i:unit, other?:f:unit": the letter is the type, ? marks a column that may be missing. */
const columns = (text: string): SourceColumn[] =>
  text.split(",").map((part) => {
    const [name = "", letter = "", unit = ""] = part.trim().split(":");
    const optional = name.endsWith("?");
    return { name: optional ? name.slice(0, -1) : name, type: TYPES[letter] ?? "text", unit, optional };
  });

type Options = Partial<Pick<TableFormat, "keys" | "unique" | "growing">>;

const format = (
  id: string,
  kind: TableFormat["kind"],
  timeColumn: string | null,
  about: string,
  text: string,
  { keys = [], unique = timeColumn !== null, growing = [] }: Options = {},
): TableFormat => ({ id, kind, about, columns: columns(text), timeColumn, keys, unique, growing });

const SECONDS = "i:unix seconds";
const POSITION = "tick_lower:i:tick, tick_upper:i:tick";

/** Every table that `data import` knows by its header, besides event files and our own schema. */
export const TABLE_FORMATS: readonly TableFormat[] = [
  format(
    "candles",
    "bars",
    "open_time",
    "exchange candles",
    `open_time:${SECONDS}, open:f:quote per base, high:f:quote per base, low:f:quote per base, close:f:quote per base,
     volume_base?:f:base, volume_eth?:f:ETH, quote_volume_usdt?:f:USDT, trades?:i:trades, taker_buy_volume_eth?:f:ETH,
     source?:t:`,
  ),
  format(
    "pool-minutes",
    "bars",
    "timestamp",
    "a pool's minutes",
    `timestamp:${SECONDS}, net_amount0:b:token0 units, net_amount1:b:token1 units, close_tick:i:tick, open_tick:i:tick,
     lowest_tick:i:tick, highest_tick:i:tick, in_amount0:b:token0 units, in_amount1:b:token1 units,
     current_liquidity:b:pool units`,
  ),
  format(
    "pool-hours",
    "bars",
    "period_start",
    "a pool's hours with exact fee growth",
    `period_start:${SECONDS}, liquidity:b:pool units, open?:f:token0 per token1, high:f:token0 per token1,
     low:f:token0 per token1, close:f:token0 per token1, fee_growth_global0_x128:b:Q128.128,
     fee_growth_global1_x128:b:Q128.128`,
    { growing: ["fee_growth_global0_x128", "fee_growth_global1_x128"] },
  ),
  format(
    "pool-hours-rounded",
    "bars",
    "period_start",
    "a pool's hours with rounded fee growth",
    `period_start:${SECONDS}, liquidity_float:f:pool units, open?:f:token0 per token1, high:f:token0 per token1,
     low:f:token0 per token1, close:f:token0 per token1, fee_growth_global0_x128_float:f:Q128.128,
     fee_growth_global1_x128_float:f:Q128.128`,
    { growing: ["fee_growth_global0_x128_float", "fee_growth_global1_x128_float"] },
  ),
  format(
    "pool-days",
    "bars",
    "date_unix",
    "days of several pools",
    `date_unix:${SECONDS}, pool:t:address, pool_name:t:, open:f:token0 per token1, high:f:token0 per token1,
     low:f:token0 per token1, close:f:token0 per token1, token0_price:f:token0 per token1,
     token1_price:f:token1 per token0, tvl_usd:f:USD, volume_usd:f:USD`,
    { keys: ["pool"] },
  ),
  format(
    "swaps-rounded",
    "series",
    "timestamp",
    "swaps with rounded price and liquidity",
    `timestamp:${SECONDS}, amount0_dec:f:token0, amount1_dec:f:token1, amount_usd:f:USD,
     sqrt_price_x96_rounded:f:Q64.96, tick:i:tick, liquidity_rounded:f:pool units, swap_id:t:`,
    { unique: false },
  ),
  format(
    "swaps-by-block",
    "series",
    null,
    "swaps with exact price, by block",
    `block_number:i:block, pool_swap_seq:i:swap, amount0_dec:f:token0, amount1_dec:f:token1,
     sqrt_price_x96:b:Q64.96, tick:i:tick, tx_hash:t:`,
  ),
  format(
    "price-ticks",
    "series",
    "timestamp",
    "the price at each swap",
    `timestamp:${SECONDS}, token0_price:f:token1 per token0, token1_price:f:token0 per token1`,
    { unique: false },
  ),
  format(
    "lp-actions",
    "series",
    "timestamp",
    "liquidity added and taken, with values",
    `block_number:i:block, timestamp:${SECONDS}, action:t:, amount0_dec:f:token0, amount1_dec:f:token1,
     amount0_usd:f:USD, amount1_usd:f:USD, ${POSITION}, liquidity:f:pool units, provider:t:address,
     nft_id:i:NFT, tx_hash:t:`,
    { unique: false },
  ),
  format(
    "orders-markout",
    "series",
    "timestamp",
    "parent orders with prices before them",
    `timestamp:${SECONDS}, size_usd:f:USD, n_legs:i:1, n_distinct_pools:i:1, side:i:1 = buys WETH,
     n_distinct_sides:i:1, fee_tier_sample:i:1e-6, effective_exec_usdc_per_weth:f:USDC per WETH,
     pool_mid_pre_blended:f:USDC per WETH, fair_price_blended:f:USDC per WETH, fair_coverage_frac:f:1,
     fair_lag_price:f:USDC per WETH, observed_spread_pool_bps:f:bp, observed_spread_fair_bps:f:bp,
     observed_spread_fair_lag_bps:f:bp, tx_hash:t:`,
    { unique: false },
  ),
  format(
    "jit-roundtrips",
    "table",
    null,
    "short-lived positions and what they earned",
    `pool:t:address, pool_name:t:, block:i:block, timestamp:${SECONDS}, origin:t:address, ${POSITION}, usd_mint:f:USD,
     usd_remove:f:USD, fees0:f:token0, fees1:f:token1, fees_usd:f:USD, liquidity_pnl_usd:f:USD,
     operation_pnl_usd:f:USD, tx_mint:t:, tx_burn:t:`,
  ),
  format(
    "range-fee-rates",
    "table",
    null,
    "what ranges earned in a day",
    `date:d:unix seconds, lower_rate:f:1, upper_rate:f:1, lower_tick:i:tick, upper_tick:i:tick, fee_rate:f:1 per day,
     implied_vol:f:1`,
  ),
  format(
    "funding",
    "series",
    "timestamp",
    "funding rates of perpetual futures",
    `timestamp:${SECONDS}, exchange:t:, symbol:t:, funding_rate:f:1 per period`,
    { keys: ["exchange", "symbol"] },
  ),
  format(
    "spot-perp",
    "bars",
    "timestamp",
    "8 h candles of spot and perpetual futures, with funding",
    `timestamp:${SECONDS}, exchange:t:, asset:t:, pair:t:, contract:t:, open:f:quote per base, high:f:quote per base,
     low:f:quote per base, close:f:quote per base, volume:f:base, funding_rate:f:1 per period`,
    { keys: ["exchange", "pair", "contract"] },
  ),
  format(
    "open-interest",
    "series",
    "date",
    "daily open interest and funding",
    "date:d:unix seconds, open_interest_usd:f:USD, funding_rate_all_exchanges:f:%",
  ),
  format(
    "option-snapshots",
    "series",
    "timestamp",
    "option chains over time",
    `timestamp:${SECONDS}, instrument:t:, futures_price_usd:f:USD, index_price_usd:f:USD,
     time_to_expiry_years:f:years, bid_eth:f:ETH, ask_eth:f:ETH, mark_eth:f:ETH, mark_iv:f:1 per year, delta:f:1,
     open_interest_eth:f:ETH, volume_24h_eth:f:ETH`,
    { keys: ["instrument"] },
  ),
  format(
    "option-chain",
    "table",
    null,
    "one option chain",
    `mid_price:f:ETH, estimated_delivery_price:f:USD, volume_usd:f:USD, quote_currency:t:,
     creation_timestamp:i:unix milliseconds, base_currency:t:, interest_rate:f:1, volume:f:ETH, underlying_index:t:,
     underlying_price:f:USD, price_change:f:%, mark_price:f:ETH, open_interest:f:ETH, ask_price:f:ETH,
     bid_price:f:ETH, instrument_name:t:, last:f:ETH, low:f:ETH, high:f:ETH, currency:t:, expire_date:t:,
     strike_price:f:USD, option_type:t:`,
  ),
  format(
    "implied-volatility",
    "series",
    "timestamp",
    "implied volatility of options and of a pool",
    `timestamp:${SECONDS}, dvol_eth:f:% per year, uniswap_implied_vol:f:% per year`,
  ),
  format(
    "gas-days",
    "series",
    "date_unix",
    "daily gas prices and use",
    `date_unix:${SECONDS}, avg_gas_price_wei:f:wei, eth_price_usd:f:USD, gas_used:b:gas, gas_limit:b:gas,
     tx_count:i:transactions`,
  ),
  format("gas-minutes", "series", "timestamp", "gas prices by minute", `timestamp:${SECONDS}, gas_price_gwei:f:gwei`),
  format(
    "base-fees",
    "series",
    "timestamp",
    "the base fee of each block",
    `block_number:i:block, timestamp:${SECONDS}, base_fee_gwei:f:gwei`,
  ),
  format(
    "sentiment-days",
    "series",
    "date",
    "daily sentiment, volatility index, dollar and bitcoin",
    `date:d:unix seconds, fear_greed:f:0 to 100, vix:f:%, dxy:f:index, btc_funding_mean:f:1, btc_price_usd:f:USD,
     btc_volume_usd:f:USD`,
  ),
  format(
    "news-sentiment",
    "table",
    null,
    "headlines with sentiment scores",
    `id:i:, date:d:unix seconds, news:t:, final_manual_labelling:i:-1 to 1, vader:f:1, textblob:f:1, flair:f:1,
     finbert_positive:f:1, finbert_negative:f:1, finbert_neutral:f:1`,
  ),
  format(
    "vault-histories",
    "series",
    "timestamp",
    "what liquidity vaults held",
    `series:t:, vault:t:address, block:i:block, timestamp:${SECONDS}, amount0:f:token0, amount1:f:token1,
     total_supply:b:shares, price:f:token1 per token0, tick:i:tick`,
    { keys: ["series", "vault"] },
  ),
];
