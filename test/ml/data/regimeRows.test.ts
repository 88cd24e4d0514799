import { describe, expect, it } from "vitest";
import { changes, meanByDay, published, regimeRows } from "../../../ml/data/regimeRows.ts";
import { hourlyBars, START } from "../fixtures.ts";

const DAY = 86_400;
/** The fixture's hours moved so that the first begins at a midnight. */
const midnight = START - (START % DAY);
const bars = hourlyBars(24 * 12).map((bar) => ({
  ...bar,
  startSeconds: bar.startSeconds - START + midnight,
  endSeconds: bar.endSeconds - START + midnight,
}));
const other = bars.map((bar) => ({ ...bar, open: -2 * bar.open, close: -2 * bar.close, high: 9, low: -9 }));

describe("days of sources", () => {
  it("are means of what was known by each midnight", () => {
    const days = meanByDay([
      [midnight, 5],
      [midnight + 1, 1],
      [midnight + DAY, 3],
      [midnight + DAY + 1, Number.NaN],
    ]);
    expect([...days]).toEqual([
      [midnight, 5],
      [midnight + DAY, 2],
    ]);
  });

  it("wait for their publishing and are held over days without one, but not for ever", () => {
    const days = new Map([
      [0, 7],
      [3 * DAY, 8],
    ]);
    expect([...published(days, 1, 1)]).toEqual([
      [DAY, 7],
      [2 * DAY, 7],
      [4 * DAY, 8],
      [5 * DAY, 8],
    ]);
    expect(published(days, 0, 5).get(2 * DAY)).toBe(7);
    expect(published(days, 0, 5).get(3 * DAY)).toBe(8);
  });

  it("change against the newest value before", () => {
    const found = changes(
      new Map([
        [0, 2],
        [3 * DAY, 4],
        [20 * DAY, 4],
      ]),
    );
    expect([...found]).toEqual([[3 * DAY, Math.log(2)]]);
  });
});

describe("regimeRows", () => {
  const funding = new Map([[midnight + 3 * DAY, 0.5]]);
  const rows = [...regimeRows("one", bars, other, { funding })];

  it("tell each midnight's day before, of both assets, and leave out what no source told", () => {
    expect(rows.map(({ at }) => at)).toEqual(Array.from({ length: 11 }, (_, i) => midnight + (i + 2) * DAY));
    const [, row] = rows;
    expect(row?.values.return).toBeCloseTo((bars[71]?.close ?? 0) - (bars[47]?.close ?? 0), 12);
    expect(row?.values.other_return).toBeCloseTo(-2 * (row?.values.return ?? 0), 12);
    expect(row?.values.funding).toBe(0.5);
    expect(rows[2]?.values.funding).toBeNaN();
  });

  it("label the day and the week after, and nothing that is not over", () => {
    const sum = (from: number, hours: number) =>
      Array.from(
        { length: hours },
        (_, i) => ((bars[from + i]?.close ?? 0) - (bars[from + i - 1]?.close ?? 0)) ** 2,
      ).reduce((a, b) => a + b, 0);
    expect(rows[0]?.nextDay).toBeCloseTo(sum(48, 24), 12);
    expect(rows[0]?.nextWeek).toBeCloseTo(sum(48, 168), 12);
    expect(rows.at(-1)?.nextDay).toBeNaN();
    expect(rows.filter(({ nextWeek }) => !Number.isNaN(nextWeek))).toHaveLength(4);
  });

  it("do not change when the future does", () => {
    const crash = bars.map((bar, i) => (i < 24 * 6 ? bar : { ...bar, close: 9, high: 10, low: 8 }));
    const changed = [...regimeRows("one", crash, other, { funding })];
    const known = rows.filter(({ at }) => at <= midnight + 6 * DAY);
    expect(known.length).toBeGreaterThan(3);
    for (const [i, { values }] of known.entries()) expect(changed[i]?.values).toEqual(values);
  });
});
