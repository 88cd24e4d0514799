import { describe, expect, it } from "vitest";
import type { Outlook } from "../../ml/outlook.ts";
import { seededRandom } from "../../ml/random.ts";
import { spreadOf } from "../../ml/ranges/confidence.ts";
import { type CalibrationState, emptyCalibration, learnDays } from "../../ml/risk/uncertainty/calibration.ts";
import { dayObservation, midnights } from "../../ml/risk/uncertainty/dayInputs.ts";
import { PROVEN_DAYS, stateDay } from "../../ml/stated.ts";
import type { Bar } from "../../ml/types.ts";

const HOUR = 3600;

/** Hourly bars of a calm random walk: 1.7 % a day. */
function walk(days: number): Bar[] {
  const random = seededRandom(4);
  let price = 0;
  return Array.from({ length: days * 24 }, (_, i) => {
    const open = price;
    price += 0.012 * (random() - 0.5);
    const startSeconds = Date.UTC(2021, 0, 1) / 1000 + i * HOUR;
    const [high, low] = [Math.max(open, price), Math.min(open, price)];
    const unknown = { volume: Number.NaN, signedVolume: Number.NaN, feeYield: Number.NaN, liquidity: Number.NaN };
    const bar = { startSeconds, endSeconds: startSeconds + HOUR, open, high, low, close: price };
    return { ...bar, realisedVariance: (price - open) ** 2, ...unknown, swaps: Number.NaN };
  });
}

const bars = walk(150);
const outlook = { bars: () => bars } as unknown as Outlook;
const volatility = { mean: 0.0003, q10: 0.0001, q50: 0.0003, q90: 0.0009 };
const taught = (days: number): CalibrationState =>
  learnDays(
    emptyCalibration,
    midnights(bars)
      .slice(0, days)
      .flatMap((start) => dayObservation(bars, start, () => volatility.q50) ?? []),
  );
const state = (calibration?: CalibrationState) => stateDay({ outlook, numeraire: 0, volatility, calibration });

describe("what is stated of the day ahead", () => {
  it("is the model's own spread where no calibration is kept", () => {
    expect(state()).toEqual({ spreadWad: spreadOf(volatility) });
  });

  it("is wider than that without a past, and never narrower until the past is long enough", () => {
    const bare = spreadOf(volatility);
    const { spreadWad, stated } = state(emptyCalibration);
    expect(spreadWad).toBeGreaterThan(bare);
    expect(spreadWad).toBeLessThan(3n * bare);
    expect(stated?.days).toBe(0);
    const young = state(taught(PROVEN_DAYS - 1));
    expect(young.stated?.days).toBe(PROVEN_DAYS - 1);
    expect(spreadOf(young.stated?.variance as typeof volatility)).toBeLessThan(bare);
    expect(young.spreadWad).toBe(bare);
  });

  it("is the posterior's after that: narrower in a market that is calmer than the model feared", () => {
    const { spreadWad, stated } = state(taught(140));
    expect(spreadWad).toBe(spreadOf(stated?.variance as typeof volatility));
    expect(spreadWad).toBeLessThan(spreadOf(volatility));
    expect(stated?.halfWidth).toBeGreaterThan(1.5 * Math.sqrt(volatility.q50));
  });

  it("is another for another median or other errors, also on bars that were asked about before", () => {
    const calibration = taught(140);
    const of = (of: Bar[], q50: number, errors: CalibrationState) =>
      stateDay({
        outlook: { bars: () => of } as unknown as Outlook,
        ...{ numeraire: 0 as const, volatility: { ...volatility, q50 }, calibration: errors },
      }).stated;
    const first = of(bars, volatility.q50, calibration);
    // Each as it is on bars that nobody asked about, whatever was asked last.
    for (const [q50, errors] of [
      [2 * volatility.q50, calibration],
      [2 * volatility.q50, taught(70)],
      [volatility.q50, calibration],
    ] as const) {
      expect(of(bars, q50, errors)).toEqual(of([...bars], q50, errors));
    }
    expect(of(bars, 2 * volatility.q50, calibration)?.variance.q50).not.toBe(first?.variance.q50);
    expect(of(bars, volatility.q50, taught(70))?.halfWidth).not.toBe(first?.halfWidth);
  });

  it("is the model's again where there is not a day of bars", () => {
    const short = { bars: () => bars.slice(0, 20) } as unknown as Outlook;
    const calibration = taught(100);
    expect(stateDay({ outlook: short, numeraire: 0, volatility, calibration })).toEqual({
      spreadWad: spreadOf(volatility),
    });
  });
});
