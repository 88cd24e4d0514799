import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../ml/random.ts";
import { candidateRanges } from "../../../ml/ranges/candidates.ts";
import { confidenceLimits, spreadOf } from "../../../ml/ranges/confidence.ts";
import {
  type MoveMarket,
  offsetsOf,
  otherShareOf,
  placement,
  referenceLoss,
  swapCost,
  swapImpact,
} from "../../../ml/ranges/cost.ts";
import { best } from "../../../ml/ranges/rank.ts";
import type { Candidate } from "../../../ml/types.ts";
import { amountsForLiquidity, getSqrtPriceAtTick, WAD } from "../../../ml/units.ts";
import { bounds } from "../fixtures.ts";

describe("candidateRanges", () => {
  const parameters = { bounds, minWidthTicks: 833, referenceTick: 1234, tickSpacing: 60 };

  it("stays inside every bound and on the spacing", () => {
    const ranges = candidateRanges(parameters);
    expect(ranges.length).toBeGreaterThan(100);
    for (const { lowerTick, upperTick } of ranges) {
      expect([lowerTick % 60, upperTick % 60].map(Math.abs)).toEqual([0, 0]);
      expect(upperTick - lowerTick).toBeGreaterThanOrEqual(833);
      expect(upperTick - lowerTick).toBeLessThanOrEqual(bounds.maxWidthTicks);
      expect(Math.abs((lowerTick + upperTick) / 2 - 1234)).toBeLessThanOrEqual(bounds.maxCentreDistanceTicks);
    }
  });

  it("names each range once, in order, also beside and around the reference", () => {
    const ranges = candidateRanges(parameters);
    expect(new Set(ranges.map((range) => `${range.lowerTick} ${range.upperTick}`)).size).toBe(ranges.length);
    expect(ranges).toEqual(ranges.toSorted((a, b) => a.lowerTick - b.lowerTick || a.upperTick - b.upperTick));
    expect(ranges.some((range) => range.lowerTick > 1234)).toBe(true);
    expect(ranges.some((range) => range.upperTick < 1234)).toBe(true);
  });

  it("is empty when the floor is above the ceiling", () => {
    expect(candidateRanges({ ...parameters, minWidthTicks: 20_001 })).toEqual([]);
  });

  it("leaves out what snapping to the spacing moved too far", () => {
    const near = candidateRanges({ ...parameters, bounds: { ...bounds, maxCentreDistanceTicks: 20 } });
    for (const { lowerTick, upperTick } of near) {
      expect(Math.abs((lowerTick + upperTick) / 2 - 1234)).toBeLessThanOrEqual(20);
    }
  });

  it.each([1, 10, 60])("offers a mirrored market the mirrored ranges, %i ticks apart", (tickSpacing) => {
    // Among these are references half-way between two ticks of the spacing, and on one.
    for (let referenceTick = 1200; referenceTick <= 1260; referenceTick++) {
      const rangesAt = (tick: number) =>
        candidateRanges({ ...parameters, bounds, tickSpacing, referenceTick: tick, minWidthTicks: 437 });
      const turned = rangesAt(-referenceTick).map((range) => `${0 - range.upperTick} ${0 - range.lowerTick}`);
      const ranges = rangesAt(referenceTick).map((range) => `${range.lowerTick} ${range.upperTick}`);
      expect(ranges.toSorted(), String(referenceTick)).toEqual(turned.toSorted());
    }
  });

  it("offers thousands when asked", () => {
    const ranges = candidateRanges({ ...parameters, tickSpacing: 1, grid: { widths: 64, centres: 65 } });
    expect(ranges.length).toBeGreaterThan(3_500);
  });
});

describe("confidenceLimits", () => {
  it("asks for more width and less size the more uncertain", () => {
    const at = (spread: bigint) => confidenceLimits(bounds, spread);
    expect(at(WAD / 20n)).toEqual({ minWidthTicks: 833, maxShareWad: WAD, deRiskOnly: false });
    expect(at(WAD / 4n)).toEqual({ minWidthTicks: 3366, maxShareWad: WAD / 5n, deRiskOnly: false });
    expect(at(WAD / 4n + 1n).deRiskOnly).toBe(true);
    const middle = at((WAD * 175n) / 1000n);
    expect(Number(middle.maxShareWad) / 1e18).toBeCloseTo(0.6, 9);
    expect(middle.maxShareWad).toBeLessThan((WAD * 6n) / 10n);
  });

  it("takes the spread that the chain measures when it is the worse one", () => {
    const measured = { ...bounds, minSpreadWad: WAD / 5n };
    expect(confidenceLimits(measured, WAD / 20n)).toEqual(confidenceLimits(bounds, WAD / 5n));
    expect(confidenceLimits(measured, WAD / 4n)).toEqual(confidenceLimits(bounds, WAD / 4n));
  });

  it("takes the upper decile of the day's move as spread", () => {
    expect(Number(spreadOf({ mean: 0, q10: 0, q50: 0, q90: 0.0016 })) / 1e18).toBeCloseTo(0.04 * 1.28, 9);
  });
});

describe("cost of a move", () => {
  const at = (numeraire: 0 | 1): MoveMarket => ({
    numeraire,
    lnPrice: 0,
    otherLiquidity: 1e18,
    feePips: 3000,
    referenceGap: 0,
  });

  it("sees a range from either side of the pool", () => {
    const range = { lowerTick: -600, upperTick: 1200 };
    const one = offsetsOf(range, at(1));
    const zero = offsetsOf(range, at(0));
    expect(one.lower).toBeCloseTo(-600 * Math.log(1.0001), 12);
    expect(zero.lower).toBeCloseTo(-1200 * Math.log(1.0001), 12);
    expect(zero.upper).toBeCloseTo(600 * Math.log(1.0001), 12);
    const { amount0, amount1 } = amountsForLiquidity(getSqrtPriceAtTick(0), -600, 1200, WAD);
    expect(otherShareOf(one)).toBeCloseTo(Number(amount0) / Number(amount0 + amount1), 9);
    expect(otherShareOf(zero)).toBeCloseTo(Number(amount1) / Number(amount0 + amount1), 9);
  });

  it("is the fee and the impact of what must be swapped", () => {
    // Half of NAV moves the price by 2 x 5e14 / 1e18: on average half of that is lost.
    expect(swapCost(0.5, 1e15, at(1))).toBeCloseTo(0.5 * (0.003 + 0.0005), 12);
    expect(swapCost(-0.5, 1e15, at(1))).toBe(swapCost(0.5, 1e15, at(1)));
    expect(swapCost(0, 1e15, at(1))).toBe(0);
    expect(swapImpact(1, { otherLiquidity: 0, lnPrice: 0 })).toBe(Number.POSITIVE_INFINITY);
  });

  it("swaps the least that places the target, whatever is held", () => {
    const random = seededRandom(5);
    for (let i = 0; i < 500; i++) {
      const half = 0.02 + 0.3 * random();
      const shift = 1.5 * half * (2 * random() - 1);
      const range = { lower: shift - half, upper: shift + half };
      const maxWeight = 0.2 + 0.8 * random();
      const target = maxWeight * (0.05 + 0.95 * random());
      const held = random();
      const { swapShare, weight } = placement(range, held, target, maxWeight);
      const wanted = otherShareOf(range);
      expect(weight).toBeLessThanOrEqual(maxWeight);
      const deployed = (other: number): number =>
        Math.min(
          wanted > 0 ? (weight * other) / wanted : Number.POSITIVE_INFINITY,
          wanted < 1 ? (weight * (1 - other)) / (1 - wanted) : Number.POSITIVE_INFINITY,
        );
      expect(deployed(held + swapShare)).toBeCloseTo(target, 9);
      // A smaller swap would place less.
      if (swapShare !== 0) expect(deployed(held + 0.9 * swapShare)).toBeLessThan(target);
    }
  });

  it("needs no swap for a range on the side of what is held", () => {
    expect(placement({ lower: -0.2, upper: -0.1 }, 0, 1, 1).swapShare).toBe(0);
    expect(placement({ lower: 0.1, upper: 0.2 }, 1, 1, 1).swapShare).toBe(0);
    expect(placement({ lower: -0.1, upper: 0.1 }, 0, 1, 1).swapShare).toBeCloseTo(0.5, 9);
    expect(placement({ lower: -0.1, upper: 0.1 }, 0, 0.2, 1).swapShare).toBeCloseTo(0.1, 9);
  });

  it("declares more when the reference prices lie away from spot", () => {
    const range = { lower: -0.1, upper: 0.1 };
    expect(referenceLoss(range, 0.5, 0)).toBe(0);
    expect(referenceLoss(range, 0.5, 0.002)).toBeGreaterThan(0.5 * 0.002);
    expect(referenceLoss(range, 0, 0.002)).toBeGreaterThan(0);
  });
});

describe("best", () => {
  const row = (netBps: number, width: number): Candidate => ({
    kind: "range",
    range: { lowerTick: 0, upperTick: width },
    share: 1,
    inRange: 1,
    feesBps: 0,
    ilBps: 0,
    lvrBps: 0,
    costBps: 0,
    tailBps: 0,
    deviationBps: 0,
    breach: 0,
    netBps,
    waitBps: 0,
    refusal: null,
  });

  it("takes the highest net, then the wider range, then the first", () => {
    expect(best([row(1, 10), row(3, 10), row(2, 99)], () => true)).toBe(1);
    expect(best([row(3, 10), row(3, 20), row(3, 20)], () => true)).toBe(1);
    expect(best([row(1, 10)], () => false)).toBe(-1);
  });
});
