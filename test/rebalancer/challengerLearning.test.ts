import { describe, expect, it } from "vitest";
import { lastWholeDay } from "../../ml/risk/uncertainty/advance.ts";
import { type CalibrationState, emptyCalibration } from "../../ml/risk/uncertainty/calibration.ts";
import { createLearning, wholeHours } from "../../rebalancer/challengers/learning.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { market } from "../ml/fixtures.ts";

const DAY = 86_400;
const noon = 20_000 * DAY + DAY / 2;
const place = { chainId: 1, pool: `0x${"ab".repeat(20)}`, numeraire: 1 } as const;
const stateOf = (days: number, lastSeconds: number): CalibrationState => ({ ...emptyCalibration, days, lastSeconds });

describe("what a challenger learns of its own errors", () => {
  it("is due once for each day that is over, until it has been through it", () => {
    const journal = openJournal(":memory:", () => "worker");
    const learning = createLearning(journal, "rules");
    expect(learning.known(place, noon)).toBeNull();
    expect(learning.isDue(place, noon)).toBe(true);
    // Nobody has answered: it stays due.
    expect(learning.isDue(place, noon + 60)).toBe(true);
    const yesterday = lastWholeDay(noon);
    expect(yesterday).toBe(noon - 1.5 * DAY);
    learning.learn(place, { state: stateOf(1, yesterday), throughSeconds: yesterday });
    expect(learning.isDue(place, noon + 60)).toBe(false);
    expect(learning.known(place, noon)).toEqual(stateOf(1, yesterday));
    // Today is over at midnight, and settled an hour later.
    expect(learning.isDue(place, noon + DAY / 2 + 3_599)).toBe(false);
    expect(learning.isDue(place, noon + DAY / 2 + 3_600)).toBe(true);
    // A day that taught nothing is not gone through again.
    learning.learn(place, { state: null, throughSeconds: yesterday + DAY });
    expect(learning.isDue(place, noon + DAY)).toBe(false);
    expect(learning.known(place, noon + DAY)).toEqual(stateOf(1, yesterday));
    journal.close();
  });

  it("is kept in the journal under its own name, pool and unit, and found again after a restart", () => {
    const journal = openJournal(":memory:", () => "worker");
    const yesterday = lastWholeDay(noon);
    journal.recordCalibration({ ...place, modelSet: "champion@1" }, stateOf(99, yesterday));
    const before = createLearning(journal, "rules");
    expect(before.known(place, noon)).toBeNull();
    before.learn(place, { state: stateOf(7, yesterday), throughSeconds: yesterday });
    const after = createLearning(journal, "rules");
    expect(after.known(place, noon)).toEqual(stateOf(7, yesterday));
    expect(after.isDue(place, noon)).toBe(false);
    expect(after.known({ ...place, numeraire: 0 }, noon)).toBeNull();
    expect(after.known({ ...place, pool: `0x${"cd".repeat(20)}` }, noon)).toBeNull();
    journal.close();
  });

  it("tells an older block only what was known then, and does not forget what was learned since", () => {
    const journal = openJournal(":memory:", () => "worker");
    const learning = createLearning(journal, "rules");
    for (const back of [2, 1]) {
      const at = lastWholeDay(noon) - (back - 1) * DAY;
      learning.learn(place, { state: stateOf(9 - back, at), throughSeconds: at });
    }
    expect(learning.known(place, noon)?.days).toBe(8);
    expect(learning.known(place, noon - DAY)?.days).toBe(7);
    expect(learning.known(place, noon)?.days).toBe(8);
    journal.close();
  });
});

describe("the hours of days that are over", () => {
  it("are made once a day and pool, and begin on the hour", () => {
    const hours = wholeHours();
    const history = market({ hours: 60 });
    const first = hours(history, 1);
    expect(first.length).toBeGreaterThan(50);
    for (const { startSeconds } of first) expect(startSeconds % 3_600).toBe(0);
    expect(hours({ ...history, toTimestamp: history.toTimestamp + 12 }, 1)).toBe(first);
    expect(hours(history, 0)).not.toBe(first);
    expect(hours({ ...history, toTimestamp: history.toTimestamp + DAY }, 1)).not.toBe(first);
  });
});
