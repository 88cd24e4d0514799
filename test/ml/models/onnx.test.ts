import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { computeFeatures } from "../../../ml/features/index.ts";
import { openVolatilityModel } from "../../../ml/models/onnx.ts";
import { ModelInputError } from "../../../ml/runtime/errors.ts";
import type { Features } from "../../../ml/types.ts";
import { hourlyBars } from "../fixtures.ts";
import { writePackage } from "../runtime/package.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
const SHIPPED = join(import.meta.dirname, "../../../ml/models/volatility-har-net");
const root = mkdtempSync(join(tmpdir(), "onnx-"));
const ordinary = computeFeatures(hourlyBars(800));
/** Nothing of the market is known, not even the hour. */
const bare: Features = { ...ordinary, values: ordinary.values.map(() => Number.NaN) };

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a volatility package that takes a horizon", () => {
  it("forecasts each horizon by itself: more time is more variance, and not in proportion", async () => {
    const model = await openVolatilityModel(SHIPPED);
    const horizons = [HOUR, 4 * HOUR, 12 * HOUR, DAY, 3 * DAY, 7 * DAY];
    const means = [];
    for (const horizon of horizons) {
      const { mean, q10, q50, q90 } = await model.predict(ordinary, horizon);
      expect(q10).toBeLessThan(q50);
      expect(q50).toBeLessThan(q90);
      expect(q10).toBeGreaterThan(0);
      expect(mean).toBeLessThan(q90 * 2);
      means.push(mean);
    }
    for (let i = 1; i < means.length; i++) expect(means[i]).toBeGreaterThan(means[i - 1] as number);
    expect(Math.abs((means[5] as number) / (7 * (means[3] as number)) - 1)).toBeGreaterThan(0.001);
  });

  it("is surer of a week than of an hour", async () => {
    const model = await openVolatilityModel(SHIPPED);
    const [hour, week] = [await model.predict(ordinary, HOUR), await model.predict(ordinary, 7 * DAY)];
    expect(hour.q90 / hour.q10).toBeGreaterThan(3 * (week.q90 / week.q10));
  });

  it("answers with nothing known at all, near the level of its training", async () => {
    const { mean } = await (await openVolatilityModel(SHIPPED)).predict(bare, DAY);
    expect(Math.sqrt(mean)).toBeGreaterThan(0.005);
    expect(Math.sqrt(mean)).toBeLessThan(0.15);
  });

  it.each([0, -DAY, Number.NaN, Number.POSITIVE_INFINITY])("refuses a horizon of %s s", async (horizon) => {
    const model = await openVolatilityModel(SHIPPED);
    await expect(model.predict(ordinary, horizon)).rejects.toThrow(ModelInputError);
  });
});

describe("a volatility package of one horizon", () => {
  // The answer does not depend on the market.
  const layer = { outputs: 4, weights: Array(8).fill(0), bias: [0.004, 0.001, 0.003, 0.008] };

  it("scales with time, as variance does", async () => {
    const folder = writePackage(root, "volatility", layer, (manifest) => ({
      ...manifest,
      horizonSeconds: DAY,
    }));
    const model = await openVolatilityModel(folder);
    const [day, week] = [await model.predict(ordinary, DAY), await model.predict(ordinary, 7 * DAY)];
    expect(week.mean / day.mean).toBeCloseTo(7, 6);
    expect(week.q90 / day.q90).toBeCloseTo(7, 6);
  });
});
