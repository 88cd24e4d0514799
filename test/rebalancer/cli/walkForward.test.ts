import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { placeboMarket } from "../../../ml/backtest/checks/placeboMarket.ts";
import { seededRandom } from "../../../ml/random.ts";
import { readProtocol, type WalkReport } from "../../../rebalancer/cli/backtest/walk.ts";
import { registerBacktest } from "../../../rebalancer/cli/backtest.ts";
import { writeSecondPackage } from "../../ml/runtime/package.ts";
import { verbRunner } from "../../support/verb.ts";

const NAME = "ethereum_dai_weth_03_events_2031-05-05";
const SHORT = "polygon_usdc_weth_005_minute";
let folder: string;
let work: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rangekeeper-walk-"));
  work = join(folder, "work");
  const { events } = placeboMarket({ seed: 9, days: 1.25, feePips: 3000, sigmaPerDay: 0.06 });
  const columns =
    "block_number,timestamp,log_index,type,sender,recipient_or_owner,amount0,amount1,sqrt_price_x96,liquidity,tick,tick_lower,tick_upper,liquidity_delta";
  const rows = events.map(({ block, timestamp, sender, owner, amount0, amount1, sqrtPriceX96, liquidity, tick }) =>
    [block, timestamp, 0, "SWAP", sender, owner, amount0, amount1, sqrtPriceX96, liquidity, tick, "", "", ""].join(),
  );
  writeFileSync(join(folder, `${NAME}.csv`), `${[columns, ...rows].join("\n")}\n`);
  const minute = (i: number) => [1_658_188_800 + 60 * i, 202_700, 202_700, 202_690, 202_710, 3e10, 2e19, 5e17].join();
  const header = "timestamp,close_tick,open_tick,lowest_tick,highest_tick,in_amount0,in_amount1,current_liquidity";
  writeFileSync(
    join(folder, `${SHORT}.csv`),
    `${[header, ...Array.from({ length: 120 }, (_, i) => minute(i))].join("\n")}\n`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const HOURS = 40;
/** Five hours that nobody recorded. */
const GAP = [20, 25] as const;

/** Hourly bars of a price in dollars per WETH, the dollar as token0 or as token1; written anew, with a gap. */
function hoursFile(dollarFirst: boolean): string {
  const header = "period_start,liquidity,high,low,close,fee_growth_global0_x128,fee_growth_global1_x128";
  const random = seededRandom(31);
  let [price, growth0, growth1] = [1800, 0, 0];
  const rows = Array.from({ length: HOURS }, (_, hour) => {
    price *= Math.exp(0.008 * (random() - 0.5));
    // Dollars and WETH earned by a unit of liquidity, × 2^128; a dollar has 6 decimals.
    const [dollars, weth] = [2 ** 128 * 6e-9, 2 ** 128 * 6e-9 * (1e12 / price)];
    [growth0, growth1] = [growth0 + (dollarFirst ? dollars : weth), growth1 + (dollarFirst ? weth : dollars)];
    // Prices are token0 for a token1.
    const shown = [1.002, 0.998, 1].map((part) => (dollarFirst ? price * part : 1 / (price * part)));
    const [high, low] = [Math.max(...shown), Math.min(...shown)];
    return [
      1_900_000_800 + 3600 * hour,
      5e19,
      high,
      low,
      shown[2],
      BigInt(Math.round(growth0)),
      BigInt(Math.round(growth1)),
    ];
  });
  return [header, ...rows.filter((_, hour) => hour < GAP[0] || hour >= GAP[1]).map((row) => row.join())].join("\n");
}

const verb = verbRunner(registerBacktest, "backtest");

describe("rangekeeper backtest walk-forward", () => {
  it("walks files that it has never seen, says which are too short, and goes on from what it has", async () => {
    const out = join(folder, "out", "decision.json");
    const first = await verb("walk-forward", "--data", folder, "--work", work, "--out", out, "--json");
    expect([first.status, first.stderr]).toEqual([0, ""]);
    const report = JSON.parse(first.stdout) as WalkReport;
    expect(JSON.parse(readFileSync(out, "utf8"))).toEqual(report);
    expect(report.pools).toMatchObject([{ market: NAME, feeModel: "exact", asset: "DAI", inSample: false }]);
    expect(report.pools[0]?.windows).toHaveLength(6);
    expect(report.refused.map(({ market }) => market)).toEqual([`${SHORT} from 2022-07-19`]);
    expect(report.refused[0]?.reason).toMatch(/the span has 2 h/);
    // What is kept is what is told the next time.
    const [kept = ""] = readdirSync(work).filter((name) => name.endsWith(".json"));
    const file = join(work, kept);
    writeFileSync(file, readFileSync(file, "utf8").replace(/"greedyMoves": \d+/, '"greedyMoves": 4321'));
    const again = await verb("walk-forward", "--data", folder, "--work", work);
    expect(again.status).toBe(0);
    expect(again.stdout).toContain("4321");
    expect(again.stdout).toContain("not walked: polygon_usdc_weth_005_minute from 2022-07-19: the span has 2 h");
    expect(again.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  it("walks fresh bars with a gap, with WETH as either token, and finds the same market in both", async () => {
    const bars = mkdtempSync(join(folder, "bars-"));
    const names = ["ethereum_usdc_weth_005_hourly_2030", "ethereum_weth_usdt_005_hourly_2030"];
    names.forEach((name, i) => {
      writeFileSync(join(bars, `${name}.csv`), hoursFile(i === 0));
    });
    const { status, stdout } = await verb("walk-forward", "--data", bars, "--work", work, "--json");
    expect(status).toBe(0);
    const { pools, refused } = JSON.parse(stdout) as WalkReport;
    expect(refused).toEqual([]);
    expect(pools.map(({ market, asset }) => [market, asset])).toEqual([
      [names[0], "USDC"],
      [names[1], "USDT"],
    ]);
    const [first, second] = pools;
    if (first === undefined || second === undefined) throw new Error("two pools");
    for (const { notes, windows, capital } of pools) {
      expect(notes.join()).toContain(`${GAP[1] - GAP[0]} of ${HOURS} bars are missing`);
      expect(windows).toHaveLength(6);
      expect(capital).toBe(10_000);
    }
    // Ticks run the other way and snap to other edges: alike, not equal.
    expect(first.windows.map(({ decision }) => decision)).toEqual(second.windows.map(({ decision }) => decision));
    expect(first.baseline.headlineBps).not.toBe(0);
    expect(Math.abs(first.baseline.headlineBps - second.baseline.headlineBps)).toBeLessThan(
      0.05 * Math.abs(first.baseline.headlineBps),
    );
    expect(first.greedyMoves).toBe(second.greedyMoves);
  });

  it("says why days are not walked", async () => {
    const days = mkdtempSync(join(folder, "days-"));
    const header = "date_unix,pool,pool_name,open,high,low,close,tvl_usd,volume_usd";
    const name = "ethereum_6pools_daily_2030";
    writeFileSync(join(days, `${name}.csv`), `${header}\n1900022400,0x0,WETH/USDT 0.05%,1,1.1,0.9,1,1000,10\n`);
    for (const named of [[], ["--market", name]]) {
      const { status, stdout } = await verb("walk-forward", "--data", days, "--work", work, ...named);
      expect(status).toBe(1);
      expect(stdout.replaceAll(/\s+/g, " ")).toMatch(
        /not walked: ethereum_6pools_daily_2030: .* holds days, .* neither the liquidity in range nor where in the day fees/,
      );
    }
  });

  it("does not walk a package over what it was trained on, unless it is said, and then marks it", async () => {
    const layer = { outputs: 4, weights: [0, 0, 0, 0, 0, 0, 0, 0], bias: [1, 1, 2, 3] };
    const late = { trainedTo: 4_000_000_000, testedTo: 4_100_000_000 };
    const models = writeSecondPackage(folder, layer, (manifest) => ({
      ...manifest,
      trainedOn: { ...(manifest.trainedOn as object), to: late.trainedTo },
      testedOn: { from: late.trainedTo, to: late.testedTo, by: "held-out" },
    }));
    const walk = ["walk-forward", "--data", folder, "--work", work, "--market", NAME, "--models", models] as const;
    const refused = await verb(...walk);
    expect(refused.status).toBe(1);
    expect(refused.stdout.replaceAll(/\s+/g, " ")).toMatch(
      /No pool of the folder could be walked\. not walked: \S+: model tiny-volatility@1\.0\.0 was trained on 2017-07-14 to 2096-10-02/,
    );
    const allowed = await verb(...walk, "--allow-overlap");
    expect(allowed.status).toBe(0);
    expect(allowed.stdout).toMatch(/IN-SAMPLE/);
  });

  it("keeps to the protocol", () => {
    expect(readProtocol()).toEqual({
      rule: { firstShare: 0.4, windowShare: 0.1, embargoSeconds: 3600 },
      capitalUsd: 10_000,
      blockHours: 24,
      level: 0.95,
    });
  });

  it.each([
    [["--market", "nowhere"], /--market: nowhere; rule: a file of/],
    [["--models", "nobody"], /--models: nobody; rule: one of/],
    [["--fee-pips", "x"], /--fee-pips: x; rule/],
  ])("refuses %o", async (args, message) => {
    const { status, stderr } = await verb("walk-forward", "--data", folder, "--work", work, ...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});
