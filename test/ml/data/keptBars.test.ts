import { describe, expect, it } from "vitest";
import { toBars } from "../../../ml/data/bars.ts";
import { createKeptBars } from "../../../ml/data/keptBars.ts";
import { computeFeatures } from "../../../ml/features/index.ts";
import { createPoolStream } from "../../../ml/features/stream.ts";
import { outlookOf } from "../../../ml/outlook.ts";
import { seededRandom } from "../../../ml/random.ts";
import type { Numeraire, PoolHistory, SwapEvent } from "../../../ml/types.ts";
import { market, START } from "../fixtures.ts";

const HOUR = 3600;
const whole = market({ hours: 90, swapsPerHour: 30, seed: 5 });
const { pool } = whole;

/** The history that a worker holds at a time, with so much behind it. */
function historyAt(swaps: readonly SwapEvent[], toTimestamp: number, lookbackSeconds: number): PoolHistory {
  const fromTimestamp = Math.max(START, toTimestamp - lookbackSeconds);
  const held = swaps.filter(({ timestamp }) => timestamp >= fromTimestamp && timestamp <= toTimestamp);
  return { ...whole, swaps: held, fromTimestamp, toTimestamp };
}

const span = ({ toTimestamp }: PoolHistory) => ({ barSeconds: HOUR, untilSeconds: toTimestamp, atMost: 721 });

describe("bars of a history that grows", () => {
  it.each([0, 1] as const)(
    "have the bits of bars made anew, forwards, backwards and after a reorganisation (%s)",
    (numeraire) => {
      const kept = createKeptBars(numeraire);
      const random = seededRandom(7);
      let swaps = whole.swaps;
      let compared = 0;
      for (let step = 0; step < 120; step++) {
        const at = START + Math.floor((step / 120) * 80 * HOUR) + 3 * HOUR;
        // Now and then an older block is asked for, or the last blocks were replaced.
        const toTimestamp = random() < 0.2 ? at - Math.floor(random() * 2 * HOUR) : at;
        if (random() < 0.15) {
          const fork = at - Math.floor(random() * HOUR);
          swaps = swaps.map((swap) =>
            swap.timestamp > fork
              ? { ...swap, amount0: swap.amount0 * 2n, sqrtPriceX96: swap.sqrtPriceX96 + 10n ** 24n }
              : swap,
          );
        }
        const history = historyAt(swaps, toTimestamp, 24 * HOUR);
        const made = kept(history, span(history));
        expect(made).toEqual(toBars(history, numeraire, span(history)));
        compared += made.filter(({ close }) => !Number.isNaN(close)).length;
      }
      expect(compared).toBeGreaterThan(1000);
    },
  );

  it("read each swap once, whatever is asked", () => {
    let reads = 0;
    const counted = whole.swaps.map((swap) =>
      Object.defineProperty({ ...swap }, "sqrtPriceX96", {
        get() {
          reads++;
          return swap.sqrtPriceX96;
        },
      }),
    );
    const kept = createKeptBars(1);
    let seen = 0;
    for (let hour = 30; hour <= 90; hour++) {
      const history = historyAt(counted, START + hour * HOUR, 24 * HOUR);
      kept(history, span(history));
      const known = counted.filter(
        ({ timestamp }) => timestamp >= START + 6 * HOUR && timestamp <= START + hour * HOUR,
      );
      expect(reads).toBe(known.length);
      seen = known.length;
    }
    expect(seen).toBeGreaterThan(2000);
  });

  it("begin anew for another fee, and know nothing of a history without swaps", () => {
    const kept = createKeptBars(1);
    for (const feePips of [500, 3000]) {
      const history = { ...historyAt(whole.swaps, START + 40 * HOUR, 24 * HOUR), pool: { ...pool, feePips } };
      expect(kept(history, span(history))).toEqual(toBars(history, 1, span(history)));
    }
    const none = { ...historyAt([], START + 50 * HOUR, 24 * HOUR) };
    expect(kept(none, span(none))).toEqual(toBars(none, 1, span(none)));
    const again = historyAt(whole.swaps, START + 51 * HOUR, 24 * HOUR);
    expect(kept(again, span(again))).toEqual(toBars(again, 1, span(again)));
  });

  it("give a worker's outlook the features of an outlook of its own, and of a stream of blocks", () => {
    const kept = { 0: createKeptBars(0), 1: createKeptBars(1) } as Record<Numeraire, ReturnType<typeof createKeptBars>>;
    const models = {} as Parameters<typeof outlookOf>[0]["models"];
    const stream = createPoolStream({ pool, numeraire: 1, fromTimestamp: START });
    let last = START;
    for (let minute = 0; minute < 60; minute++) {
      const at = START + 60 * HOUR + minute * 60;
      const history = historyAt(whole.swaps, at, 1000 * HOUR);
      const found = outlookOf({ history, models, kept }).features(1);
      expect(found).toEqual(outlookOf({ history, models }).features(1));
      expect(found).toEqual(computeFeatures(toBars(history, 1, span(history))));
      expect(
        stream.block(
          at,
          whole.swaps.filter(({ timestamp }) => timestamp > last && timestamp <= at),
        ),
      ).toEqual(found);
      last = at;
    }
  });
});
