import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { FUNDING_FILES } from "../../../../ml/data/outside/funding.ts";
import { BLOCK_BASE_FEE_FILE, DAILY_GAS_FILE, POLYGON_GAS_FILE } from "../../../../ml/data/outside/gas.ts";
import { IMPLIED_VOLATILITY_FILE } from "../../../../ml/data/outside/impliedVolatility.ts";
import { MOODS_FILE } from "../../../../ml/data/outside/moods.ts";
import { OPEN_INTEREST_FILE } from "../../../../ml/data/outside/openInterest.ts";
import { type OutsideFile, readOutsideFile } from "../../../../ml/data/outside/outsideFile.ts";
import { TAKER_FLOW_FILE } from "../../../../ml/data/outside/takerFlow.ts";
import { readWorld, worldMarketOf } from "../../../../ml/data/outside/world.ts";
import { FEATURE_NAMES } from "../../../../ml/features/index.ts";
import { lastKnown, outsideUntil } from "../../../../ml/features/outsideSeries.ts";
import { featureTable } from "../../../../ml/features/table.ts";
import type { Bar } from "../../../../ml/types.ts";
import { hourlyBars } from "../../fixtures.ts";

const HOUR = 3600;
const DAY = 86_400;
const folder = mkdtempSync(join(tmpdir(), "world-"));
afterAll(() => rmSync(folder, { recursive: true }));

const noon = (date: string): number => Date.parse(`${date}T12:00:00Z`) / 1000;
const midnight = (date: string): number => noon(date) - DAY / 2;
const [FUNDING, LATER] = FUNDING_FILES as [(typeof FUNDING_FILES)[number], (typeof FUNDING_FILES)[number]];

/** Writes a source's file and reads it back. */
function reading<Name extends string>(source: OutsideFile<Name>, ...lines: readonly string[]) {
  const path = join(folder, `${source.file}.csv.gz`);
  writeFileSync(path, gzipSync(`${lines.join("\n")}\n`));
  return readOutsideFile([path], source);
}

const T = 1_704_067_200; // 2024-01-01T00:00:00Z
const FUNDING_HEAD = "timestamp,exchange,symbol,funding_rate";
const OI_HEAD = "date,open_interest_usd,funding_rate_all_exchanges";
const MOODS_HEAD = "date,fear_greed,vix,dxy";
const GAS_HEAD = "date_unix,avg_gas_price_wei,gas_used,gas_limit";

/** A file of each source whose row tells of a time, and when each of its values could be had. */
const SOURCES: readonly {
  readonly source: OutsideFile;
  readonly lines: readonly string[];
  readonly series: string;
  readonly value: number;
  /** Seconds from the row's own stamp to the end of what it describes, and on to when it could be had. */
  readonly ends: number;
  readonly lag: number;
}[] = [
  {
    source: FUNDING,
    lines: [FUNDING_HEAD, `${T},binance,ETH-USDT,0.0001`],
    series: "eth",
    value: 0.0001,
    ends: 0,
    lag: 0,
  },
  {
    source: LATER,
    lines: [FUNDING_HEAD, `${T},binance,BTCUSDT,-0.0002`],
    series: "btc",
    value: -0.0002,
    ends: 0,
    lag: 0,
  },
  {
    source: OPEN_INTEREST_FILE,
    lines: [OI_HEAD, "2024-01-01,5e9,0.01"],
    series: "open_interest",
    value: 5e9,
    ends: DAY,
    lag: DAY,
  },
  {
    source: OPEN_INTEREST_FILE,
    lines: [OI_HEAD, "2024-01-01,5e9,0.01"],
    series: "funding_all",
    value: 0.01,
    ends: DAY,
    lag: DAY,
  },
  {
    source: IMPLIED_VOLATILITY_FILE,
    lines: ["timestamp,dvol_eth", `${T},61.5`],
    series: "implied_vol",
    value: 61.5,
    ends: HOUR,
    lag: 0,
  },
  {
    source: MOODS_FILE,
    lines: [MOODS_HEAD, "2024-01-01,70,13.5,101"],
    series: "fear_greed",
    value: 70,
    ends: DAY,
    lag: 0,
  },
  { source: MOODS_FILE, lines: [MOODS_HEAD, "2024-01-01,70,13.5,101"], series: "vix", value: 13.5, ends: DAY, lag: 0 },
  { source: MOODS_FILE, lines: [MOODS_HEAD, "2024-01-01,70,13.5,101"], series: "dxy", value: 101, ends: DAY, lag: 0 },
  {
    source: DAILY_GAS_FILE,
    lines: [GAS_HEAD, `${T},25000000000,100,400`],
    series: "base_fee",
    value: 25,
    ends: DAY,
    lag: 0,
  },
  {
    source: DAILY_GAS_FILE,
    lines: [GAS_HEAD, `${T},25000000000,100,400`],
    series: "gas_used",
    value: 0.25,
    ends: DAY,
    lag: 0,
  },
  {
    source: BLOCK_BASE_FEE_FILE,
    lines: ["timestamp,base_fee_gwei", `${T},11.5`],
    series: "base_fee",
    value: 11.5,
    ends: 0,
    lag: 0,
  },
  {
    source: POLYGON_GAS_FILE,
    lines: ["timestamp,gas_price_gwei", `${T},53`],
    series: "base_fee",
    value: 53,
    ends: 60,
    lag: 0,
  },
  {
    source: TAKER_FLOW_FILE,
    lines: ["open_time,taker_buy_volume_eth,volume_eth", `${T},3,4`],
    series: "bought",
    value: 3,
    ends: 60,
    lag: 0,
  },
];

describe("sources of the world outside", () => {
  it.each(SOURCES)("$source.file tells $series when its time is over, and once it is out", (one) => {
    const read = reading(one.source, ...one.lines)?.series[one.series];
    expect([...Array.from(read?.at ?? [])]).toEqual([T + one.ends]);
    expect([...Array.from(read?.knowable ?? [])]).toEqual([T + one.ends + one.lag]);
    expect([...Array.from(read?.values ?? [])]).toEqual([one.value]);
    expect(lastKnown(read, T + one.ends + one.lag - 1)).toBeNaN();
    expect(lastKnown(read, T + one.ends + one.lag)).toBe(one.value);
    const stale = T + one.ends + (one.source.columns[one.series]?.maxAgeSeconds ?? 0);
    expect(lastKnown(read, stale)).toBe(one.value);
    expect(lastKnown(read, stale + 1)).toBeNaN();
  });

  it.each([
    [FUNDING, [FUNDING_HEAD, `${T},binance,ETH-USDT,7`], 'line 2: funding_rate is "7", but it must be from -1 to 1'],
    [FUNDING, [FUNDING_HEAD, `${T},binance,ETH-USDT,x`], 'line 2: funding_rate is "x", but it must be a finite number'],
    [OPEN_INTEREST_FILE, [OI_HEAD, "2024-13-01,5,0"], 'line 2: date is "2024-13-01", but it must be a day such as'],
    [OPEN_INTEREST_FILE, [OI_HEAD, "2024-01-01,-5,0"], 'line 2: open_interest_usd is "-5", but it must be above 0'],
    [
      IMPLIED_VOLATILITY_FILE,
      ["timestamp,dvol_eth", "1.5,3"],
      'line 2: timestamp is "1.5", but it must be a whole number',
    ],
    [IMPLIED_VOLATILITY_FILE, ["timestamp,vol", "1,3"], 'line 1: header is "timestamp,vol", but it must name dvol_eth'],
    [MOODS_FILE, [MOODS_HEAD, "2024-01-01,101,,"], 'line 2: fear_greed is "101", but it must be from 0 to 100'],
    [
      MOODS_FILE,
      [MOODS_HEAD, "2024-01-01,50,,1", "2024-01-01,51,,1"],
      "line 3: fear_greed is 1704153600, but it must be after",
    ],
    [DAILY_GAS_FILE, [GAS_HEAD, `${T},1,1`], "line 2: line is"],
  ] as const)("names what is wrong in %o", (source, lines, says) => {
    expect(() => reading(source as OutsideFile, ...lines)).toThrow(says);
    expect(() => reading(source as OutsideFile, ...lines)).toThrow(source.file);
  });

  it("leave out what a row does not tell, and other exchanges", () => {
    const moods = reading(MOODS_FILE, MOODS_HEAD, "2024-01-05,60,13,101", "2024-01-06,61,,")?.series;
    expect(lastKnown(moods?.fear_greed, midnight("2024-01-08"))).toBe(61);
    // A weekend holds what Friday closed with.
    expect(lastKnown(moods?.vix, midnight("2024-01-08"))).toBe(13);
    const rates = reading(FUNDING, FUNDING_HEAD, `${T},gate,ETH-USDT,0.5`, `${T},binance,BTC-USDT,0.1`)?.series;
    expect(rates?.eth.at).toHaveLength(0);
    expect(rates?.btc.at).toHaveLength(1);
  });
});

describe("the world of a market", () => {
  const files = SOURCES.map(({ source, lines }) => {
    reading(source, ...lines);
    return join(folder, `${source.file}.csv.gz`);
  });
  reading(FUNDING, FUNDING_HEAD, `${T},binance,ETH-USDT,0.0001`, `${T + 8 * HOUR},binance,ETH-USDT,0.0002`);
  reading(LATER, FUNDING_HEAD, `${T + 8 * HOUR},binance,ETHUSDT,0.0009`, `${T + 16 * HOUR},binance,ETHUSDT,0.0003`);
  const world = readWorld(files);
  const known = (name: string) => Object.keys(world.of(worldMarketOf(name))).sort();
  const everywhere = ["dxy", "fear_greed", "open_interest", "vix"];

  it("is that of its asset and its chain", () => {
    expect(known("ethereum_usdc_weth_005_events_2024-01-05")).toEqual(
      [...everywhere, "base_fee", "funding", "implied_vol"].sort(),
    );
    expect(known("binance_spot_btcusdt_1h")).toEqual([...everywhere, "base_fee", "funding"].sort());
    expect(known("ethereum_wbtc_weth_03")).toEqual([...everywhere, "base_fee"].sort());
    expect(known("arbitrum_usdc_weth_005")).toEqual([...everywhere, "funding", "implied_vol"].sort());
    expect(known("polygon_wmatic_usd_hourly")).toEqual([...everywhere, "base_fee"].sort());
    expect(world.of(worldMarketOf("polygon_usdc_weth_005")).base_fee?.values).toEqual(Float64Array.of(53));
  });

  it("joins two records of one thing; the first is believed", () => {
    const { funding } = world.of(worldMarketOf("ethereum_usdc_weth_005"));
    expect(Array.from(funding?.values ?? [])).toEqual([0.0001, 0.0002, 0.0003]);
  });

  it("names the files that are not at hand, and then nothing is known", () => {
    const none = readWorld([]);
    expect(none.missing).toHaveLength(8);
    expect(none.of(worldMarketOf("ethereum_usdc_weth_005"))).toEqual({});
  });

  it("reaches features at the moment from which it was known, not a bar before", () => {
    const outside = world.of(worldMarketOf("ethereum_usdc_weth_005"));
    const bars = hourlyBars(80).map(
      (bar, i): Bar => ({ ...bar, startSeconds: T + (i - 1) * HOUR, endSeconds: T + i * HOUR }),
    );
    const table = featureTable(bars, outside);
    const first = (name: string): number =>
      bars.findIndex((_, row) => !Number.isNaN(table.at(row)[FEATURE_NAMES.indexOf(name)]));
    expect(first("funding_8h")).toBe(0);
    expect(first("implied_vol")).toBe(1);
    expect(first("log_base_fee")).toBe(0);
    for (const name of ["fear_greed", "vix", "dxy"]) expect([name, first(name)]).toEqual([name, 24]);
    expect(first("open_interest_change_24h")).toBe(-1);
    const cut = outsideUntil(outside, T + 24 * HOUR - 1);
    expect(cut.vix?.values).toHaveLength(0);
    expect(cut.funding?.values).toHaveLength(3);
  });
});
