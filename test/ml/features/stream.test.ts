import { describe, expect, it } from "vitest";
import { emptyBar, toBars } from "../../../ml/data/bars.ts";
import { computeFeatures, FEATURE_NAMES, LOOKBACK_BARS } from "../../../ml/features/index.ts";
import { outsideUntil } from "../../../ml/features/outsideSeries.ts";
import { createBarStream, createPoolStream } from "../../../ml/features/stream.ts";
import { featureTable } from "../../../ml/features/table.ts";
import { seededRandom } from "../../../ml/random.ts";
import type { Bar } from "../../../ml/types.ts";
import { hourlyBars, market, START } from "../fixtures.ts";
import { everySource } from "./outside.fixture.ts";

const HOUR = 3600;

/** Bars of which some know nothing, some no flow. */
function holes(count: number, seed: number): Bar[] {
  const random = seededRandom(seed);
  return hourlyBars(count, seed).map((bar) => {
    const draw = random();
    if (draw < 0.08) return emptyBar(bar.startSeconds, bar.endSeconds);
    if (draw < 0.14) return { ...bar, volume: Number.NaN, feeYield: Number.NaN, liquidity: Number.NaN };
    return draw < 0.18 ? { ...bar, liquidity: 0, volume: 0, signedVolume: 0, swaps: 0 } : bar;
  });
}

/** Names of the features whose bits differ. */
const different = (a: ArrayLike<number>, b: ArrayLike<number>): string[] =>
  FEATURE_NAMES.filter((_, i) => !Object.is(a[i], b[i]));

describe("features in a stream, a table and alone", () => {
  for (const seed of [1, 2, 3]) {
    it(`have the same bits, bar by bar, with holes, past what a stream keeps (seed ${seed})`, () => {
      const bars = holes(1_700, seed);
      const outside = everySource(START, bars.length);
      const stream = createBarStream(outside);
      const table = featureTable(bars, outside);
      bars.forEach((bar, row) => {
        const streamed = stream.push(bar);
        expect(different(streamed.values, table.at(row))).toEqual([]);
        if (row % 97 === 0 || row < 30) {
          const alone = computeFeatures(bars.slice(0, row + 1), outside);
          expect(streamed.atSeconds).toBe(alone.atSeconds);
          expect(different(streamed.values, alone.values)).toEqual([]);
        }
      });
    });
  }

  it("take hours that are left out as hours not known", () => {
    const bars = hourlyBars(200);
    const known = bars.filter((_, i) => i < 50 || i > 60);
    const filled = bars.map((bar, i) => (i < 50 || i > 60 ? bar : emptyBar(bar.startSeconds, bar.endSeconds)));
    const stream = createBarStream();
    const last = known.map((bar) => stream.push(bar)).at(-1);
    expect(last).toEqual(computeFeatures(filled));
    const far = { ...(bars[0] as Bar), startSeconds: START + 9_000 * HOUR, endSeconds: START + 9_001 * HOUR };
    expect(different(stream.push(far).values, computeFeatures([far]).values)).toEqual([]);
  });

  it("refuse bars that are not the next ones", () => {
    const [first, second] = hourlyBars(2) as [Bar, Bar];
    const stream = createBarStream();
    stream.push(second);
    expect(() => stream.push(first)).toThrow(/must be an hour that begins at/);
    const late = { ...second, startSeconds: second.endSeconds + 60, endSeconds: second.endSeconds + 3660 };
    expect(() => stream.push(late)).toThrow(/whole hours after/);
  });

  it("have the same bits block by block as when bars are cut from the whole history", () => {
    const history = market({ hours: 60, swapsPerHour: 12 });
    const gap = [START + 20 * HOUR, START + 29 * HOUR] as const;
    const swaps = history.swaps.filter(({ timestamp }) => timestamp < gap[0] || timestamp > gap[1]);
    const stream = createPoolStream({ pool: history.pool, numeraire: 1, fromTimestamp: START });
    let [next, compared] = [0, 0];
    for (let at = START + 7; at <= history.toTimestamp; at += 411) {
      const from = next;
      while (next < swaps.length && (swaps[next]?.timestamp ?? 0) <= at) next++;
      const streamed = stream.block(at, swaps.slice(from, next));
      const bars = toBars({ ...history, swaps }, 1, { barSeconds: HOUR, untilSeconds: at, atMost: LOOKBACK_BARS });
      if (bars.length === 0 || Number.isNaN(bars.at(-1)?.close)) expect(streamed).toBe(null);
      else {
        expect(streamed).toEqual(computeFeatures(bars));
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(400);
  });

  it("have the same bits when a stream of blocks has forgotten what is too old", () => {
    const history = market({ hours: 1_600, swapsPerHour: 2 });
    const stream = createPoolStream({ pool: history.pool, numeraire: 1, fromTimestamp: START });
    let next = 0;
    for (let at = START + 1800; at <= history.toTimestamp; at += 5 * HOUR) {
      const from = next;
      while (next < history.swaps.length && (history.swaps[next]?.timestamp ?? 0) <= at) next++;
      const streamed = stream.block(at, history.swaps.slice(from, next));
      if ((at - START - 1800) % (50 * HOUR) !== 0 || at < START + HOUR) continue;
      const bars = toBars(history, 1, { barSeconds: HOUR, untilSeconds: at, atMost: LOOKBACK_BARS });
      expect(different(streamed?.values ?? [], computeFeatures(bars).values)).toEqual([]);
    }
  });
});

describe("the world outside as it was at a moment", () => {
  it("holds all that was known by then and nothing that was only true", () => {
    const outside = everySource(START, 100);
    const at = START + 40 * HOUR;
    for (const [name, whole] of Object.entries(outside)) {
      const cut = outsideUntil(outside, at)[name as keyof typeof outside];
      expect(cut?.values).toHaveLength(5);
      expect(whole.at[5]).toBe(at);
      expect([cut?.at, cut?.knowable].map((moments) => Array.from(moments ?? []))).toEqual([
        Array.from(whole.at).slice(0, 5),
        Array.from(whole.knowable).slice(0, 5),
      ]);
    }
    expect(outsideUntil(outside, at + 1800).vix?.values).toHaveLength(6);
  });
});

describe("no feature sees the future", () => {
  const bars = holes(900, 4);
  const outside = everySource(START, bars.length);
  const table = featureTable(bars, outside);
  // Some end just as a value from outside begins to be true, half an hour before it is known.
  const rows = [39, 200, 455, 750, 879];
  for (const name of FEATURE_NAMES) {
    it(`${name} is what it was when nothing later had happened`, () => {
      const i = FEATURE_NAMES.indexOf(name);
      for (const row of rows) {
        const past = computeFeatures(bars.slice(0, row + 1), outsideUntil(outside, bars[row]?.endSeconds ?? 0));
        expect(table.at(row)[i]).toBe(past.values[i]);
      }
      // A comparison of nothing but missing values would prove nothing.
      expect(rows.some((row) => !Number.isNaN(table.at(row)[i]))).toBe(true);
    });
  }
});
