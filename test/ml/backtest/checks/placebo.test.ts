import { describe, expect, it } from "vitest";
import { placebo } from "../../../../ml/backtest/checks/placebo.ts";
import { placeboMarket } from "../../../../ml/backtest/checks/placeboMarket.ts";
import { factoryOf, hold } from "../../../../ml/backtest/policies/definition.ts";
import { policies } from "../../../../ml/backtest/policies/index.ts";
import { centred, ticksOfRatio } from "../../../../ml/backtest/policies/place.ts";
import { studentQuantile } from "../../../../ml/backtest/studentQuantile.ts";
import type { PolicyFactory } from "../../../../ml/backtest/types.ts";
import { rangeDelta, rangeValue } from "../../../../ml/risk/range.ts";
import { sqrtPriceX96ToLnPrice } from "../../../../ml/units.ts";

const SETTINGS = { seed: 7, markets: 5, days: 10, feePips: 3000, sigmaPerDay: 0.05, capital: 10_000 };
/** The seed of the i-th market, which a cheat knows. */
const marketSeed = (i: number) => SETTINGS.seed * 10_000 + i;
const pricesOf = (seed: number) =>
  placeboMarket({ seed, days: SETTINGS.days, feePips: 3000, sigmaPerDay: 0.05 }).events.map(
    ({ timestamp, sqrtPriceX96 }) => ({ timestamp, lnPrice: sqrtPriceX96ToLnPrice(sqrtPriceX96 ?? 0n, 1) }),
  );

/** Waits for an hour that ends near where it begins before it provides liquidity: it knows the next hour's price. */
function peeking(): PolicyFactory {
  let market = 0;
  return factoryOf({
    id: "peeking",
    label: "knows the next hour",
    family: "cheat",
    clairvoyant: false,
    source: "this test",
    start: () => {
      const prices = pricesOf(marketSeed(market++));
      const at = (seconds: number) => prices.findLast(({ timestamp }) => timestamp <= seconds)?.lnPrice ?? Number.NaN;
      let begun = false;
      return (context) => {
        const quiet = Math.abs(at(context.atSeconds + 3600) - at(context.atSeconds)) < 0.004;
        const open = context.state.positions.length > 0;
        if (quiet && !open) {
          const ranges = [{ ...centred(context, ticksOfRatio(0.03)), weight: 1 }];
          const swap = begun ? "none" : "to-ratio";
          begun = true;
          return { kind: "move", reason: "a quiet hour comes", ranges, swap };
        }
        if (!quiet && open) return { kind: "idle", reason: "a wild hour comes", sell: false };
        return hold("as it is");
      };
    },
  });
}

describe("the placebo", () => {
  it("finds no edge in any baseline, and names the clairvoyant as excluded", async () => {
    const report = await placebo({ ...SETTINGS, markets: 4, days: 7 });
    expect(report.rows.length).toBe(Object.keys(policies).length);
    expect(report.rows.filter(({ clairvoyant, passes }) => !clairvoyant && !passes)).toEqual([]);
    expect(report.passes).toBe(true);
    expect(report.excluded).toEqual(["clairvoyant"]);
    const fixed = report.rows.find(({ id }) => id === "fixed-10");
    // It trades, and it is near nothing: an interval of thousands of basis points would show nothing.
    expect(fixed?.moves).toBeGreaterThan(0);
    expect(fixed?.edgeLower).toBeLessThan(0);
    expect(fixed?.edgeLower).toBeGreaterThan(-300);
  });

  it("goes on from the markets that it has, whichever of them", async () => {
    const places = new Map<string, string>();
    let read = 0;
    const kept = {
      recall<T>(name: string): T | null {
        const found = places.get(name);
        if (found !== undefined) read++;
        return found === undefined ? null : (JSON.parse(found) as T);
      },
      keep: (name: string, value: unknown) => void places.set(name, JSON.stringify(value)),
    };
    const asked = { ...SETTINGS, markets: 4, days: 4, policies: { fixed: policies["fixed-5"] as PolicyFactory } };
    const whole = await placebo(asked);
    expect(await placebo({ ...asked, kept })).toEqual(whole);
    expect([...places.keys()]).toEqual([0, 1, 2, 3].map((i) => `4d-${marketSeed(i)}`));
    places.delete(`4d-${marketSeed(1)}`);
    expect(await placebo({ ...asked, kept })).toEqual(whole);
    expect(read).toBe(3);
  });

  it("fails on a policy that knows the next hour's price", async () => {
    const report = await placebo({ ...SETTINGS, policies: { peeking: peeking() } });
    expect(report.rows[0]?.headline).toBeGreaterThan(0);
    expect(report.rows[0]?.passes).toBe(false);
    expect(report.passes).toBe(false);
  });

  it("fails on a fee of 105 times its rate, also for the plainest policies", async () => {
    const named = Object.fromEntries(
      ["full-range", "fixed-10", "fixed-20"].map((id) => [id, policies[id] as PolicyFactory]),
    );
    const report = await placebo({ ...SETTINGS, markets: 8, policies: named, chargedPips: 3000 * 105 });
    expect(report.rows.map(({ passes }) => passes)).toEqual([false, false, false]);
  });

  it("fails on a fee that is only a tenth too high", async () => {
    const wide = { "full-range": policies["full-range"] as PolicyFactory };
    const report = await placebo({ ...SETTINGS, markets: 8, policies: wide, chargedPips: 3300 });
    expect(report.passes).toBe(false);
    expect((await placebo({ ...SETTINGS, markets: 8, policies: wide })).passes).toBe(true);
  });
});

describe("a placebo market", () => {
  it("is the same for the same seed, and quiet or wild for half a day", () => {
    const one = placeboMarket({ seed: 1, days: 3, feePips: 3000, sigmaPerDay: 0.05 });
    expect(placeboMarket({ seed: 1, days: 3, feePips: 3000, sigmaPerDay: 0.05 }).events).toEqual(one.events);
    expect(placeboMarket({ seed: 2, days: 3, feePips: 3000, sigmaPerDay: 0.05 }).events).not.toEqual(one.events);
  });

  it("has no drift, its volatility, and fees that pay LVR in ranges near and far from the price", () => {
    const fee = 0.003;
    const [returns, edges] = [[] as number[], [[], [], []] as number[][]];
    for (let seed = 1; seed <= 40; seed++) {
      const { events } = placeboMarket({ seed, days: 20, feePips: 3000, sigmaPerDay: 0.05 });
      const prices = [2000, ...events.map(({ sqrtPriceX96 }) => (Number(sqrtPriceX96) / 2 ** 96) ** 2)];
      for (let i = 1; i < prices.length; i++) returns.push((prices[i] ?? 0) / (prices[i - 1] ?? 1) - 1);
      // A range of ±1 % put around the price, or 2 % away, once every 50 swaps; and a range that stays.
      const ranges = (price: number) => [
        { lowerPrice: price * 0.99, upperPrice: price * 1.01, liquidity: 1 / Math.sqrt(price) },
        { lowerPrice: price * 1.02, upperPrice: price * 1.03, liquidity: 1 / Math.sqrt(price) },
        { lowerPrice: 1900, upperPrice: 2100, liquidity: 1 / Math.sqrt(2000) },
      ];
      const sums = [0, 0, 0];
      let held = ranges(2000);
      for (let i = 1; i < prices.length; i++) {
        const [from, to] = [prices[i - 1] ?? 0, prices[i] ?? 0];
        if (i % 50 === 0) held = ranges(from);
        held.forEach((position, k) => {
          const lvr =
            rangeDelta(position, from) * (to - from) - (rangeValue(position, to) - rangeValue(position, from));
          const clamp = (price: number) => Math.min(Math.max(price, position.lowerPrice), position.upperPrice);
          const [a, b] = [Math.sqrt(clamp(from)), Math.sqrt(clamp(to))];
          // Net input: asset going up, the other token (valued after the swap) going down.
          const input = to > from ? position.liquidity * (b - a) : position.liquidity * (1 / b - 1 / a) * to;
          sums[k] = (sums[k] ?? 0) + (input * fee) / (1 - fee) - lvr;
        });
      }
      sums.forEach((sum, k) => {
        edges[k]?.push(sum);
      });
    }
    const test = (values: readonly number[]) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
      return { z: mean / Math.sqrt(variance / values.length), variance };
    };
    const perDay = returns.length / (40 * 20);
    expect(Math.abs(test(returns).z)).toBeLessThan(4);
    expect(Math.sqrt(test(returns).variance * perDay) / 0.05).toBeCloseTo(1, 1);
    for (const sums of edges) expect(Math.abs(test(sums).z)).toBeLessThan(4);
  });
});

describe("Student's quantile", () => {
  it("has the tabulated values", () => {
    expect(studentQuantile(0.975, 10)).toBeCloseTo(2.2281, 3);
    expect(studentQuantile(0.95, 30)).toBeCloseTo(1.6973, 3);
    expect(studentQuantile(0.999, 20)).toBeCloseTo(3.5518, 2);
  });
});
