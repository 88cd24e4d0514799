import { describe, expect, it } from "vitest";
import { flipBars, toBars } from "../../../ml/data/bars.ts";
import {
  computeFeatures,
  FEATURE_NAMES,
  feature,
  LOOKBACK_BARS,
  POOL_FEATURES,
  PRICE_FEATURES,
} from "../../../ml/features/index.ts";
import type { Bar } from "../../../ml/types.ts";
import { hourlyBars, market } from "../fixtures.ts";

const at = (bars: readonly Bar[], name: string): number => feature(computeFeatures(bars), name);

describe("features", () => {
  it("are pinned by name and order: a change is a new schema version", () => {
    expect(FEATURE_NAMES).toMatchInlineSnapshot(`
      [
        "log_gk_1h",
        "log_gk_6h",
        "log_gk_24h",
        "log_rv_6h",
        "log_rv_24h",
        "log_rv_72h",
        "log_rv_168h",
        "log_parkinson_24h",
        "vol_of_vol",
        "return_1h",
        "return_6h",
        "return_24h",
        "downside_24h",
        "jump_24h",
        "hour_sin",
        "hour_cos",
        "weekday_sin",
        "weekday_cos",
        "log_fee_1h",
        "log_fee_6h",
        "log_fee_24h",
        "log_fee_168h",
        "log_turnover_24h",
        "flow_1h",
        "flow_24h",
        "toxicity_24h",
        "liquidity_1h_24h",
        "liquidity_24h_168h",
        "log_swaps_24h",
        "log_rv_1h",
        "log_rv_720h",
        "log_gk_168h",
        "log_parkinson_168h",
        "log_down_24h",
        "return_168h",
        "weekday2_sin",
        "weekday2_cos",
        "weekday3_sin",
        "weekday3_cos",
        "log_fee_720h",
        "log_turnover_1h",
        "log_turnover_168h",
        "log_volume_24h",
        "volume_1h_24h",
        "volume_24h_168h",
        "flow_6h",
        "toxicity_1h",
        "log_swaps_1h",
        "log_arrivals_1h",
        "log_arrivals_24h",
        "liquidity_spread_168h",
        "liquidity_tilt_168h",
        "swap_dispersion_24h",
        "log_hours_to_1pct",
        "crossings_1pct_24h",
        "log_hours_to_fee",
        "funding_8h",
        "funding_7d",
        "open_interest_change_24h",
        "liquidations_24h",
        "implied_vol",
        "implied_minus_realised",
        "log_base_fee",
        "base_fee_change_24h",
        "fear_greed",
        "vix",
        "dxy",
      ]
    `);
  });

  it("are all known and finite after a week of full bars, but for what comes from outside", () => {
    const { values } = computeFeatures(hourlyBars(200));
    FEATURE_NAMES.forEach((name, i) => {
      expect([name, Number.isFinite(values[i])]).toEqual([name, POOL_FEATURES.includes(name)]);
    });
  });

  it("see nothing after their time", () => {
    const history = market({ hours: 200 });
    const untilSeconds = history.toTimestamp - 20 * 3600 - 77;
    const past = { ...history, swaps: history.swaps.filter((swap) => swap.timestamp <= untilSeconds) };
    const now = computeFeatures(toBars(past, 1, { barSeconds: 3600, untilSeconds }));
    expect(now.atSeconds).toBe(untilSeconds);
    expect(computeFeatures(toBars(history, 1, { barSeconds: 3600, untilSeconds }))).toEqual(now);
  });

  it("see nothing before their lookback", () => {
    const bars = hourlyBars(900);
    expect(computeFeatures(bars.slice(-LOOKBACK_BARS))).toEqual(computeFeatures(bars));
  });

  it("measure variance in log units per day", () => {
    const flat = hourlyBars(200).map((bar, i): Bar => {
      const close = i % 2 === 0 ? 0 : 0.01;
      const open = i % 2 === 0 ? 0.01 : 0;
      return { ...bar, open, close, high: 0.01, low: 0 };
    });
    for (const window of ["6h", "24h", "72h", "168h"]) {
      expect(at(flat, `log_rv_${window}`)).toBeCloseTo(Math.log(24 * 0.0001), 9);
    }
    // One move of the whole range per hour: Garman–Klass gives (0.5 - 2 ln 2 + 1) of its square.
    expect(at(flat, "log_gk_24h")).toBeCloseTo(Math.log(24 * 0.0001 * (1.5 - 2 * Math.LN2)), 9);
    expect(at(flat, "log_parkinson_24h")).toBeCloseTo(Math.log(0.0001 / (4 * Math.LN2)), 9);
    expect(at(flat, "vol_of_vol")).toBeCloseTo(0, 9);
    expect(at(flat, "downside_24h")).toBeCloseTo(0.5, 9);
    expect(at(flat, "jump_24h")).toBeCloseTo(1 / 24, 9);
  });

  it("measure returns in units of a week's volatility", () => {
    const bars = hourlyBars(200);
    const before = bars.at(-7)?.close ?? 0;
    const last = bars.at(-1)?.close ?? 0;
    const perHour = Math.exp(at(bars, "log_rv_168h")) / 24;
    expect(at(bars, "return_6h")).toBeCloseTo((last - before) / Math.sqrt(6 * perHour), 9);
  });

  it("measure fees, turnover and flow", () => {
    const bars = hourlyBars(200).map((bar) => ({
      ...bar,
      feeYield: 2e-6,
      volume: 4,
      signedVolume: -1,
      liquidity: 1,
      close: 0,
    }));
    expect(at(bars, "log_fee_168h")).toBeCloseTo(Math.log(48e-6), 9);
    expect(at(bars, "log_turnover_24h")).toBeCloseTo(Math.log(24 * 2), 9);
    expect(at(bars, "flow_24h")).toBeCloseTo(-0.25, 9);
    expect(at(bars, "toxicity_24h")).toBeCloseTo(0.25, 9);
    expect(at(bars, "liquidity_1h_24h")).toBeCloseTo(0, 9);
    const thinner = bars.map((bar, i) => (i === bars.length - 1 ? { ...bar, liquidity: 0.5 } : bar));
    expect(at(thinner, "liquidity_1h_24h")).toBeCloseTo(Math.log(0.5 / (23.5 / 24)), 9);
  });

  it("flip sign, not size, with the asset", () => {
    const bars = hourlyBars(200);
    const flipped = flipBars(bars);
    expect(at(flipped, "return_24h")).toBeCloseTo(-at(bars, "return_24h"), 9);
    expect(at(flipped, "downside_24h")).toBeCloseTo(1 - at(bars, "downside_24h"), 9);
    expect(at(flipped, "log_gk_24h")).toBeCloseTo(at(bars, "log_gk_24h"), 9);
    expect(at(flipped, "log_fee_24h")).toBeCloseTo(at(bars, "log_fee_24h"), 9);
    expect(at(flipped, "log_turnover_24h")).toBeCloseTo(at(bars, "log_turnover_24h"), 9);
  });

  it("know the hour and the weekday of their time", () => {
    const bars = hourlyBars(200);
    const date = new Date((bars.at(-1)?.endSeconds ?? 0) * 1000);
    const hour = (2 * Math.PI * date.getUTCHours()) / 24;
    expect(at(bars, "hour_sin")).toBeCloseTo(Math.sin(hour), 9);
    expect(at(bars, "hour_cos")).toBeCloseTo(Math.cos(hour), 9);
  });

  it("are missing, never zero, when the source does not know", () => {
    const prices = hourlyBars(200).map((bar) => ({
      ...bar,
      volume: Number.NaN,
      signedVolume: Number.NaN,
      feeYield: Number.NaN,
      liquidity: Number.NaN,
      swaps: Number.NaN,
      arrivals: Number.NaN,
    }));
    const features = computeFeatures(prices);
    FEATURE_NAMES.forEach((name, i) => {
      expect([name, Number.isNaN(features.values[i])]).toEqual([name, !PRICE_FEATURES.includes(name)]);
    });
  });

  it("are missing with too little history, and use what there is from 18 hours on", () => {
    const short = hourlyBars(10);
    expect(at(short, "log_rv_24h")).toBeNaN();
    expect(at(short, "log_rv_6h")).not.toBeNaN();
    expect(at(hourlyBars(30), "log_rv_168h")).not.toBeNaN();
    expect(at(hourlyBars(30), "vol_of_vol")).toBeNaN();
  });

  it("refuse bars that are not hourly", () => {
    const minutes = hourlyBars(30).map((bar) => ({ ...bar, endSeconds: bar.startSeconds + 60 }));
    expect(() => computeFeatures(minutes)).toThrow(/hourly/);
    expect(() => computeFeatures([])).toThrow(/at least one bar/);
  });
});
