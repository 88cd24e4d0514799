import { describe, expect, it } from "vitest";
import { asideRecord, chooseDecision, leaderOf, type TrainingRecord } from "../../../ml/backtest/decisionChoice.ts";
import { shareWindows } from "../../../ml/backtest/decisionWalk.ts";
import { seededRandom } from "../../../ml/random.ts";
import { drawNormal } from "../../../ml/sim/draw.ts";

/**
 * What the ladder gives up in expectation, where hours are independent and a market stays as it was: see "What can be
 * argued" in docs/backtesting.md. Gains are in standard deviations of an hour, and what each record truly earns is known.
 */
const HOUR = 3600;
const HOURS = 160;
const TRIALS = 200;
const windows = shareWindows(
  { fromSeconds: 0, toSeconds: HOURS * HOUR },
  { firstShare: 0.4, windowShare: 0.1, embargoSeconds: HOUR },
);
const trainedHours = windows.map(({ trainToSeconds }) => trainToSeconds / HOUR);
const testHours = windows.map(({ testFromSeconds, testToSeconds }) => (testToSeconds - testFromSeconds) / HOUR);

function recordOf(id: string, hourly: readonly number[]): TrainingRecord {
  const standings = trainedHours.map((hours) => ({
    ...{ hours, moves: 1, ranges: [], deployed: 1 },
    headline: hourly.slice(0, hours).reduce((sum, value) => sum + value, 0),
  }));
  return { id, hourly, standings };
}

/** Hours of a training mean's standard error that the test windows hold, for records that scatter so much. */
const testErrors = (scatter: number): number =>
  testHours.reduce((sum, hours, i) => sum + (hours * scatter) / Math.sqrt(trainedHours[i] as number), 0);

interface Known {
  readonly record: TrainingRecord;
  readonly hourly: number;
}

/** What following the baseline would truly earn beyond following the ladder, all test windows. */
function regretOf(rule: Known, own: readonly Known[]): number {
  const truly = (record: TrainingRecord | null): number =>
    [rule, ...own].find((known) => known.record === record)?.hourly ?? 0;
  return windows.reduce((sum, _, window) => {
    const followed = chooseDecision({
      ...{ window, rules: [rule.record], own: own.map(({ record }) => record), greedy: asideRecord(windows) },
      blockHours: 1,
    });
    const baseline = leaderOf([rule.record], window);
    return sum + (testHours[window] as number) * (truly(baseline) - truly(followed));
  }, 0);
}

const meanOver = (regret: (random: () => number) => number): number =>
  Array.from({ length: TRIALS }, (_, trial) => regret(seededRandom(trial + 1))).reduce((a, b) => a + b, 0) / TRIALS;

const noise = (random: () => number, scatter: number): number[] =>
  Array.from({ length: HOURS }, () => scatter * drawNormal(random));

describe("what the ladder gives up", () => {
  // Edges in standard errors of the mean over the whole span.
  it.each([-2, 0, 0.5, 1, 2, 4])("is half a standard error at most where a rule truly earns %s of them", (edge) => {
    const hourly = edge / Math.sqrt(HOURS);
    const regret = meanOver((random) => {
      const record = recordOf(
        "rule",
        noise(random, 1).map((value) => value + hourly),
      );
      return regretOf({ record, hourly }, []);
    });
    expect(regret).toBeLessThanOrEqual(0.51 * testErrors(1));
    // Where the rule loses, to pass it over gains.
    if (edge < 0) expect(regret).toBeLessThan(0);
  });

  it.each([0, 0.5, 1, 2])(
    "is less than that, where six settings are all worse than the rule by %s of them",
    (worse) => {
      const [good, apart] = [8 / Math.sqrt(HOURS), 0.5];
      const behind = (worse * apart) / Math.sqrt(HOURS);
      const regret = meanOver((random) => {
        const rule = noise(random, 1).map((value) => value + good);
        const own = Array.from({ length: 6 }, (_, i): Known => {
          const values = noise(random, apart).map((value, hour) => value + (rule[hour] as number) - behind);
          return { record: recordOf(`own-${i}`, values), hourly: good - behind };
        });
        return regretOf({ record: recordOf("rule", rule), hourly: good }, own);
      });
      expect(regret).toBeLessThanOrEqual(0.41 * testErrors(apart));
      if (worse === 2) expect(regret).toBeLessThan(0.5 * behind * HOURS * 0.6);
    },
  );
});
