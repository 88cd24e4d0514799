import { describe, expect, it } from "vitest";
import { followRecords } from "../../../ml/backtest/followRecords.ts";
import type { Policy, PolicyContext, PolicyInput } from "../../../ml/backtest/types.ts";

const HOUR = 3600;
const range = { lowerTick: -100, upperTick: 100 };
const standing = (ranges: readonly (typeof range)[]) => ({ hours: 9, headline: 0.1, moves: 1, ranges, deployed: 0.75 });
const windows = [10, 20].map((hour) => ({
  trainFromSeconds: 0,
  trainToSeconds: (hour - 1) * HOUR,
  testFromSeconds: hour * HOUR,
  testToSeconds: (hour + 10) * HOUR,
}));

/** What is done at these hours by a vault whose own policy always holds. */
async function done(
  held: readonly ReturnType<typeof standing>[] | readonly null[],
  hours: readonly number[],
  { tick = 0, positions = 0 } = {},
): Promise<string[]> {
  const holding: Policy = {
    ...{ id: "own", label: "own", family: "model", clairvoyant: false },
    decide: () => ({ action: { kind: "hold", reason: "nothing better" }, decision: null }),
  };
  const policy = await followRecords(() => holding, windows, held)({} as PolicyInput);
  const actions: string[] = [];
  for (const hour of hours) {
    const state = { positions: Array(positions).fill(range), referenceTick: tick };
    const context = { atSeconds: hour * HOUR, state } as unknown as PolicyContext;
    const { action } = await policy.decide(context);
    actions.push(action.kind);
    if (action.kind === "move") expect(action.ranges).toEqual([{ ...range, weight: 0.75 }]);
  }
  return actions;
}

describe("a vault that follows records", () => {
  const held = [standing([range]), standing([range])];

  it("opens what the record held once when a window begins, then decides by itself", async () => {
    expect(await done(held, [10, 11, 12])).toEqual(["move", "hold", "hold"]);
    expect(await done(held, [10, 19, 20, 21])).toEqual(["move", "hold", "move", "hold"]);
  });

  it("decides by itself where it holds something, the price has left the range, or the record held nothing", async () => {
    expect(await done(held, [10, 20], { positions: 1 })).toEqual(["hold", "hold"]);
    expect(await done(held, [10], { tick: 100 })).toEqual(["hold"]);
    expect(await done(held, [10], { tick: 99 })).toEqual(["move"]);
    expect(await done([standing([]), standing([])], [10, 20])).toEqual(["hold", "hold"]);
    expect(await done([null, null], [10, 20])).toEqual(["hold", "hold"]);
  });
});
