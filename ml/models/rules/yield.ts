import { feature } from "../../features/index.ts";
import { concentration } from "../../risk/position.ts";
import { ModelInputError } from "../../runtime/errors.ts";
import type { YieldModel } from "../../types.ts";
import { expectedInRange } from "./il.ts";
import { sourceSha256 } from "./source.ts";
import { lognormalQuantiles, varianceForecast } from "./volatility.ts";

const DAY_SECONDS = 86_400;

/** Standard deviation of ln(fee yield of a day / that of the day before) over 206 days of three pools (0.42 to 0.55 each). */
const FEE_SPREAD = 0.44;

/** Baseline without weights: the last day's fees go on, times the range's concentration and expected time in range. */
export const loadRulesYield = async (): Promise<YieldModel> => ({
  id: "rules-yield",
  version: "1.0.0",
  task: "yield",
  sha256: sourceSha256(import.meta.url),
  async predict(features, queries) {
    if (queries.length === 0) return [];
    const known = ["log_fee_24h", "log_fee_6h"]
      .map((name) => feature(features, name))
      .find((fee) => !Number.isNaN(fee));
    if (known === undefined) {
      throw new ModelInputError("rules: log_fee_24h and log_fee_6h are missing, but one must be known for a forecast");
    }
    const perDay = Math.exp(known);
    const variancePerDay = varianceForecast(features);
    return queries.map(({ lowerOffset, upperOffset, horizonSeconds }) => {
      const range = { lower: lowerOffset, upper: upperOffset };
      const days = horizonSeconds / DAY_SECONDS;
      const inRange = expectedInRange(range, variancePerDay * days);
      return lognormalQuantiles(perDay * days * concentration(range) * inRange, FEE_SPREAD);
    });
  },
});
