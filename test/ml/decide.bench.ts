import { bench, describe } from "vitest";
import { toBars } from "../../ml/data/bars.ts";
import { decide } from "../../ml/decide.ts";
import { computeFeatures } from "../../ml/features/index.ts";
import { loadModelSet } from "../../ml/models/index.ts";
import { bounds, market, settings, vault } from "./fixtures.ts";

/** `npx vitest bench test/ml`: how long one decision takes, and where. A week of history with 40 swaps an hour. */
const coarse = market({ hours: 168, swapsPerHour: 40 });
const history = { ...coarse, pool: { ...coarse.pool, tickSpacing: 1 } };
const state = vault(history, 1);
const bars = toBars(history, 1, { barSeconds: 3600, untilSeconds: history.toTimestamp });
const features = computeFeatures(bars);
const queries = Array.from({ length: 4096 }, (_, i) => ({
  lowerOffset: -0.01 - i * 1e-4,
  upperOffset: 0.02 + i * 1e-4,
  horizonSeconds: settings.horizonSeconds,
}));

describe("preparation", () => {
  bench("6,720 swaps to hourly bars", () => {
    toBars(history, 1, { barSeconds: 3600, untilSeconds: history.toTimestamp });
  });
  bench("features", () => {
    computeFeatures(bars);
  });
});

for (const id of ["rules", "rangekeeper"]) {
  const models = await loadModelSet(id);
  describe(`model set ${id}`, () => {
    bench("losses of 4,096 ranges", async () => {
      await models.il.predict(features, queries);
    });
    bench("fees of 4,096 ranges", async () => {
      await models.yield.predict(features, queries);
    });
    bench("decision over the default grid", async () => {
      await decide({ history, state, models, bounds, settings });
    });
    bench("decision over about 4,100 ranges", async () => {
      await decide({ history, state, models, bounds, settings, grid: { widths: 64, centres: 66 } });
    });
  });
}
