import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { modelPolicy } from "../../../../ml/backtest/modelPolicy.ts";
import { openMarket } from "../../../../ml/backtest/resolve.ts";
import { runBacktest } from "../../../../ml/backtest/run.ts";
import { buildDataset } from "../../../../ml/data/dataset/build.ts";
import { FEATURE_NAMES } from "../../../../ml/features/index.ts";
import { loadModelSet } from "../../../../ml/models/index.ts";
import { outlookOf } from "../../../../ml/outlook.ts";
import { FREE, settings } from "../../backtest/market.fixture.ts";
import { everySource } from "../../features/outside.fixture.ts";
import { bounds, market, START } from "../../fixtures.ts";

const HOUR = 3600;
const DAY = 86_400;
const folder = mkdtempSync(join(tmpdir(), "outside-"));
afterAll(() => rmSync(folder, { recursive: true }));

const CANDLES = "binance_spot_ethusdt_1h";
const HOURS = "polygon_usdc_weth_005_hourly";
const T = 1_704_067_200; // 2024-01-01T00:00:00Z
const price = (hour: number): number => 1000 + 20 * Math.sin(hour);
const lines = (...rows: readonly (readonly unknown[])[]): string => `${rows.map((row) => row.join(",")).join("\n")}\n`;
const hours = Array.from({ length: 96 }, (_, hour) => hour);
writeFileSync(
  join(folder, `${CANDLES}.csv`),
  lines(
    ["open_time", "open", "high", "low", "close", "volume_base"],
    ...hours.map((hour) => [T + HOUR * hour, price(hour), price(hour) + 21, price(hour) - 21, price(hour + 1), 5]),
  ),
);
writeFileSync(
  join(folder, `${HOURS}.csv`),
  lines(
    ["period_start", "liquidity", "high", "low", "close", "fee_growth_global0_x128", "fee_growth_global1_x128"],
    ...hours.map((hour) => [T + HOUR * hour, 10n ** 18n, price(hour) + 21, price(hour) - 21, price(hour), hour, hour]),
  ),
);
// Known from the second day on, and no more from the fourth.
writeFileSync(
  join(folder, "daily_fear_greed_vix_dxy_btc_2015_2026.csv"),
  lines(["date", "fear_greed", "vix", "dxy"], ["2024-01-01", 70, 13, 101], ["2024-01-02", 71, 14, 102]),
);
writeFileSync(
  join(folder, "funding_rates_7ex_btc_eth_2020_2023.csv"),
  lines(["timestamp", "exchange", "symbol", "funding_rate"], [T + 30 * HOUR, "binance", "ETH-USDT", 0.0003]),
);

describe("what is known from outside", () => {
  const build = async (outside: boolean) => {
    const samples = { strideHours: 1, rangesPerTime: 1, horizonsSeconds: [HOUR], warmUpHours: 6 };
    const out = join(folder, outside ? "told" : "bare");
    const manifest = await buildDataset({ dataFolder: folder, out, seed: 1, markets: [CANDLES], samples, outside });
    const [head, ...rows] = readFileSync(join(out, "volatility.csv"), "utf8").trimEnd().split("\n");
    const columns = (head as string).split(",");
    const cell = (hour: number, name: string) => {
      const row = rows.map((text) => text.split(",")).find((cells) => Number(cells[1]) === T + hour * HOUR);
      return row?.[columns.indexOf(name)];
    };
    return { manifest, cell, rows };
  };

  it("stands in the rows of a training set from when it was known to when it is stale, and is empty elsewhere", async () => {
    const { manifest, cell } = await build(true);
    expect([23, 24, 47, 48].map((hour) => cell(hour, "fear_greed"))).toEqual(["", "0.7", "0.7", "0.71"]);
    expect([29, 30, 39, 40].map((hour) => cell(hour, "funding_8h"))).toEqual(["", "0.0003", "0.0003", ""]);
    expect(cell(40, "implied_vol")).toBe("");
    expect(manifest.sources.map(({ file }) => file)).toContain("daily_fear_greed_vix_dxy_btc_2015_2026.csv");
    const note = manifest.notes.find((text) => text.startsWith(`${CANDLES}: known from outside`));
    expect(note).toContain("funding 2024-01-02 to 2024-01-02, open_interest never");
    expect(note).toContain("fear_greed 2024-01-02 to 2024-01-03");
    expect(manifest.notes.some((text) => text.startsWith("no eth_dvol"))).toBe(true);
  });

  it("is left out where nobody asks for it, and changes nothing else of a row", async () => {
    const [told, bare] = [await build(true), await build(false)];
    expect(bare.cell(40, "fear_greed")).toBe("");
    expect(bare.manifest.notes).toEqual([]);
    const inside = (row: string) => row.split(",").filter((_, i) => i < 2 || !outsideColumn(i));
    const outsideColumn = (i: number) => i - 2 >= FEATURE_NAMES.indexOf("funding_8h") && i - 2 < FEATURE_NAMES.length;
    expect(told.rows.map(inside)).toEqual(bare.rows.map(inside));
    expect(told.manifest.hash).not.toBe(bare.manifest.hash);
  });

  it("reaches a model in a backtest when it was known, and a market that ends earlier knows less", async () => {
    const opened = openMarket({ dataFolder: folder, name: HOURS });
    const models = await loadModelSet("rules");
    const decision = { horizonSeconds: DAY, riskAversion: 0, hysteresisBps: 0, minHistorySeconds: 0 };
    const { fromSeconds, toSeconds } = opened.description;
    const run = await runBacktest({
      market: opened,
      settings: {
        ...settings,
        costs: { ...FREE, gasTokenPrice: 1 },
        fromSeconds: fromSeconds + 6 * HOUR,
        toSeconds,
        decisionSeconds: HOUR,
      },
      policy: modelPolicy({ models, bounds, settings: decision }),
    });
    const fear = FEATURE_NAMES.indexOf("fear_greed");
    const seen = run.journal.map(({ atSeconds, features }) => [(atSeconds - T) / HOUR, features?.values[fear] ?? null]);
    expect(seen.find(([hour]) => hour === 23)).toEqual([23, null]);
    expect(seen.find(([hour]) => hour === 24)).toEqual([24, 0.7]);
    expect(seen.find(([hour]) => hour === 48)).toEqual([48, 0.71]);
    expect(opened.outside?.fear_greed?.values).toHaveLength(2);
    expect(opened.until(T + 47 * HOUR).outside?.fear_greed?.values).toHaveLength(1);
  });

  it("changes no answer of the shipped packages: none of them was trained on it", async () => {
    const models = await loadModelSet("rangekeeper");
    const history = market({ hours: 200 });
    const outside = everySource(START, 220);
    const answers = async (outlook: ReturnType<typeof outlookOf>) => {
      const given = {
        numeraire: 1,
        bounds,
        minWidthTicks: 60,
        referenceTick: history.tick,
        horizonSeconds: DAY,
      } as const;
      const candidates = await outlook.candidates({ ...given, grid: { widths: 4, centres: 3 } });
      return { volatility: await outlook.volatility(1), candidates };
    };
    const [bare, told] = [outlookOf({ history, models }), outlookOf({ history: { ...history, outside }, models })];
    const known = Array.from(told.features(1)?.values ?? []).filter((value) => !Number.isNaN(value)).length;
    expect(known).toBe(FEATURE_NAMES.length);
    expect(Array.from(bare.features(1)?.values ?? []).filter((value) => !Number.isNaN(value)).length).toBe(known - 11);
    const [one, other] = [await answers(bare), await answers(told)];
    expect(one.candidates.ranges.length).toBeGreaterThan(3);
    expect(other).toEqual(one);
  });
});
