import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseEvents } from "../../../ml/data/events.ts";
import { listMarkets, resolveMarket, UnknownMarketError } from "../../../ml/data/market.ts";
import { parsePoolState } from "../../../ml/data/state.ts";

const HEADER =
  "block_number,timestamp,tx_index,log_index,type,sender,recipient_or_owner,amount0,amount1,sqrt_price_x96,liquidity,tick,tick_lower,tick_upper,liquidity_delta,tx_hash";
const ME = "0x00000000000000000000000000000000000000AA";
const SQRT_ONE = (1n << 96n).toString();
const SWAP = `10,1000,0,3,SWAP,${ME},${ME},5,-4,${SQRT_ONE},77,0,,,,0x`;
const MINT = `10,1000,0,4,MINT,,${ME},5,4,,,,-60,60,9,0x`;
const BURN = `11,1012,0,1,BURN,,${ME},5,4,,,,-60,60,-9,0x`;
const COLLECT = `11,1012,0,2,COLLECT,,${ME},5,4,,,,-60,60,,0x`;
const csv = (...rows: string[]): string => `${[HEADER, ...rows].join("\n")}\n`;

const STATE = JSON.stringify({
  poolAddress: ME,
  block: 9,
  data: {
    token0: ME,
    token1: ME,
    fee: 3000,
    tickSpacing: 60,
    feeGrowthGlobal0X128: "1",
    feeGrowthGlobal1X128: 2,
    liquidity: "77",
    slot0: { sqrtPriceX96: SQRT_ONE, tick: 0, observationIndex: 0, observationCardinality: 1, feeProtocol: 200 },
    balance0: 1,
    balance1: 2,
    ticks: {
      "60": { liquidityGross: "9", liquidityNet: "-9" },
      "-60": { liquidityGross: 9, liquidityNet: 9 },
    },
    positions: { [`${ME}-6060`]: { liquidity: 9 } },
    observations: [],
  },
});

/** The state with one piece of its text replaced. */
function state(from = "", to = ""): string {
  expect(STATE).toContain(from);
  return STATE.replace(from, to);
}

describe("parseEvents", () => {
  it("reads each kind of event", () => {
    const events = parseEvents(csv(SWAP, MINT, BURN, COLLECT), "x.csv");
    expect(events.map((e) => e.type)).toEqual(["SWAP", "MINT", "BURN", "COLLECT"]);
    expect(events[0]).toMatchObject({ block: 10, order: 3, amount1: -4n, sqrtPriceX96: 1n << 96n, tick: 0 });
    expect(events[1]).toMatchObject({ owner: ME.toLowerCase(), sender: null, liquidityDelta: 9n, sqrtPriceX96: null });
    expect(events[3]?.liquidityDelta).toBeNull();
  });

  it("reads files ordered by seq and with gas columns", () => {
    const text = `block_number,timestamp,seq,type,sender,recipient_or_owner,amount0,amount1,sqrt_price_x96,liquidity,tick,tick_lower,tick_upper,liquidity_delta,gas_price_wei,gas_used\n10,1000,7,BURN,,${ME},0,0,,,,-60,60,0,5,6\n`;
    expect(parseEvents(text, "x.csv")[0]).toMatchObject({ order: 7, gasPriceWei: 5n, gasUsed: 6n });
  });

  it.each([
    ["an unknown type", [SWAP.replace("SWAP", "FLASH")], /x\.csv line 2: type is "FLASH"/],
    ["a block out of order", [BURN, SWAP], /line 3: block_number is "10"/],
    ["two times in one block", [SWAP, MINT.replace("10,1000", "10,1001")], /line 3: timestamp is "1001"/],
    ["a repeated log index", [SWAP, MINT.replace("0,4", "0,3")], /line 3: log_index is "3"/],
    ["a tick that is not the price's", [SWAP.replace("77,0", "77,9")], /line 2: tick is "9"/],
    ["a swap that pays both tokens in", [SWAP.replace("-4", "4")], /line 2: amount1 is "4"/],
    ["an amount that is no whole number", [SWAP.replace("5,-4", "5.5,-4")], /line 2: amount0 is "5.5"/],
    ["a negative mint", [MINT.replace("60,9", "60,-9")], /line 2: liquidity_delta is "-9"/],
    ["a positive burn", [BURN.replace("60,-9", "60,9")], /line 2: liquidity_delta is "9"/],
    ["ticks the wrong way round", [MINT.replace("-60,60", "60,-60")], /line 2: tick_lower is "60"/],
    ["a line cut off", [SWAP, "11,10"], /line 3: line is "11,10"/],
    ["no rows", [], /must hold at least one/],
  ])("refuses %s", (_, rows, message) => {
    expect(() => parseEvents(csv(...rows), "x.csv")).toThrow(message);
  });

  it("refuses a file without a column it needs", () => {
    expect(() => parseEvents(csv(SWAP).replace("sqrt_price_x96", "price"), "x.csv")).toThrow(
      /must name sqrt_price_x96/,
    );
  });
});

describe("parsePoolState", () => {
  it("reads numbers and strings, sorts ticks, splits position keys", () => {
    const parsed = parsePoolState(state(), "s.json");
    expect(parsed.ticks.map((t) => [t.tick, t.liquidityNet])).toEqual([
      [-60, 9n],
      [60, -9n],
    ]);
    expect(parsed.positions[0]).toMatchObject({ tickLower: -60, tickUpper: 60, liquidity: 9n, tokensOwed0: 0n });
    expect(parsed.observations).toEqual([]);
  });

  it("keeps every digit of a long JSON number", () => {
    const text = state('"liquidity":"77"', '"liquidity":123456789012345678901234567');
    expect(parsePoolState(text, "s.json").liquidity).toBe(123456789012345678901234567n);
  });

  it("tells a next cardinality in the field feeProtocol from a protocol fee", () => {
    expect(parsePoolState(state(), "s.json")).toMatchObject({ feeProtocol: 0, observationCardinalityNext: 200 });
    const real = state('Cardinality":1,"feeProtocol":200', 'Cardinality":300,"feeProtocol":68');
    expect(parsePoolState(real, "s.json")).toMatchObject({ feeProtocol: 68, observationCardinalityNext: 300 });
  });

  it("reads observations keyed by ring index", () => {
    const observation = '{"1":{"blockTimestamp":5,"tickCumulative":-1,"secondsPerLiquidityCumulativeX128":2}}';
    const text = state('"observations":[]', `"observations":${observation}`);
    const { observations } = parsePoolState(text, "s.json");
    expect(observations.map((o) => o.initialized)).toEqual([false, true]);
    expect(observations[1]?.tickCumulative).toBe(-1n);
  });

  it.each([
    ["a missing liquidityNet", ',"liquidityNet":"-9"', "", /data\.ticks\.60\.liquidityNet/],
    ["a tick off the spacing", '"60":', '"61":', /data\.ticks\.61 is 61/],
    ["a price out of range", SQRT_ONE, "1", /slot0\.sqrtPriceX96 is "1"/],
    ["a fraction", '"liquidity":"77"', '"liquidity":1.5', /data\.liquidity is 1\.5/],
  ])("refuses %s", (_, from, to, message) => {
    expect(() => parsePoolState(state(from, to), "s.json")).toThrow(message);
  });

  it("refuses JSON that is cut off", () => {
    expect(() => parsePoolState(state().slice(0, -5), "s.json")).toThrow(/s\.json is not JSON, or is cut off/);
  });
});

describe("resolveMarket", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "market-"));
    mkdirSync(join(folder, "pools"));
    const put = (name: string, bytes: string | Buffer): void => writeFileSync(join(folder, "pools", name), bytes);
    put("ethereum_wbtc_weth_03_events_a.csv.gz", gzipSync(csv(SWAP)));
    put("polygon_foo_usdc_005_events_b.csv", csv(SWAP));
    put("ethereum_wbtc_weth_03_events_cut.csv.gz", gzipSync(csv(...Array(500).fill(SWAP))).subarray(0, 150));
    put("unrelated.csv", "a,b\n1,2\n");
    const at = (block: number): string => state('"block":9', `"block":${block}`);
    put("ethereum_wbtc_weth_03_state_block5.json.gz", gzipSync(at(5)));
    put("ethereum_wbtc_weth_03_state_block9.json.gz", gzipSync(at(9)));
    put("ethereum_wbtc_weth_03_state_block10.json.gz", gzipSync(at(10)));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("takes the latest state below the first event's block", () => {
    const market = resolveMarket(folder, "ethereum_wbtc_weth_03_events_a");
    expect(market.state?.block).toBe(9);
    expect(market.pool).toMatchObject({ chainId: 1, feePips: 3000, tickSpacing: 60 });
    expect(market.pool.token0).toMatchObject({ symbol: "WBTC", decimals: 8 });
  });

  it("reads fee tier and symbols from the name where there is no state, and says what it guessed", () => {
    const market = resolveMarket(folder, "polygon_foo_usdc_005_events_b");
    expect(market.state).toBeNull();
    expect(market.pool).toMatchObject({ chainId: 137, feePips: 500, tickSpacing: 10 });
    expect(market.notes).toEqual(["decimals of FOO are not known and taken as 18"]);
  });

  it("names the markets that exist when one does not", () => {
    expect(() => resolveMarket(folder, "nope")).toThrow(UnknownMarketError);
    expect(() => resolveMarket(folder, "nope")).toThrow(/"nope".*ethereum_wbtc_weth_03_events_a, .*polygon_foo_usdc/);
    expect(listMarkets(folder)).not.toContain("unrelated");
    expect(() => resolveMarket(folder, "unrelated")).toThrow(/unrelated\.csv line 1: header .* must name block_number/);
  });

  it("says that a truncated file is truncated", () => {
    expect(() => resolveMarket(folder, "ethereum_wbtc_weth_03_events_cut")).toThrow(/cut\.csv\.gz is truncated/);
  });

  it("names a data folder that does not exist", () => {
    expect(() => resolveMarket(join(folder, "missing"), "x")).toThrow(
      /data folder .*missing cannot be read \(ENOENT\)/,
    );
  });
});

const data = process.env.RANGEKEEPER_DATA;
describe.skipIf(!data)("the real files", () => {
  it("reads every market of the data folder", () => {
    for (const name of listMarkets(data ?? "")) {
      const market = resolveMarket(data ?? "", name);
      expect(market.events.some((e) => e.type === "SWAP")).toBe(true);
    }
  });

  it("reads the WBTC/WETH market with its state", () => {
    const market = resolveMarket(data ?? "", "ethereum_wbtc_weth_03_events_2023-03-01");
    expect(market.events.filter((e) => e.type === "SWAP")).toHaveLength(725);
    expect(market.state?.ticks).toHaveLength(600);
    expect(readFileSync(market.stateFile ?? "").length).toBeGreaterThan(0);
  });
});
