import { describe, expect, it } from "vitest";
import { createHistory } from "../../../../ml/data/dataset/history.ts";
import { computeFeatures, LOOKBACK_BARS } from "../../../../ml/features/index.ts";
import { everySource } from "../../features/outside.fixture.ts";
import { hourlyBars, START } from "../../fixtures.ts";

describe("createHistory", () => {
  it("gives the bits of computeFeatures, with what is known from outside, also after it has forgotten what no feature looks back on", () => {
    const bars = hourlyBars(4 * LOOKBACK_BARS + 100);
    const outside = everySource(START, bars.length);
    const history = createHistory(outside);
    let compared = 0;
    for (const [i, bar] of bars.entries()) {
      history.add(bar);
      if (i % 397 !== 0 && i < bars.length - 3) continue;
      const expected = computeFeatures(bars.slice(Math.max(0, i + 1 - LOOKBACK_BARS), i + 1), outside).values;
      expect([...history.features()]).toEqual([...expected]);
      compared++;
    }
    expect(compared).toBeGreaterThan(8);
  });
});
