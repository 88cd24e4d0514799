import { describe, expect, it } from "vitest";
import type { Decision, StatedDay } from "../../../ml/types.ts";
import { lnPriceToSqrtPriceX96 } from "../../../ml/units.ts";
import { statedRows } from "../../../rebalancer/cli/report/rows.ts";
import { statedWords } from "../../../rebalancer/cli/statedWords.ts";
import type { StateAt } from "../../../rebalancer/report/build.ts";
import { statedOf } from "../../../rebalancer/report/stated.ts";
import type { VaultReport } from "../../../rebalancer/report/vaultReport.ts";

const HOUR = 3_600;
const day: StatedDay = {
  halfWidth: 0.05,
  variance: { mean: 1e-3, q10: 5e-4, q50: 9e-4, q90: 2e-3 },
  days: 70,
  misses: 4,
  changed: 0.1,
};

/** Hourly decisions at these prices (natural logarithms); each states `halfWidth`, null = nothing. */
const states = (prices: readonly number[], halfWidth: (hour: number) => number | null): StateAt[] =>
  prices.map((lnPrice, hour) => {
    const width = halfWidth(hour);
    const decision = {
      atSeconds: 1_700_000_000 + hour * HOUR,
      numeraire: 1,
      sqrtPriceX96: lnPriceToSqrtPriceX96(lnPrice, 1),
      spreadWad: BigInt(hour) * 10n ** 15n,
      ...(width === null ? {} : { stated: { ...day, halfWidth: width } }),
    } as Decision;
    return { record: { decision } } as StateAt;
  });

describe("what was stated of the day ahead", () => {
  // Still for a day, then 4 % up in one hour.
  const prices = Array.from({ length: 49 }, (_, hour) => (hour < 30 ? 0 : 0.04));

  it("is held against the price a day later", () => {
    // The first 25 decisions' days end in the span; those of hours 6 to 24 end after the rise.
    expect(
      statedOf(
        states(prices, () => 0.05),
        HOUR,
      ),
    ).toMatchObject({ ended: 25, inside: 25 });
    expect(
      statedOf(
        states(prices, () => 0.03),
        HOUR,
      ),
    ).toMatchObject({ ended: 25, inside: 6 });
    expect(
      statedOf(
        states(prices, (hour) => (hour < 6 ? 0.03 : 0.041)),
        HOUR,
      ),
    ).toMatchObject({ ended: 25, inside: 25 });
  });

  it("tells the last statement, and what nobody looked at counts neither way", () => {
    const hourly = states(prices, () => 0.05);
    const found = statedOf(hourly, HOUR);
    expect(found?.spreadWad).toBe(48n * 10n ** 15n);
    expect(found?.latest.days).toBe(70);
    // A night without the worker: the days that end in it are not judged.
    const gap = hourly.filter((_, hour) => hour < 24 || hour > 40);
    expect(statedOf(gap, HOUR)).toMatchObject({ ended: 8 });
    expect(
      statedOf(
        states(prices, (hour) => (hour < 20 ? 0.05 : null)),
        HOUR,
      ),
    ).toMatchObject({
      spreadWad: 19n * 10n ** 15n,
      ended: 20,
    });
    expect(
      statedOf(
        states(prices, () => null),
        HOUR,
      ),
    ).toBeNull();
    expect(statedOf([], HOUR)).toBeNull();
  });

  it("is a table of the report, and none where nothing was stated", () => {
    const stated = statedOf(
      states(prices, () => 0.05),
      HOUR,
    );
    const rows = statedRows({ stated } as VaultReport).map((cells) => cells.join(" | "));
    expect(rows[1]).toContain("spread declared last | 4.80 %");
    expect(rows[2]).toContain("±5.13 % | 70 days learned from");
    expect(rows[3]).toContain("55 of 59");
    expect(rows[4]).toContain("25 of 25");
    expect(statedRows({ stated: null } as VaultReport)).toEqual([]);
  });

  it("tells what challengers stated beside them, and what the champion did on the same decisions", () => {
    const all = states(prices, (hour) => (hour === 3 ? null : 0.03)).map(({ record, inputs }, hour) => ({
      ...{ inputs, record: { ...record, id: `decision-${hour}` } },
    }));
    const answer = (modelSet: string, hour: number, halfWidth: number | null) => ({
      ...{ decisionId: `decision-${hour}`, modelSet },
      decision: halfWidth === null ? null : ({ stated: { ...day, halfWidth } } as Decision),
    });
    const beside = [
      // From hour 2 on, wider from hour 10 on; nothing at hour 4, and beside a champion that says nothing at hour 3.
      ...all.flatMap((_, hour) =>
        hour < 2 ? [] : [answer("wide", hour, hour === 4 ? null : hour < 10 ? 0.01 : 0.05)],
      ),
      answer("apart", 3, 0.05),
      answer("late", 40, 0.05),
      answer("late", 99, 0.05),
    ];
    const stated = statedOf(all, HOUR, beside);
    // Hours 2, 5 to 24: those of 2 and 5 end before the rise, 10 to 24 are wide enough.
    expect(stated?.challengers).toEqual([
      { modelSet: "late", ended: 0, inside: 0, champion: 0 },
      { modelSet: "wide", ended: 21, inside: 17, champion: 2 },
    ]);
    const rows = statedRows({ stated } as VaultReport).map((cells) => cells.join(" | "));
    expect(rows.slice(5)).toEqual([
      "beside them, late | 0 of 0 | ended their day inside; of the same, 0 inside the champion's",
      "beside them, wide | 17 of 21 | ended their day inside; of the same, 2 inside the champion's",
    ]);
  });

  it("says in words how statements held so far", () => {
    expect(statedWords(day)).toBe(
      "day ahead: the price stays within -4.9 % and +5.1 % on 95 % of days (70 days learned from, 55 of the last 59 stayed inside)",
    );
    expect(statedWords({ ...day, days: 3, misses: 1 })).toContain("2 of the last 3 stayed inside");
    expect(statedWords({ ...day, days: 0, misses: 0 })).toContain("no day learned from yet");
  });
});
