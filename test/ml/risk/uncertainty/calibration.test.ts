import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../../ml/random.ts";
import {
  type CalibrationState,
  emptyCalibration,
  forecastDay,
  judgeDay,
  learnDay,
  learnDays,
  parseCalibration,
  SETTINGS,
} from "../../../../ml/risk/uncertainty/calibration.ts";
import { compareIntervals } from "../../../../ml/risk/uncertainty/compare.ts";
import {
  type DayObservation,
  dayInputs,
  dayObservation,
  midnights,
} from "../../../../ml/risk/uncertainty/dayInputs.ts";
import type { Bar } from "../../../../ml/types.ts";

const HOUR = 3600;
const DAY = 86_400;
const START = Date.UTC(2020, 0, 1) / 1000;

/** Hourly bars of a price whose daily volatility wanders, with a jump in it half way. */
function market(days: number, seed: number, sigma = 0.03): Bar[] {
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  let price = 0;
  let level = 0;
  return Array.from({ length: days * 24 }, (_, i) => {
    if (i % 24 === 0) level = 0.9 * level + 0.25 * normal();
    const regime = i > days * 12 ? 1.6 : 1;
    const open = price;
    price += (sigma * regime * Math.exp(level) * normal()) / Math.sqrt(24);
    const startSeconds = START + i * HOUR;
    return {
      startSeconds,
      endSeconds: startSeconds + HOUR,
      open,
      close: price,
      high: Math.max(open, price) + 0.001,
      low: Math.min(open, price) - 0.001,
      realisedVariance: (price - open) ** 2,
      volume: Number.NaN,
      signedVolume: Number.NaN,
      feeYield: Number.NaN,
      liquidity: Number.NaN,
      swaps: Number.NaN,
    };
  });
}

const daysOf = (bars: readonly Bar[]): DayObservation[] =>
  midnights(bars).flatMap((i) => dayObservation(bars, i) ?? []);

const bars = market(420, 5);
const days = daysOf(bars);
const learned = learnDays(emptyCalibration, days.slice(0, 300));

describe("the inputs of a day", () => {
  it("are of the past alone: cutting or changing the future changes nothing", () => {
    const at = 24 * 100;
    const cut = dayInputs({ bars: bars.slice(0, at) });
    const other = [...bars.slice(0, at), ...market(320, 99)];
    expect(dayObservation(other, at)?.inputs).toEqual(cut);
    expect(dayObservation(bars, at)?.inputs).toEqual(cut);
  });

  it("measure what they say", () => {
    const at = 24 * 50;
    const past = bars.slice(0, at).map(({ close }) => close);
    const day = past.slice(-24).reduce((sum, close, i) => sum + (close - (past.at(-25 + i) as number)) ** 2, 0);
    expect(Math.exp((dayInputs({ bars: bars.slice(0, at) })?.x[2] as number) - 6.8)).toBeCloseTo(day + 1e-8, 10);
  });

  it("reach as far as the history does, and are absent without a day of it", () => {
    expect(dayInputs({ bars: bars.slice(0, 30) })?.x.every(Number.isFinite)).toBe(true);
    expect(dayInputs({ bars: bars.slice(0, 24) })).toBeNull();
    expect(dayInputs({ bars: [] })).toBeNull();
  });

  it("leave out a day with holes", () => {
    const holed = bars.map((bar, i) => (i >= 2400 && i < 2410 ? { ...bar, close: Number.NaN } : bar));
    expect(dayObservation(holed, 2400)).toBeNull();
    expect(dayObservation(holed, 2424)).not.toBeNull();
  });

  it("take what a model expects of the day in place of the usual mean", () => {
    const known = bars.slice(0, 2400);
    expect(dayInputs({ bars: known, expected: 0.0004 })?.base).toBeCloseTo(Math.log(0.0004), 4);
  });
});

describe("the state", () => {
  it("is JSON and comes back the same", () => {
    const back = parseCalibration(JSON.parse(JSON.stringify(learned)));
    expect(back).toEqual(learned);
    const inputs = (days[300] as DayObservation).inputs;
    expect(forecastDay(back, inputs)).toEqual(forecastDay(learned, inputs));
    expect(JSON.stringify(learned).length).toBeLessThan(20_000);
  });

  it("names the field that is wrong", () => {
    const wrong = (change: object) => () => parseCalibration({ ...learned, ...change });
    expect(wrong({ correction: 9 })).toThrow(/correction/);
    expect(wrong({ runs: [] })).toThrow(/runs/);
    expect(wrong({ version: 2 })).toThrow(/version/);
    expect(wrong({ meanRatio: Number.NaN })).toThrow(/meanRatio/);
    expect(wrong({ losses: [1] })).toThrow(/losses/);
  });

  it("is not changed by a day that it has learned, nor in place", () => {
    const before = JSON.stringify(learned);
    expect(learnDay(learned, days[299] as DayObservation)).toBe(learned);
    expect(learnDay(learned, days[10] as DayObservation)).toBe(learned);
    learnDay(learned, days[300] as DayObservation);
    expect(JSON.stringify(learned)).toBe(before);
  });

  it("is the same in one go and day by day through JSON", () => {
    let state: CalibrationState = emptyCalibration;
    for (const day of days.slice(0, 60)) state = parseCalibration(JSON.parse(JSON.stringify(learnDay(state, day))));
    expect(state).toEqual(learnDays(emptyCalibration, days.slice(0, 60)));
  });
});

describe("the forecast", () => {
  it("without a past is wide, and narrows as it is borne out", () => {
    const { inputs } = days[300] as DayObservation;
    const [young, old] = [forecastDay(emptyCalibration, inputs), forecastDay(learned, inputs)];
    const spread = (f: typeof young) => f.variance.q90 / f.variance.q10;
    expect(spread(young)).toBeGreaterThan(spread(old));
    expect(young.halfWidth).toBeGreaterThan(2.5 * Math.sqrt(Math.exp(inputs.base)));
  });

  it("orders its quantiles and keeps the mean between them", () => {
    const { variance } = forecastDay(learned, (days[300] as DayObservation).inputs);
    expect(variance.q10).toBeLessThan(variance.q50);
    expect(variance.q50).toBeLessThan(variance.q90);
    expect(variance.mean).toBeGreaterThan(variance.q10);
    expect(variance.mean).toBeLessThan(variance.q90);
  });

  it("mends a model that is always wrong by a factor of four", () => {
    const biased = midnights(bars).flatMap(
      (i) => dayObservation(bars, i, (past) => 4 * Math.exp(dayInputs({ bars: past })?.base as number)) ?? [],
    );
    const state = learnDays(emptyCalibration, biased.slice(0, 300));
    const [mended, fair] = [
      forecastDay(state, (biased[300] as DayObservation).inputs).variance.q50,
      forecastDay(learned, (days[300] as DayObservation).inputs).variance.q50,
    ];
    expect((biased[300] as DayObservation).inputs.base - (days[300] as DayObservation).inputs.base).toBeCloseTo(
      1.386,
      2,
    );
    expect(Math.abs(Math.log(mended / fair))).toBeLessThan(0.1);
  });

  it("widens when misses pile up", () => {
    const { inputs } = days[300] as DayObservation;
    const misses = [50, 40, 30, 20, 10, 5].map((age) => inputs.atSeconds - age * DAY);
    const [with6, without] = [
      forecastDay({ ...learned, misses }, inputs),
      forecastDay({ ...learned, misses: [] }, inputs),
    ];
    expect(with6.misses).toBe(6);
    expect(with6.halfWidth / without.halfWidth).toBeGreaterThan(1.5);
    expect(with6.variance).toEqual(without.variance);
  });

  it("covers what it says over a change of regime", () => {
    let state = emptyCalibration;
    const missed = days.map((day) => {
      const judged = judgeDay(state, day);
      state = judged.state;
      return judged.missed;
    });
    const late = missed.slice(60);
    expect(late.filter(Boolean).length / late.length).toBeGreaterThan(0.02);
    expect(late.filter(Boolean).length / late.length).toBeLessThan(0.07);
    for (let i = 60; i <= late.length; i++) {
      expect(late.slice(i - 60, i).filter(Boolean).length).toBeLessThanOrEqual(SETTINGS.budget.allowed);
    }
  });
});

describe("the comparison", () => {
  const span = { fromSeconds: START + 120 * DAY, untilSeconds: START + 400 * DAY, rollingDays: 60 };

  it("scores every method on the same days, with the baseline at 1", async () => {
    const compared = await compareIntervals({ bars, span });
    expect(compared?.days).toBe(280);
    expect(compared?.fromSeconds).toBe(span.fromSeconds);
    expect(compared?.untilSeconds).toBe(span.untilSeconds);
    const base = compared?.scores.find(({ method }) => method === "rolling-conformal-90");
    expect([base?.widthRatio, base?.winklerRatio]).toEqual([1, 1]);
    for (const { winkler, width, worst, coverage } of compared?.scores ?? []) {
      expect(winkler).toBeGreaterThan(width);
      expect(worst).toBeLessThanOrEqual(coverage);
    }
  });

  it("does not look ahead: bars after the span change nothing", async () => {
    const more = [
      ...bars.slice(0, 24 * 400),
      ...market(20, 77).map((bar, i) => ({ ...(bars[24 * 400 + i] as Bar), close: bar.close })),
    ];
    expect(await compareIntervals({ bars: more, span })).toEqual(await compareIntervals({ bars, span }));
  });

  it("wraps what a model said, day by day; where it said nothing, the mean over past days counts", async () => {
    const around = async (median: (atSeconds: number) => number | undefined) => {
      const compared = await compareIntervals({ bars, span, median });
      const of = (method: string) => compared?.scores.find((score) => score.method === method);
      return { model: of("model-calibrated"), mean: of("mean-calibrated"), ranks: compared?.ranks ?? [] };
    };
    const silent = await around(() => undefined);
    expect({ ...silent.model, method: "" }).toEqual({ ...silent.mean, method: "" });
    // One that knows nothing: every other day a tenth of the market's variance, then ten times.
    const wild = await around((at) => ((at / DAY) % 2 === 0 ? 1e-4 : 1e-2));
    expect(wild.mean).toEqual(silent.mean);
    expect(wild.model?.winkler).not.toBe(wild.mean?.winkler);
    expect(wild.ranks.map(({ method }) => method)).toEqual(["model-calibrated", "mean-calibrated"]);
    const unwrapped = await compareIntervals({ bars, span });
    expect(unwrapped?.scores.map(({ method }) => method)).not.toContain("model-calibrated");
  });

  it("has no answer without enough days", async () => {
    expect(await compareIntervals({ bars: bars.slice(0, 24 * 130), span })).toBeNull();
  });
});
