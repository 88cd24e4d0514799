import { describe, expect, it } from "vitest";
import { parseCandles, ratioOf } from "../../../ml/data/ohlcv.ts";
import { parsePoolHours } from "../../../ml/data/poolHours.ts";
import { parsePoolMinutes } from "../../../ml/data/poolMinutes.ts";

const HOUR = 3600;

describe("parseCandles", () => {
  const text =
    "open_time,open,high,low,close,volume_base\n0,1,2,0.5,1.5,9\n3600,1.5,1.6,1.4,1.5,9\n10800,1.5,3,1.5,3,9\n";

  it("fills holes with bars of which nothing is known", () => {
    const bars = parseCandles(text, "c.csv", HOUR);
    expect(bars.map((bar) => bar.startSeconds)).toEqual([0, 3600, 7200, 10800]);
    expect(bars[2]?.close).toBeNaN();
    expect(bars[3]?.realisedVariance).toBeCloseTo(Math.log(2) ** 2, 12);
    expect(bars[0]?.feeYield).toBeNaN();
  });

  it.each([
    ["a close above the high", text.replace("0,1,2,0.5,1.5", "0,1,1.2,0.5,1.5"), /line 2: high is "1\.2"/],
    ["an open below the low", text.replace("0,1,2,0.5", "0,1,2,1.2"), /line 2: low is "1\.2"/],
    ["a price of zero", text.replace("0.5,1.5,9", "0,1.5,9"), /line 2: low is "0"/],
    ["candles out of order", text.replace("10800", "0"), /line 4: open_time is "0"/],
    ["a time off the grid", text.replace("10800", "10801"), /line 4: open_time is "10801"/],
  ])("refuses %s", (_, broken, message) => {
    expect(() => parseCandles(broken, "c.csv", HOUR)).toThrow(message);
  });

  it("divides two series into a third", () => {
    const bars = parseCandles(text, "c.csv", HOUR);
    const divide = ratioOf();
    const twice = bars.map((bar) => ({ ...bar, open: bar.open + 1, close: bar.close + 2 }));
    const ratio = bars.map((bar, i) => divide(twice[i] as typeof bar, bar));
    expect(ratio[0]?.close).toBeCloseTo(2, 12);
    expect(ratio[0]?.high).toBeNaN();
  });
});

describe("parsePoolMinutes", () => {
  const header =
    "timestamp,net_amount0,net_amount1,close_tick,open_tick,lowest_tick,highest_tick,in_amount0,in_amount1,current_liquidity";
  const text = `${header}\n0,0,0,100,0,-10,110,1000,2000,1000000\n60,0,0,100,100,100,100,0,0,1000000\n`;

  it("gives fees of both directions to a full-range position", () => {
    const [bar] = parsePoolMinutes(text, "m.csv", { numeraire: 1, feePips: 500 });
    const price = 1.0001 ** 100;
    const volume = 2000 + 1000 * price;
    expect(bar?.volume).toBeCloseTo(volume, 6);
    expect(bar?.feeYield).toBeCloseTo((0.0005 * volume) / (2e6 * Math.sqrt(price)), 12);
    expect(bar?.signedVolume).toBeCloseTo(2000 - 1000 * price, 6);
    expect([bar?.low, bar?.high].map((p) => (p ?? 0) / Math.log(1.0001))).toEqual([
      expect.closeTo(-10, 6),
      expect.closeTo(110, 6),
    ]);
  });

  it("turns highs into lows for the other asset", () => {
    const [bar] = parsePoolMinutes(text, "m.csv", { numeraire: 0, feePips: 500 });
    expect((bar?.high ?? 0) / Math.log(1.0001)).toBeCloseTo(10, 6);
    expect(bar?.signedVolume).toBeLessThan(0);
  });

  it("refuses a pool without liquidity", () => {
    expect(() =>
      parsePoolMinutes(text.replace("2000,1000000", "2000,0"), "m.csv", { numeraire: 0, feePips: 500 }),
    ).toThrow(/line 2: current_liquidity is "0"/);
  });
});

describe("parsePoolHours", () => {
  const Q128 = 2n ** 128n;
  const text = [
    "period_start,liquidity,high,low,close,fee_growth_global0_x128,fee_growth_global1_x128",
    `0,1000000,2.1,1.9,2,${Q128},${Q128}`,
    // One millionth of token0 and two of token1 per unit of liquidity.
    `3600,1000000,2.1,1.9,2,${Q128 + Q128 / 1_000_000n},${Q128 + (2n * Q128) / 1_000_000n}`,
  ].join("\n");
  const parameters = { numeraire: 0 as const, feePips: 500, decimals0: 6, decimals1: 6 };

  it("reads fees from the growth per unit of liquidity", () => {
    const bars = parsePoolHours(`${text}\n`, "h.csv", parameters);
    expect(bars[0]?.feeYield).toBeNaN();
    // close = 2 token0 per token1; full-range value per liquidity in token0 = 2 sqrt(2).
    expect(bars[1]?.feeYield).toBeCloseTo((1e-6 + 2e-6 * 2) / (2 * Math.SQRT2), 14);
    expect(bars[1]?.volume).toBeCloseTo(((1e-6 + 4e-6) * 1e6) / 0.0005, 3);
  });

  it("gives the same yield to either asset", () => {
    const one = parsePoolHours(`${text}\n`, "h.csv", { ...parameters, numeraire: 1 });
    const zero = parsePoolHours(`${text}\n`, "h.csv", parameters);
    expect((one[1]?.feeYield ?? 0) / (zero[1]?.feeYield ?? 1)).toBeCloseTo(1, 12);
    expect(one[1]?.close).toBeCloseTo(-(zero[1]?.close ?? 0), 12);
  });

  it("leaves volume unknown where the fee tier is", () => {
    const bars = parsePoolHours(`${text}\n`, "h.csv", { ...parameters, feePips: null });
    expect(bars[1]?.volume).toBeNaN();
    expect(bars[1]?.feeYield).toBeGreaterThan(0);
  });

  it("refuses fee growth that falls", () => {
    const falling = text.replace(String(Q128 + Q128 / 1_000_000n), "1");
    expect(() => parsePoolHours(`${falling}\n`, "h.csv", parameters)).toThrow(
      /line 3: fee_growth_global0_x128 is "1", but fee growth must not fall/,
    );
  });
});
