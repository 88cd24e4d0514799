import { describe, expect, it } from "vitest";
import { chooseDecision, recordOf, type TrainingRecord } from "../../../ml/backtest/decisionChoice.ts";
import { VARIANTS } from "../../../ml/backtest/decisionVariants.ts";
import type { RunMove, RunPoint } from "../../../ml/backtest/types.ts";
import { seededRandom } from "../../../ml/random.ts";
import { drawNormal } from "../../../ml/sim/draw.ts";

const HOURS = 240;

/** Earns this much an hour, more or less, with so many moves. */
function record(id: string, hourly: number, { spread = 0, moves = 1, seed = 1 } = {}): TrainingRecord {
  const random = seededRandom(seed);
  const values = Array.from({ length: HOURS }, () => hourly + spread * (random() - 0.5));
  const headline = values.reduce((sum, value) => sum + value, 0);
  return { id, hourly: values, standings: [{ hours: HOURS, headline, moves, ranges: [], deployed: 0 }] };
}

const chosen = (own: TrainingRecord[], rules: TrainingRecord[], greedyMoves = 30) =>
  chooseDecision({
    window: 0,
    own,
    rules,
    greedy: record("greedy-reset", 0, { moves: greedyMoves }),
    blockHours: 24,
  })?.id ?? null;

describe("whom the decision follows", () => {
  it("is its own settings where they clearly earned most, a rule where that did, and nobody where nothing earned", () => {
    expect(chosen([record("ours", 3), record("worse", 1)], [record("rule", 2)])).toBe("ours");
    expect(chosen([record("ours", 1)], [record("rule", 2), record("poor", -1)])).toBe("rule");
    expect(chosen([record("ours", -1)], [record("rule", -2)])).toBeNull();
    expect(chosen([record("ours", 1)], [])).toBe("ours");
  });

  it("goes a step up only by more than a standard error", () => {
    const lucky = (id: string) => record(id, 0.05, { spread: 40, seed: 3 });
    expect(lucky("any").standings[0]?.headline).toBeGreaterThan(0.02 * HOURS);
    expect(chosen([lucky("ours")], [])).toBeNull();
    expect(chosen([], [lucky("rule")])).toBeNull();
    // Settings that are ahead by luck, and beside the rule ones that surely are.
    const sure = record("rule", 3);
    expect(chosen([record("ours", 3.05, { spread: 40, seed: 3 })], [sure])).toBe("rule");
    expect(chosen([record("ours", 3.05)], [sure])).toBe("ours");
    // A rule that earned more, but by luck, holds nobody up.
    expect(chosen([record("ours", 0.1)], [lucky("rule")])).toBe("ours");
  });

  it("compares hour by hour: what both met alike is no doubt between them", () => {
    const shaken = record("rule", 3, { spread: 40, seed: 3 });
    const together = shaken.hourly.map((value) => value + 0.5);
    const ours = { ...shaken, id: "ours", hourly: together };
    const [standing] = shaken.standings;
    if (standing === undefined) throw new Error("no standing");
    const ahead = { ...ours, standings: [{ ...standing, headline: standing.headline + 0.5 * HOURS }] };
    expect(chosen([ahead], [shaken])).toBe("ours");
    // The same lead over the same hours in another order.
    expect(chosen([ahead], [{ ...shaken, hourly: shaken.hourly.toReversed() }])).toBe("rule");
  });

  it("follows one without an edge one time in six, also after few days whose hours depend on each other", () => {
    const HOURS_OF_FOUR_DAYS = 96;
    const records = Array.from({ length: 600 }, (_, i): TrainingRecord => {
      const random = seededRandom(i + 1);
      let last = 0;
      const hourly = Array.from({ length: HOURS_OF_FOUR_DAYS }, () => {
        last = 0.8 * last + drawNormal(random);
        return last;
      });
      const headline = hourly.reduce((sum, value) => sum + value, 0);
      return { id: "luck", hourly, standings: [{ hours: 96, headline, moves: 1, ranges: [], deployed: 1 }] };
    });
    const followed = records.filter((one) => chosen([], [one]) !== null).length / records.length;
    expect(followed).toBeGreaterThan(0.12);
    expect(followed).toBeLessThan(0.19);
  });

  it("is nobody before two days are over: one day is no evidence", () => {
    const young = (hours: number): TrainingRecord => {
      const { hourly } = record("rule", 3);
      return { id: "rule", hourly, standings: [{ hours, headline: 3 * hours, moves: 1, ranges: [], deployed: 1 }] };
    };
    expect(chosen([], [young(47)])).toBeNull();
    expect(chosen([], [young(48)])).toBe("rule");
  });

  it("never moved more than a third as often as the greedy reset", () => {
    const busy = record("busy", 9, { moves: 11 });
    expect(chosen([busy, record("calm", 3)], [], 33)).toBe("busy");
    expect(chosen([busy, record("calm", 3)], [], 32)).toBe("calm");
    expect(chosen([record("ours", 1)], [record("rule", 9, { moves: 11 })], 32)).toBe("ours");
    // One move is always allowed: nothing is earned without it.
    expect(chosen([record("ours", 1)], [], 0)).toBe("ours");
    expect(chosen([record("ours", 1, { moves: 2 })], [], 0)).toBeNull();
  });
});

describe("a training record", () => {
  it("tells where a run stood when each window's training ended, and nothing of what came later", () => {
    const point = (hour: number, fees: number): Omit<RunPoint, "fullRange"> =>
      ({
        ...{ atSeconds: 3600 * hour, fees, lvr: 0, swapCost: 0, mev: 0, gas: 0, deployed: hour / 10 },
        ranges: hour > 1 ? [{ lowerTick: -10, upperTick: 10 * hour }] : [],
      }) as unknown as Omit<RunPoint, "fullRange">;
    const points = [point(0, 0), point(1, 0), point(2, 5), point(3, 9), point(4, 7)];
    const moves = [2, 3].map((hour) => ({ kind: "move", actedAt: 3600 * hour - 1 }) as unknown as RunMove);
    const window = (hour: number) => ({
      trainFromSeconds: 0,
      trainToSeconds: 3600 * hour,
      testFromSeconds: 3600 * (hour + 1),
      testToSeconds: 3600 * (hour + 2),
    });
    const { hourly, standings } = recordOf("one", { points, moves }, [window(2), window(3)], 10);
    expect(hourly).toEqual([0, 0.5, 0.4, -0.2].map((value) => expect.closeTo(value, 12)));
    expect(standings).toEqual([
      { hours: 2, headline: 0.5, moves: 1, ranges: [{ lowerTick: -10, upperTick: 20 }], deployed: 0.2 },
      { hours: 3, headline: 0.9, moves: 2, ranges: [{ lowerTick: -10, upperTick: 30 }], deployed: 0.3 },
    ]);
  });
});

describe("the settings that compete", () => {
  it("are each of every horizon, price of risk and haste, under names of their own", () => {
    expect(new Set(VARIANTS.map(({ id }) => id)).size).toBe(12);
    expect(new Set(VARIANTS.map(({ settings }) => JSON.stringify(settings))).size).toBe(12);
    for (const key of ["horizonSeconds", "riskAversion", "deviationWeight", "breachWeightBps"] as const) {
      expect(new Set(VARIANTS.map(({ settings }) => settings[key])).size).toBeGreaterThan(1);
    }
  });
});
