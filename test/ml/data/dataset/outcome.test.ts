import { describe, expect, it } from "vitest";
import { rangeOutcome } from "../../../../ml/data/dataset/outcome.ts";
import type { Bar } from "../../../../ml/types.ts";
import { hourlyBars } from "../../fixtures.ts";

const [first] = hourlyBars(1);

describe("rangeOutcome", () => {
  const flat = (close: number): Bar => ({
    ...(first as Bar),
    open: close,
    high: close,
    low: close,
    close,
    feeYield: 1e-4,
  });
  const query = { lowerOffset: -0.1, upperOffset: 0.1, horizonSeconds: 86_400 };

  it("earns the concentration times the full-range fee while the price stands still", () => {
    const outcome = rangeOutcome(Array(25).fill(flat(3)), query);
    const concentration = 1 / (1 - Math.exp(-0.05));
    expect(outcome?.feeYield).toBeCloseTo(24e-4 * concentration, 9);
    expect(outcome).toMatchObject({ il: 0, inRange: 1 });
  });

  it("earns nothing outside and loses what the move took", () => {
    const path = [flat(0), ...Array(24).fill(flat(0.5))];
    const outcome = rangeOutcome(path, query);
    // The one bar that crossed spent a fifth of its way inside.
    expect(outcome?.inRange).toBeCloseTo(0.2 / 24, 9);
    expect(outcome?.il).toBeLessThan(-0.1);
  });

  it("does not judge a way that is mostly unknown", () => {
    const path = [flat(0), ...Array(23).fill({ ...flat(0), close: Number.NaN }), flat(0)];
    expect(rangeOutcome(path, query)).toBeNull();
  });
});
