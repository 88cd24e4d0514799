import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HEAD_COLUMNS, type HeadRow, headRows } from "../../../ml/data/headRows.ts";
import { answersOf, readHeadRows, realisedDeviation, SAYERS, scoreAnswers } from "../../../ml/models/head/judge.ts";
import { seededRandom } from "../../../ml/random.ts";
import { emptyCalibration, forecastDay, learnDays } from "../../../ml/risk/uncertainty/calibration.ts";
import { dayInputs, dayObservation, midnights } from "../../../ml/risk/uncertainty/dayInputs.ts";
import type { Bar } from "../../../ml/types.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
const START = 1_600_041_600;

/** Hourly bars of a walk whose pace changes from day to day. */
function market(days: number): Bar[] {
  const random = seededRandom(4);
  let close = 7;
  let pace = 0.01;
  return Array.from({ length: 24 * days }, (_, i) => {
    if (i % 24 === 0) pace = 0.004 + 0.02 * random();
    const open = close;
    close += pace * (random() - 0.5);
    const [low, high] = [Math.min(open, close) - 0.001, Math.max(open, close) + 0.001];
    const startSeconds = START + i * HOUR;
    return { startSeconds, endSeconds: startSeconds + HOUR, open, high, low, close } as Bar;
  });
}
const bars = market(40);
const median = 3e-4;

/** A net of one hidden layer that says `part` of the root as deviation, and twice that as spread. */
const netOf = (part: number) => {
  const unit = Array.from({ length: 8 }, (_, i) => (i === 7 ? 1 / 160_000 : 0));
  return {
    name: "a",
    seed: 1,
    known: START + 20 * DAY,
    from: START + 20 * DAY,
    until: START + 39 * DAY,
    layers: [
      { weights: [unit], biases: [0] },
      { weights: [[part], [part], [2 * part]], biases: [0, 0, 0] },
    ],
  };
};

describe("the rows that a head is distilled on", () => {
  const rows = headRows("pair", bars, (_, at) => (at % (3 * HOUR) === 0 ? median : undefined));

  it("say what the posterior said then, from the days that were over", () => {
    expect(rows.every(({ at }) => at % (3 * HOUR) === 0)).toBe(true);
    const { at, posterior } = rows.find((row) => row.at === START + 30 * DAY + 9 * HOUR) as HeadRow;
    const days = midnights(bars).flatMap((start) =>
      (bars[start]?.startSeconds ?? 0) + DAY <= at ? (dayObservation(bars, start, () => median) ?? []) : [],
    );
    const state = learnDays(emptyCalibration, days);
    const past = bars.filter(({ endSeconds }) => endSeconds <= at);
    const { variance } = forecastDay(state, dayInputs({ bars: past, expected: median }) as never);
    expect(posterior.mean).toBeCloseTo(Math.sqrt(variance.mean), 12);
    expect(posterior.spread).toBeCloseTo(1.28 * Math.sqrt(variance.q90), 12);
  });

  it("do not look ahead: other days afterwards change what came of it, not what was seen and said", () => {
    const cut = 24 * 30;
    const changed = bars.map((bar, i) => (i < cut ? bar : { ...bar, close: bar.close + 0.05 * ((i % 7) - 3) }));
    const before = START + 30 * DAY;
    const of = (all: readonly HeadRow[]) =>
      all.filter(({ at }) => at <= before).map(({ at, inputs, posterior }) => ({ at, inputs, posterior }));
    const others = headRows("pair", changed, (_, at) => (at % (3 * HOUR) === 0 ? median : undefined));
    expect(of(others)).toEqual(of(rows));
    expect(others.at(-1)?.realised).not.toBe(rows.at(-1)?.realised);
  });

  it("are read back as they were written", () => {
    const path = join(mkdtempSync(join(tmpdir(), "rows-")), "head.csv");
    const line = ["pair", 1_600_041_600, 20, 30, 40, 50, 60, 70, 80, 143, 0.03, 0.04, 0.06, 0.001, 0.02];
    const still = ["pair", 1_600_041_601, 1, 1, 1, 1, 1, 1, 1, 2, 0.03, 0.04, 0.06, 0.001, 0.02];
    writeFileSync(path, [HEAD_COLUMNS.join(","), line.join(","), still.join(",")].join("\n"));
    // A day on which the price moved by less than a tick is no market.
    expect(readHeadRows(path)).toEqual([
      {
        series: "pair",
        at: 1_600_041_600,
        inputs: line.slice(2, 10),
        posterior: { median: 0.03, mean: 0.04, spread: 0.06 },
        realised: 0.001,
        move: 0.02,
      },
    ]);
  });
});

describe("the judge of heads", () => {
  const rows = headRows("pair", bars, (_, at) => (at % (3 * HOUR) === 0 ? median : undefined));

  it("answers for the rows of a net's own window, in floats and in the integers of the shipped format", () => {
    const answers = answersOf(netOf(1), rows);
    expect(answers.map(({ row }) => row.at)).toEqual(
      rows.map(({ at }) => at).filter((at) => at >= START + 20 * DAY && at < START + 39 * DAY),
    );
    for (const { row, float, int8, grows } of answers) {
      const root = row.inputs.at(-1) as number;
      expect(float.spread).toBeCloseTo((2 * root) / 160_000, 9);
      expect(float.variance).toBeCloseTo((root / 160_000) ** 2, 12);
      expect(Math.abs(int8.spread / float.spread - 1)).toBeLessThan(0.05);
      expect(grows).toBe(true);
    }
  });

  it("finds a net that is the posterior times a constant as wide as that, and one that falls not monotone", () => {
    const answers = answersOf(netOf(1), rows);
    const twice = answers.map((answer) => ({
      ...answer,
      float: { spread: 2 * answer.posterior.spread, variance: answer.posterior.variance },
    }));
    const score = scoreAnswers(twice);
    expect(score.days).toBe(19);
    expect(score.qlike.float).toBeCloseTo(score.qlike.posterior, 12);
    expect(score.correlation.float).toBeCloseTo(1, 12);
    for (const key of ["narrowest", "middle", "widest"] as const) expect(score[key].float).toBeCloseTo(2, 12);
    expect(score.inside.float).toBeGreaterThanOrEqual(score.inside.posterior);
    expect(score.monotone).toBe(1);
    expect(scoreAnswers(answersOf(netOf(-1), rows)).monotone).toBe(0);
    for (const sayer of SAYERS) expect(score.qlike[sayer]).toBeGreaterThan(0);
  });

  it("takes the contract's estimator for what it is: the deviation of a walk", () => {
    // Equal changes c of the mean tick: σ² a day = 3 · 7c² / (7 · 2/8).
    expect(realisedDeviation([160, 160, 160, 160, 160, 160, 160, 423])).toBeCloseTo(Math.sqrt(12) * 0.001, 12);
  });
});
