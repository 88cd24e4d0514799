import { describe, expect, it } from "vitest";
import { runBacktest } from "../../../ml/backtest/run.ts";
import type { PolicyContext, PolicyFactory } from "../../../ml/backtest/types.ts";
import { choose, foldsOf, walkForwardPolicy, windowsOf } from "../../../ml/backtest/walkForward.ts";
import { hold, market, policyOf, settings } from "./market.fixture.ts";

const HOUR = 3600;
const lengths = { trainSeconds: 10 * HOUR, testSeconds: 8 * HOUR, embargoSeconds: 2 * HOUR };
const start = Math.ceil(market.description.fromSeconds / HOUR) * HOUR;
const span = { fromSeconds: start, toSeconds: start + 40 * HOUR };

describe("walk-forward windows", () => {
  it("train, leave the embargo out, and test without gap or overlap up to the end", () => {
    const windows = windowsOf(span, lengths);
    expect(windows.map(({ testFromSeconds }) => (testFromSeconds - start) / HOUR)).toEqual([12, 20, 28, 36]);
    expect(windows.at(-1)?.testToSeconds).toBe(span.toSeconds);
    windows.forEach((window, i) => {
      expect(window.trainToSeconds - window.trainFromSeconds).toBe(lengths.trainSeconds);
      expect(window.testFromSeconds - window.trainToSeconds).toBe(lengths.embargoSeconds);
      if (i > 0) expect(window.testFromSeconds).toBe(windows[i - 1]?.testToSeconds);
    });
  });

  it.each([
    [{ ...lengths, trainSeconds: 90 }, /walk-forward train is 90 s, but it must be whole hours/],
    [{ ...lengths, testSeconds: 0 }, /walk-forward test is 0 s/],
    [{ ...lengths, trainSeconds: 39 * HOUR }, /needs 42 h at least, but the span has 40.0 h/],
  ] as const)("refuse %o", (wrong, message) => {
    expect(() => windowsOf(span, wrong)).toThrow(message);
  });
});

describe("the choice", () => {
  const [window] = windowsOf(span, lengths);
  const result = (id: string, headline: number, begin = 100) => ({
    policy: { id, label: id, family: "f", clairvoyant: false },
    waterfall: {
      start: begin,
      fees: 0,
      lvr: 0,
      swapCost: 0,
      mev: 0,
      gas: 0,
      exposure: 0,
      final: 0,
      headline,
      residual: 0,
    },
  });

  it("is the best headline per capital, the first of equals", () => {
    if (window === undefined) throw new Error("no window");
    expect(choose(window, [result("a", 1), result("b", 3, 400), result("c", 2)]).chosen).toBe("c");
    expect(choose(window, [result("a", -1), result("b", -1)]).chosen).toBe("a");
    expect(choose(window, [result("a", 1)]).candidates).toEqual([{ policy: "a", trainHeadline: 0.01 }]);
  });
});

describe("the run that follows the choices", () => {
  const windows = windowsOf(span, lengths);
  const seen: [string, number][] = [];
  const named =
    (id: string): PolicyFactory =>
    () => ({
      ...policyOf((context: PolicyContext) => {
        seen.push([id, context.atSeconds]);
        return hold;
      })(),
      id,
    });
  const policies = { a: named("a"), b: named("b") };
  const choices = windows.map((window, i) => ({
    window,
    chosen: i % 2 === 0 ? "a" : "b",
    candidates: [
      { policy: "a", trainHeadline: 0.01 },
      { policy: "b", trainHeadline: 0.02 },
    ],
  }));

  it("asks each policy in its own test windows only, and tells what each choice came to", async () => {
    const fromSeconds = windows[0]?.testFromSeconds ?? 0;
    const run = await runBacktest({
      market,
      policy: walkForwardPolicy("f", choices, policies),
      settings: { ...settings, fromSeconds, toSeconds: span.toSeconds },
    });
    expect(run.policy).toMatchObject({ id: "walk-forward-f", family: "f", clairvoyant: false });
    expect(seen.length).toBe(28);
    for (const [id, at] of seen) {
      const at0 = windows.findIndex((window) => window.testFromSeconds <= at && at < window.testToSeconds);
      expect(id).toBe(at0 % 2 === 0 ? "a" : "b");
    }
    const folds = foldsOf("f", choices, run);
    expect(folds.map(({ chosen, trainHeadline }) => [chosen, trainHeadline])).toEqual([
      ["a", 0.01],
      ["b", 0.02],
      ["a", 0.01],
      ["b", 0.02],
    ]);
    expect(folds.every(({ testHeadline }) => testHeadline === 0)).toBe(true);
  });

  it("splits the headline of the whole run over the folds", async () => {
    const always = policyOf(({ state, pool }) => {
      const centre = Math.floor(state.referenceTick / pool.tickSpacing) * pool.tickSpacing;
      const range = { lowerTick: centre - 600, upperTick: centre + 600, weight: 1 };
      return { kind: "move", reason: "moves", ranges: [range], swap: "to-ratio" };
    });
    const fromSeconds = windows[0]?.testFromSeconds ?? 0;
    const run = await runBacktest({
      market,
      policy: walkForwardPolicy("f", choices, { a: always, b: always }),
      settings: { ...settings, fromSeconds, toSeconds: span.toSeconds },
    });
    const folds = foldsOf("f", choices, run);
    const navAt = (seconds: number) => run.points.findLast(({ atSeconds }) => atSeconds <= seconds)?.nav ?? 0;
    const total = folds.reduce((sum, fold) => sum + fold.testHeadline * navAt(fold.testFromSeconds), 0);
    expect(run.waterfall.headline).not.toBe(0);
    expect(total).toBeCloseTo(run.waterfall.headline, 6);
  });

  it("refuses a choice that is none of the candidates", async () => {
    await expect(
      runBacktest({ market, policy: walkForwardPolicy("f", choices, { a: named("a") }), settings }),
    ).rejects.toThrow(/policy b must be one of the candidates/);
  });
});
